using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Postern.Commands;

/// <summary><c>postern version</c>.</summary>
internal static class VersionCommand
{
    public static VerbCommand Create()
    {
        var command = new VerbCommand("version", "Prints what this is.", "postern version", "postern version --output json");
        command.SetAction(parsed =>
        {
            var output = new CommandOutput(parsed);
            var (version, commit) = Of(typeof(VersionCommand).Assembly);
            if (output.IsJson)
            {
                output.Json(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("version", version);
                    json.WriteString("commit", commit);
                    json.WriteString("runtime", RuntimeInformation.FrameworkDescription);
                    json.WriteString("platform", RuntimeInformation.RuntimeIdentifier);
                    json.WriteEndObject();
                });
            }
            else
            {
                output.Result($"postern {version} (commit {commit ?? "unknown"}, {RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier})");
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    // The build appends the commit behind a plus sign where it knows it.
    private static (string Version, string? Commit) Of(Assembly assembly)
    {
        var text = assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0.0.0";
        var plus = text.IndexOf('+', StringComparison.Ordinal);
        return plus < 0 ? (text, null) : (text[..plus], text[(plus + 1)..]);
    }
}
