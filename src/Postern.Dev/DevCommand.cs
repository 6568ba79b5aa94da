using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Postern.Dev;

/// <summary>The command line: <c>postern-dev</c> without anything is the common case.</summary>
internal sealed class DevCommand
{
    private static readonly DevPorts Usual = new(Gate: 7233, Admin: 7239, Keys: 7238, Identity: 7240, Engine: 7241, OAuth: 7242, Prefect: 7243);

    private readonly Option<DirectoryInfo?> _data = new("--data") { Description = "Folder of configuration, policy, users, keys and audit. Default: a new one, deleted at the end." };
    private readonly Option<string> _engine = new("--engine") { Description = "embedded, temporal-cli (temporal server start-dev, from PATH), or host:port of a frontend that runs already.", DefaultValueFactory = _ => "embedded" };
    private readonly Option<int?> _port = Port("--port", "Port of the gate", Usual.Gate);
    private readonly Option<int?> _adminPort = Port("--admin-port", "Port of health, readiness and metrics", Usual.Admin);
    private readonly Option<int?> _keysPort = Port("--keys-port", "Port of the gate's public keys", Usual.Keys);
    private readonly Option<int?> _identityPort = Port("--identity-port", "Port of the identity provider", Usual.Identity);
    private readonly Option<int?> _enginePort = Port("--engine-port", "Port of the engine", Usual.Engine);
    private readonly Option<int?> _oauthPort = Port("--oauth-port", "Port of the gate's token endpoint, and of Prefect's API", Usual.OAuth);
    private readonly Option<int?> _prefectPort = Port("--prefect-port", "Port of the Prefect server", Usual.Prefect);
    private readonly Option<string> _prefect = new("--prefect") { Description = "embedded, or prefect-cli (prefect server start, from PATH).", DefaultValueFactory = _ => "embedded" };
    private readonly Option<bool> _freePorts = new("--free-ports") { Description = "Free ports for every part that has none named." };
    private readonly Option<string[]> _parts = new("--parts") { Description = "Run only these (gate, identity, engine); the others are expected on their ports.", AllowMultipleArgumentsPerToken = true };
    private readonly Option<int> _tokenSeconds = new("--token-seconds") { Description = "Life of the identity provider's tokens.", DefaultValueFactory = _ => 3600 };
    private readonly Option<int?> _connectionSeconds = new("--engine-connection-seconds") { Description = "Age at which the embedded engine recycles a connection, as a server does every 5 minutes. Default: never." };
    private readonly Option<int> _graceSeconds = new("--engine-grace-seconds") { Description = "How long the calls of such a connection may go on.", DefaultValueFactory = _ => 70 };
    private readonly Option<string> _output = new("--output") { Description = "text, or json: one line on stdout when all is ready.", DefaultValueFactory = _ => "text" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "Every log line on stderr, not only warnings." };

