using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Configuration;
using Postern.Identity;
using Postern.Identity.Jwt;
using Postern.Model;
using Postern.Policy;

namespace Postern.Commands;

/// <summary><c>postern policy explain</c>: why a caller may make a call or not, and what would change that.</summary>
internal static class PolicyExplainCommand
{
    private const int LongestToken = 64 * 1024;

    private static readonly Option<string> Token = new("--token")
    {
        Description = "A file with the caller's token, or - for stdin, instead of --caller. It is verified as the gate does. Not the token itself: other users see command lines.",
        HelpName = "file",
    };

    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "explain",
            "Says which rules were considered, which decided, and the smallest change that would turn the decision around.",
            "postern policy explain --caller user:okta/alice --group payments --call temporal/StartWorkflowExecution --with namespace=payments --with workflowType=Refund",
            "postern policy explain --token - --call temporal/PollWorkflowTaskQueue --with namespace=payments --with taskQueue=payments < token",
            "postern policy explain --caller account:payroll-worker --call temporal/PollActivityTaskQueue --with namespace=payroll --policy changed.yaml",
            "postern policy explain --caller account:procs --call prefect/get_scheduled_flow_runs --with prefect=main --with workPool=procs")
        {
            CallerArguments.Caller,
            CallerArguments.Groups,
            CallerArguments.Claims,
            Token,
            CallArguments.Call,
            CallArguments.With,
            CallArguments.Also,
            CallArguments.From,
            CallArguments.At,
            CommonOptions.Config,
            PolicyInput.Files,
            PolicyInput.IssuerNames,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed, time, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, TimeProvider time, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        var input = PolicyInput.Read(parsed);
        if (input.Result.Set is not { } set)
        {
            return ProblemPrinter.Print(output, input.Result.Problems);
        }

        if (CallArguments.Read(parsed, input.Calls, out var wrong) is not { } demands
            || CallArguments.ReadCircumstances(parsed, time, out wrong) is not { } circumstances)
        {
            output.Words(wrong);
            return ExitCodes.Usage;
        }

        var (caller, exit) = await ReadCallerAsync(parsed, input, output, time, cancellation);
        if (caller is null)
        {
            return exit;
        }

        var policy = set.For(caller);
        var decision = policy.DecideAll(demands, circumstances, out _);
        (string To, string Words)? narrowed = null;
        if (decision.Kind == DecisionKind.CannotTell && input.Calls.Find(parsed.GetRequiredValue(CallArguments.Call)) is { IsNarrowable: true })
        {
            (decision, narrowed) = Narrow(policy, demands, circumstances);
        }

        var explainer = new Explainer(set);
        Explanation[] explanations = [.. demands.Select(d => explainer.Explain(caller, d, circumstances))];
        Print(output, decision, narrowed, explanations);
        return decision.IsAllowed ? ExitCodes.Ok : ExitCodes.NotAllowed;
    }

    private static (Decision Decision, (string To, string Words)? Narrowed) Narrow(CallerPolicy policy, Demand[] demands, in Circumstances circumstances)
    {
        if (demands[0].Prefect is null)
        {
            var byType = policy.DecideByType(demands, circumstances, out var types);
            return (byType, types is null ? null : (types.ToString(), $"The gate narrows the call's query to workflow types: {types}."));
        }

        var byReach = policy.DecideByReach(demands, circumstances, out var reach);
        return (byReach, reach is null ? null : (reach.ToString(), $"The gate narrows the list, where the server's filters can say it, to: {reach}."));
    }

    private static void Print(CommandOutput output, Decision decision, (string To, string Words)? narrowed, Explanation[] explanations)
    {
        var word = OptionShape.Kebab(decision.Kind.ToString());
        if (output.IsJson)
        {
            output.Json(json =>
            {
                json.WriteStartObject();
                json.WriteString("decision", word);
                json.WriteString("rule", decision.Rule);
                if (narrowed is { To: var to })
                {
                    json.WriteString("narrowedTo", to);
                }

                json.WritePropertyName("demands");
                JsonSerializer.Serialize(json, explanations, CommandOutput.Plain);
                json.WriteEndObject();
            });
            return;
        }

        foreach (var explanation in explanations)
        {
            output.Result(explanation.ToText());
        }

        if (narrowed is { Words: var words })
        {
            output.Result($"{words} So narrowed: {word}, by {decision.Rule}.");
        }

        if (explanations.Length > 1)
        {
            output.Result($"The call asks for {explanations.Length} things and is allowed only when each is: {word}, by {decision.Rule}.");
        }
    }

    private static async Task<(Caller? Caller, int ExitCode)> ReadCallerAsync(
        ParseResult parsed, PolicyInput input, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        var file = parsed.GetValue(Token);
        if ((file is null) == (parsed.GetValue(CallerArguments.Caller) is null))
        {
            output.Words("Give either --caller or --token.");
            return (null, ExitCodes.Usage);
        }

        if (file is null)
        {
            var caller = CallerArguments.Read(parsed, input.Issuers, out var wrong);
            output.WordsIfAny(wrong);
            return (caller, ExitCodes.Usage);
        }

        if (input.Options is not { } options)
        {
            output.Words("--token needs the configuration, which names the issuers; without --issuer it is read.");
            return (null, ExitCodes.Usage);
        }

        try
        {
            return await VerifyAsync(await ReadTokenAsync(file, cancellation), options, output, time, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            output.Words($"The token can't be read: {e.Message}");
            return (null, ExitCodes.Failed);
        }
    }

    private static async Task<(Caller? Caller, int ExitCode)> VerifyAsync(string token, PosternOptions options, CommandOutput output, TimeProvider time, CancellationToken cancellation)
    {
        await using var source = new IdentitySources([new JwtIdentitySource(options.Identity, null, null, time, NullLogger.Instance)], null, time);
        await source.FirstFetch.WaitAsync(cancellation);
        var answer = await source.AuthenticateAsync("Bearer " + token, null, cancellation);
        if (answer.Token is { } verified)
        {
            return (verified.Caller, ExitCodes.Ok);
        }

        output.Words($"The gate would refuse this token ({OptionShape.Kebab(answer.Refusal!.Reason.ToString())}): {answer.Refusal.Text} {answer.Refusal.Detail}");
        return (null, ExitCodes.NotAllowed);
    }

    private static async Task<string> ReadTokenAsync(string file, CancellationToken cancellation)
    {
        await using var stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
        using var reader = new StreamReader(stream);
        var buffer = new char[LongestToken];
        var length = await reader.ReadBlockAsync(buffer, cancellation);
        return new string(buffer, 0, length).Trim();
    }
}
