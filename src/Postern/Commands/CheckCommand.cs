using System.CommandLine;
using Postern.Commands.Checks;
using Postern.Configuration;
using Postern.Policy;

namespace Postern.Commands;

/// <summary><c>postern check</c>: everything that can be wrong with a configuration, in one run.</summary>
internal static class CheckCommand
{
    private static readonly Option<bool> Online = new("--online")
    {
        Description = "Also connect: engines, issuers, introspection endpoints, the audit folder, and the gate that runs with this configuration, if any.",
    };

    public static VerbCommand Create(TimeProvider time)
    {
        var command = new VerbCommand(
            "check",
            "Says what is wrong with a configuration: every problem, with its place and what to write instead.",
            "postern check",
            "postern check --config /etc/postern/postern.yaml --online",
            "postern check --output json | jq '.problems[].text'")
        {
            CommonOptions.Config,
            Online,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed, time, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed, TimeProvider time, CancellationToken cancellation)
    {
        var output = new CommandOutput(parsed);
        var result = PosternConfiguration.Load(parsed.GetRequiredValue(CommonOptions.Config));
        var problems = result.Report;
        if (result.Draft is { } options)
        {
            CertificateChecks.Run(options, problems, time);
            var policy = ReadPolicy(options, problems);
            if (parsed.GetValue(Online))
            {
                await FolderChecks.RunAsync(options, problems, cancellation);
                await StoreChecks.RunAsync(options, problems, time, cancellation);
                await IssuerChecks.RunAsync(options, problems, time, cancellation);
                await IntrospectionChecks.RunAsync(options, problems, time, cancellation);
                await EngineChecks.RunAsync(options, problems, cancellation);
                if (policy is not null && !await PollerChecks.RunAsync(options, policy, problems, time, cancellation))
                {
                    output.Words($"No gate answers on {options.Admin.Address}; recent pollers were not compared with the policy.");
                }
            }
        }

        return ProblemPrinter.Print(output, problems.Found);
    }

    private static PolicySet? ReadPolicy(PosternOptions options, Problems problems)
    {
        // A path that isn't there was reported when the configuration was read.
        var paths = options.Policy.Where(p => p.Length > 0).ToList();
        if (paths.Count == 0)
        {
            return null;
        }

        try
        {
            var policy = PolicyLoader.Load(paths, PolicyInput.IssuersOf(options), PolicyInput.CallsOf(options));
            problems.AddRange(policy.Problems);
            problems.AddRange(policy.Set is { } set ? ServerChecks.Check(set.Document, [.. options.Engines.Prefect.Select(engine => engine.Name)]) : []);
            return policy.Set;
        }
        catch (InvalidDataException e)
        {
            problems.Error("engines.temporal", e.Message);
            return null;
        }
    }
}
