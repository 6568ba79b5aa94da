using System.CommandLine;
using Postern.Configuration;

namespace Postern.Commands;

/// <summary><c>postern policy test</c>: runs the tests that stand in the policy.</summary>
internal static class PolicyTestCommand
{
    public static VerbCommand Create()
    {
        var command = new VerbCommand(
            "test",
            "Checks the policy and runs its tests; the same happens at every start and reload.",
            "postern policy test",
            "postern policy test --policy changed.yaml --issuer okta        # needs no configuration",
            "postern policy test --output json")
        {
            CommonOptions.Config,
            PolicyInput.Files,
            PolicyInput.IssuerNames,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        var output = new CommandOutput(parsed);
        var policy = PolicyInput.Read(parsed).Result;
        var exit = ProblemPrinter.Print(output, policy.Problems);
        if (policy.Set is { } set)
        {
            output.Words($"{set.Document.Tests.Length} tests passed; {set.Document.Bindings.Length} bindings, {set.Document.Denies.Length} denies, version {set.Version}.");
            return exit;
        }

        var errors = policy.Problems.Where(p => p.Severity == Severity.Error);
        return errors.Any(p => !p.Path.StartsWith("tests[", StringComparison.Ordinal)) ? ExitCodes.Invalid : ExitCodes.TestsFailed;
    }
}