    public RootCommand Build()
    {
        _output.AcceptOnlyFromAmong("text", "json");
        _prefect.AcceptOnlyFromAmong("embedded", "prefect-cli");
        _engine.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string>() is { } word && DevEngineChoice.Parse(word) is null)
            {
                result.AddError($"--engine {word}: write embedded, temporal-cli, or host:port.");
            }
        });
        _parts.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string[]>()?.FirstOrDefault(word => !Enum.TryParse<DevParts>(word, ignoreCase: true, out _)) is { } unknown)
            {
                result.AddError($"--parts {unknown}: write gate, identity, engine.");
            }
        });
        var command = new RootCommand(
            """
            Postern, an identity provider, a Temporal-compatible and a Prefect-compatible server in one process, on loopback, for trying and testing.

            Examples:
              postern-dev                             everything on its usual port; files in a new folder
              postern-dev --data .demo                the same, with files that stay: edit policy.yaml there, users in postern-dev.yaml
              postern-dev --engine temporal-cli       in front of `temporal server start-dev`
              postern-dev --prefect prefect-cli       in front of `prefect server start`
              postern-dev --parts identity engine     for a gate that you run yourself: postern serve --config <data>/postern.yaml
            """)
        {
            _data, _engine, _port, _adminPort, _keysPort, _identityPort, _enginePort, _oauthPort, _prefect, _prefectPort, _freePorts, _parts, _tokenSeconds, _connectionSeconds, _graceSeconds, _output, _verbose,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation)
    {
        var folder = arguments.GetValue(_data)?.FullName;
        var ownFolder = folder is null ? Directory.CreateTempSubdirectory("postern-dev-").FullName : null;
        try
        {
            var options = Read(arguments, Directory.CreateDirectory(folder ?? ownFolder!).FullName);
            using var loggers = LoggerFactory.Create(logging => Configure(logging, arguments.GetValue(_verbose)));
            await using var host = await DevHost.StartAsync(options, loggers, cancellation);
            Say(options, arguments.GetValue(_output) == "json");
            await WaitForEndAsync(cancellation);
            return 0;
        }
        catch (DevSetupException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 0;
        }
        finally
        {
            if (ownFolder is not null)
            {
                Directory.Delete(ownFolder, recursive: true);
            }
        }
    }

    // Ctrl+C and SIGTERM arrive as the cancellation of the command.
    private static async Task WaitForEndAsync(CancellationToken cancellation)
    {
        var end = new TaskCompletionSource();
        await using var registration = cancellation.Register(end.SetResult);
        await end.Task;
    }

    private DevHostOptions Read(ParseResult arguments, string folder)
    {
        var free = arguments.GetValue(_freePorts) ? new Queue<int>(FreePorts.Take(7)) : null;
        int PortOf(Option<int?> option, int usual) => arguments.GetValue(option) ?? (free is null ? usual : free.Dequeue());
        var parts = arguments.GetValue(_parts) is { Length: > 0 } named
            ? named.Aggregate(DevParts.None, (all, word) => all | Enum.Parse<DevParts>(word, ignoreCase: true))
            : DevParts.All;
        return new DevHostOptions
        {
            Folder = folder,
            Parts = parts,
            Ports = new DevPorts(
                PortOf(_port, Usual.Gate), PortOf(_adminPort, Usual.Admin), PortOf(_keysPort, Usual.Keys), PortOf(_identityPort, Usual.Identity), PortOf(_enginePort, Usual.Engine),
                PortOf(_oauthPort, Usual.OAuth), PortOf(_prefectPort, Usual.Prefect)),
            Engine = DevEngineChoice.Parse(arguments.GetValue(_engine)!)!,
            RealPrefect = arguments.GetValue(_prefect) == "prefect-cli",
            TokenLifetime = TimeSpan.FromSeconds(arguments.GetValue(_tokenSeconds)),
            EngineConnectionAge = arguments.GetValue(_connectionSeconds) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            EngineConnectionGrace = TimeSpan.FromSeconds(arguments.GetValue(_graceSeconds)),
        };
    }

    private static void Configure(ILoggingBuilder logging, bool verbose) => logging
        .SetMinimumLevel(verbose ? LogLevel.Information : LogLevel.Warning)
        // The framework's own lines name whole addresses, with what stands in their queries.
        .AddFilter("Microsoft", LogLevel.Warning)
        .AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss ";
            console.ColorBehavior = Console.IsErrorRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default;
        })
        .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);

    private static void Say(DevHostOptions options, bool json)
    {
        var gate = $"127.0.0.1:{options.Ports.Gate}";
        var issuer = $"http://127.0.0.1:{options.Ports.Identity}";
        var admin = $"http://127.0.0.1:{options.Ports.Admin}";
        var engine = options.Engine.Address ?? $"127.0.0.1:{options.Ports.Engine}";
        var prefect = $"http://127.0.0.1:{options.Ports.OAuth}/api";
        if (json)
        {
            Console.Out.WriteLine(new JsonObject
            {
                ["gate"] = gate,
                ["issuer"] = issuer,
                ["admin"] = admin,
                ["oauth"] = $"http://127.0.0.1:{options.Ports.OAuth}",
                ["keys"] = $"http://127.0.0.1:{options.Ports.Keys}",
                ["engine"] = engine,
                ["prefect"] = prefect,
                ["prefectServer"] = $"http://127.0.0.1:{options.Ports.Prefect}",
                ["engineKind"] = options.Engine.Word,
                ["data"] = options.Folder,
                ["config"] = DevFiles.ConfigPath(options.Folder),
                ["policy"] = DevFiles.PolicyPath(options.Folder),
                ["audit"] = DevFiles.AuditFolder(options.Folder),
            }.ToJsonString());
            return;
        }

        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            Ready.
              Gate      {gate}   Temporal's gRPC API, clear text: give your SDK an API key and switch TLS off
              Identity  {issuer}   tokens: client credentials, or log in by the authorization code flow
              Admin     {admin}   /healthz /readyz /metrics /v1
              Tokens    http://127.0.0.1:{options.Ports.OAuth}/oauth/token   the gate's own, for its own accounts
              Prefect   {prefect}   Prefect's API: PREFECT_API_URL, with PREFECT_API_AUTH_STRING=any:<token or key>
              Engine    {engine}   {options.Engine.Word}; namespaces payments and payroll
              Files     {options.Folder}
                          policy.yaml        who may do what; saved is in force
                          postern-dev.yaml   users, accounts, clients
                          audit/             one line per call

            A token, and a call with it:
              curl -s -u payments-worker:payments-worker-secret -d grant_type=client_credentials {issuer}/token
              temporal workflow list --address {gate} --namespace payments --tls=false --api-key <access_token>
            """));
    }

    private static Option<int?> Port(string name, string what, int usual)
    {
        var option = new Option<int?>(name) { Description = $"{what}. Default: {usual}." };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > 65535)
            {
                result.AddError($"{name}: write a port between 1 and 65535.");
            }
        });
        return option;
    }
}
