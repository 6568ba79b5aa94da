using System.CommandLine;
using System.CommandLine.Help;
using Postern.Commands.Management;
using Postern.Commands.Terminal;
using Postern.Commands.Workload;

namespace Postern.Commands;

/// <summary>All verbs, and how they are run.</summary>
internal static class CommandLine
{
    /// <summary>The verbs, one line each.</summary>
    public static RootCommand Create()
    {
        var root = new RootCommand("Postern: one identity-aware gate in front of your workflow engines.")
        {
            CommonOptions.Output,
            ServeCommand.Create(TimeProvider.System),
            CheckCommand.Create(TimeProvider.System),
            PolicyCommand.Create(TimeProvider.System),
            LoginCommand.Create(TimeProvider.System),
            LogoutCommand.Create(TimeProvider.System),
            WhoAmICommand.Create(TimeProvider.System),
            TokenCommand.Create(TimeProvider.System),
            ExecCommand.Create(TimeProvider.System),
            AgentCommand.Create(TimeProvider.System),
            BreakGlassCommand.Create(TimeProvider.System),
            StorageCommand.Create(TimeProvider.System),
            InitCommand.Create(TimeProvider.System),
            AccountCommand.Create(TimeProvider.System),
            KeyCommand.Create(TimeProvider.System),
            UserCommand.Create(),
            RevokeCommand.Create(TimeProvider.System),
            VersionCommand.Create(),
        };
        root.Options.OfType<HelpOption>().Single().Action = new HelpWithExamples(["postern check --config postern.yaml", "postern serve --config postern.yaml"]);
        return root;
    }

    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, TextWriter output, TextWriter error, CancellationToken cancellation = default)
    {
        // No response files: a caller or a namespace may begin with '@'.
        var parsed = Create().Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpWithExamples)
        {
            foreach (var problem in parsed.Errors)
            {
                await error.WriteLineAsync(problem.Message);
            }

            await error.WriteLineAsync("postern --help lists verbs, postern <verb> --help their options with examples.");
            return ExitCodes.Usage;
        }

        return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = error }, cancellation);
    }
}
