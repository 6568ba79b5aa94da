using Postern.Configuration;

namespace Postern.Commands;

/// <summary>Prints problems, and says with which exit code a verb that found them ends.</summary>
internal static class ProblemPrinter
{
    public static int Print(CommandOutput output, IReadOnlyList<Problem> problems)
    {
        var errors = problems.Count(p => p.Severity == Severity.Error);
        if (output.IsJson)
        {
            PrintJson(output, problems, errors == 0);
        }
        else
        {
            foreach (var problem in problems)
            {
                output.Result($"{Word(problem.Severity)}: {problem}");
            }

            output.Words(errors == 0 && problems.Count == 0 ? "No problems found." : $"{Count(errors, "error")}, {Count(problems.Count - errors, "warning")}.");
        }

        return errors == 0 ? ExitCodes.Ok : ExitCodes.Invalid;
    }

    private static void PrintJson(CommandOutput output, IReadOnlyList<Problem> problems, bool isGood) => output.Json(json =>
    {
        json.WriteStartObject();
        json.WriteBoolean("ok", isGood);
        json.WriteStartArray("problems");
        foreach (var problem in problems)
        {
            json.WriteStartObject();
            json.WriteString("severity", Word(problem.Severity));
            json.WriteString("file", problem.File);
            json.WriteNumber("line", problem.Line);
            json.WriteString("path", problem.Path);
            json.WriteString("text", problem.Text);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static string Word(Severity severity) => severity == Severity.Error ? "error" : "warning";

    private static string Count(int count, string word) => count == 1 ? $"1 {word}" : $"{count} {word}s";
}
