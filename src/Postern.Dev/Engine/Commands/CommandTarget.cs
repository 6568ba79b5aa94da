using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Services;

namespace Postern.Dev.Engine.Commands;

/// <summary>The namespace that a command is for: the workflow's own, unless it names another.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Space">The namespace; null when there is none of that name (any more).</param>
internal sealed record CommandTarget(string Name, NamespaceEntry? Space)
{
    public string Id => Space?.Id ?? "";

    public static CommandTarget Of(EngineState state, WorkflowRun run, string named) =>
        named.Length == 0 || named == run.Start.Namespace.Name
            ? new CommandTarget(run.Start.Namespace.Name, run.Start.Namespace)
            : new CommandTarget(named, state.Namespaces.Find(named));
}
