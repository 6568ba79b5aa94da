using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Postern.Client;
using Postern.Configuration;

namespace Postern.Commands.Workload;

/// <summary>
/// <c>postern agent</c>: a sidecar that holds a workload's identity for programs that can't renew a token themselves. They connect to it in clear on loopback or a
/// Unix socket; it goes to the gate over TLS with a fresh token.
/// </summary>
internal static class AgentCommand
{
    private static readonly Option<string> Listen = new("--listen")
    {
        Description = "Where programs connect: a loopback address with its port, or unix:/path. Temporal's SDKs speak HTTP/2 here.",
        HelpName = "address",
        DefaultValueFactory = _ => "127.0.0.1:7243",
    };

    private static readonly Option<string> Protocol = new Option<string>("--protocol")
    {
        Description = "What is spoken in clear: grpc (HTTP/2) for Temporal's SDKs, http (HTTP/1.1, WebSockets) for Prefect.",
        DefaultValueFactory = _ => "grpc",
    }.AcceptOnlyFromAmong("grpc", "http");

    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "agent",
            "A sidecar for workers that can't renew a token: they connect to it without credentials, it forwards to the gate with a fresh token. "
            + "Whoever can connect to it acts as this workload: it listens on loopback or a Unix socket only. An identity that the gate refuses ends it.",
            "postern agent --gate https://postern.example.com:7233 --workload-file /var/run/secrets/tokens/postern",
            "postern agent --gate https://postern.example.com:7233 --account payroll-worker --key-file /run/secrets/postern --listen unix:/run/postern.sock",
            "postern agent --profile prod --protocol http --listen 127.0.0.1:4200    # Prefect, as whoever ran postern login --prefect")
        {
            Listen,
            Protocol,
        };
        foreach (var option in WorkloadIdentity.Options)
        {
            command.Add(option);
        }

        command.SetAction((parsed, cancellation) => RunAsync(parsed, time, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, TimeProvider time, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        if (EndPointOf(parsed.GetRequiredValue(Listen)) is not { } endPoint)
        {
            output.Words($"'{parsed.GetValue(Listen)}' is no place for it: write a loopback address and port, such as 127.0.0.1:7243, or unix:/path. Anybody who can connect acts as this workload.");
            return ExitCodes.Usage;
        }

        await using var source = WorkloadIdentity.Read(parsed, time, out var wrong);
        var isGrpc = parsed.GetValue(Protocol) == "grpc";
        var (where, authority) = source is null ? default : WorkloadIdentity.GateOf(parsed, isPrefect: !isGrpc);
        if (source is null || where is not { } gate)
        {
            output.Words(wrong.Length > 0 ? wrong
                : parsed.GetValue(WorkloadIdentity.Login) is { } profile ? $"Where is Prefect? Run postern login --profile {profile} --prefect https://postern.example.com:4200/api."
                : "Which gate? Write --gate https://postern.example.com:7233.");
            return ExitCodes.Usage;
        }

        if (gate.Scheme == Uri.UriSchemeHttp && !gate.IsLoopback)
        {
            output.Words($"{gate} would get tokens in clear text; take https.");
            return ExitCodes.Usage;
        }

        using var handler = WorkloadIdentity.Handler(authority);
        using var loggers = ServeCommand.CreateLoggers();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => End(context, ending));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => End(context, ending));
        try
        {
            await using var agent = await AgentServer.StartAsync(new AgentOptions(endPoint, gate, isGrpc), source, handler, loggers, ending.Token);
            output.Words($"Listens on {agent.Address}, forwards to {gate}; the token holds until {source.Current!.ExpiresAt:O}.");
            if (await agent.Ended.WaitAsync(ending.Token).ConfigureAwait(ConfigureAwaitOptions.None) is { } refused)
            {
                output.Words($"The gate refuses this identity, so the agent ends: {refused}");
                return ExitCodes.Failed;
            }

            return ExitCodes.Ok;
        }
        catch (OperationCanceledException) when (ending.IsCancellationRequested)
        {
            return ExitCodes.Ok;
        }
        catch (Exception e) when (e is PosternTokenException or IOException or SocketException)
        {
            output.Words(e.Message);
            return ExitCodes.Failed;
        }
    }

    private static void End(PosixSignalContext context, CancellationTokenSource ending)
    {
        context.Cancel = true;
        ending.Cancel();
    }

    private static EndPoint? EndPointOf(string text)
    {
        const string Unix = "unix:";
        if (text.StartsWith(Unix, StringComparison.Ordinal))
        {
            return Path.IsPathRooted(text[Unix.Length..]) ? new UnixDomainSocketEndPoint(text[Unix.Length..]) : null;
        }

        return Addresses.TryParseListen(text, out var endPoint) && IPAddress.IsLoopback(endPoint.Address) ? endPoint : null;
    }
}
