using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Postern.Commands;

/// <summary>A verb whose help ends with examples.</summary>
internal sealed class VerbCommand : Command
{
    public VerbCommand(string name, string description, params IReadOnlyList<string> examples)
        : base(name, description)
    {
        Add(new HelpOption { Action = new HelpWithExamples(examples) });
    }
}

/// <summary>The framework's help, followed by the command's examples.</summary>
internal sealed class HelpWithExamples(IReadOnlyList<string> examples) : SynchronousCommandLineAction
{
    private readonly HelpAction _help = new();

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        _help.Invoke(parseResult);
        var output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (var example in examples)
        {
            output.WriteLine($"  {example}");
        }

        output.WriteLine();
        return ExitCodes.Ok;
    }
}
