using Postern.Model;

namespace Postern.Policy;

/// <summary>Words a refusal of policy. The call's id is appended where refusals are rendered.</summary>
internal static class PolicyRefusal
{
    // Names come from the caller's own message and may be megabytes; more than this says nothing to anybody.
    private const int LongestName = 128;

    /// <param name="caller">Who asked.</param>
    /// <param name="demand">The demand that decided.</param>
    /// <param name="decision">A decision that isn't an allow.</param>
    public static Refusal For(Caller caller, in Demand demand, in Decision decision)
    {
        var asked = $"{Shown(caller.DisplayName)} may {(decision.Kind == DecisionKind.CannotTell ? "" : "not ")}{demand.Permission.Name()}{Place(demand)}";
        var detail = $"{caller.Name}: {demand.Permission.Name()}{Place(demand)} by {decision.Rule}";
        return decision.Kind == DecisionKind.CannotTell
            ? new Refusal(RefusalReason.CannotTell, $"Can't tell whether {asked}: {decision.Reason}.", detail)
            : new Refusal(RefusalReason.NotAllowed, $"Request unauthorized. {asked}: {decision.Reason}.", detail);
    }

    // Of a Prefect server no more than its name: others may have been looked up, and be more than the caller may know.
    private static string Place(in Demand demand) => demand.Namespace is { Length: > 0 } name ? $" in namespace {Shown(name)}"
        : demand.Prefect?.Server is { } server ? $" on Prefect server {Shown(server)}"
        : demand.ClusterScope ? " on the cluster"
        : "";

    private static string Shown(string name)
    {
        var text = name.Length > LongestName ? string.Concat(name.AsSpan(0, LongestName), "…") : name;
        return text.AsSpan().IndexOfAnyInRange('\0', '\u001f') < 0 && !text.Any(char.IsControl) ? text : string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
    }
}
