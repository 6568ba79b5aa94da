using System.CommandLine;

namespace Postern.Commands.Management;

/// <summary>A verb that is one or a few calls of the management API.</summary>
internal static class ManagementVerb
{
    public static VerbCommand Create(
        string name, string description, Func<ParseResult, ManagementClient, CommandOutput, CancellationToken, Task<int>> run, IReadOnlyList<string> examples, params IReadOnlyList<Symbol> symbols)
    {
        var command = new VerbCommand(name, description, examples);
        foreach (var symbol in symbols)
        {
            switch (symbol)
            {
                case Argument argument:
                    command.Add(argument);
                    break;
                case Option option:
                    command.Add(option);
                    break;
            }
        }

        command.WithManagement();
        command.SetAction((parsed, cancellation) => ManagementClient.RunAsync(parsed, (client, output) => run(parsed, client, output, cancellation), cancellation));
        return command;
    }
}
