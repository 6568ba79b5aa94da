using System.CommandLine;
using System.Text.Json;
using Postern.Configuration;
using Postern.Policy;

namespace Postern.Commands;

/// <summary><c>postern policy matrix</c>: which built-in role may make which call.</summary>
internal static class PolicyMatrixCommand
{
    public static VerbCommand Create()
    {
        var command = new VerbCommand(
            "matrix",
            "Prints every call with the permissions it needs, what can condition them, and the built-in roles that may make it. The same table stands in docs/permissions.md.",
            "postern policy matrix",
            "postern policy matrix --output json | jq -r '.rows[] | select(.roles | index(\"worker\")) | .call'")
        {
            CommonOptions.Config,
        };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult parsed)
    {
        var output = new CommandOutput(parsed);
        // A configuration is of use only for an API of its own; without one the built-in API is shown.
        var path = parsed.GetRequiredValue(CommonOptions.Config);
        var options = File.Exists(path) ? PosternConfiguration.Load(path).Draft : null;
        var matrix = RoleMatrix.Of(PolicyInput.CallsOf(options));
        if (output.IsJson)
        {
            output.Json(json => JsonSerializer.Serialize(json, matrix, CommandOutput.Plain));
        }
        else
        {
            output.Result(matrix.ToMarkdown().TrimEnd('\n'));
        }

        return ExitCodes.Ok;
    }
}
