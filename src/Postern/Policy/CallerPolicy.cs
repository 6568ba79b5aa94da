using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// One policy version as it concerns one caller. Pure: a decision does no I/O and reads no clock. It allocates nothing either, but for an index that a kind
/// of demand needs for the first time.
/// </summary>
internal sealed partial class CallerPolicy(string version, Caller caller, CompiledRules allows, CompiledRules denies, Narrowing? narrowing)
{
    /// <summary>Where no rule decided.</summary>
    public const string NoRule = "none";

    private const string NoBinding = "no binding allows it";
    private const string DenyRule = "a deny rule forbids it";

    // Worked out once: a decision must not build text.
    private static readonly string[] DependsOn = [.. DimensionNames.All.Select(d => $"it depends on {d.Words()}, which the call doesn't name")];
    private const string DependsOnCircumstances = "it depends on the time or on the source address, which aren't known";

    /// <summary>As <see cref="PolicySet.Version"/>.</summary>
    public string Version => version;

    public Caller Caller => caller;

    /// <summary>May the caller?</summary>
    public Decision Decide(in Demand demand, in Circumstances circumstances)
    {
        var nobody = default(NoTrace);
        return Decide(demand, circumstances, ref nobody);
    }

    /// <summary>
    /// May the caller do all of it? A deny decides before a can't-tell, a can't-tell before an allow.
    /// </summary>
    /// <param name="demands">What the call asks for; none at all is refused.</param>
    /// <param name="circumstances">Source and time of the call.</param>
    /// <param name="decisive">The demand that decided.</param>
    public Decision DecideAll(ReadOnlySpan<Demand> demands, in Circumstances circumstances, out int decisive)
    {
        decisive = 0;
        return demands.IsEmpty ? new Decision(DecisionKind.Deny, NoRule, NoBinding) : DecideAll(demands[0], demands[1..], circumstances, out decisive);
    }

    /// <inheritdoc cref="DecideAll(ReadOnlySpan{Demand}, in Circumstances, out int)"/>
    public Decision DecideAll(Operation operation, in Circumstances circumstances, out int decisive) => DecideAll(operation[0], operation.More, circumstances, out decisive);

    /// <summary>
    /// Does a deny rule forbid it? For what falls under another permission unless a deny names it, such as what a worker's answer commands in its own
    /// namespace. Allowed then means that no deny speaks against it.
    /// </summary>
    public Decision DecideDenied(in Demand demand, in Circumstances circumstances)
    {
        if (narrowing is not null && narrowing.Forbids(demand, out var narrowed))
        {
            return narrowed;
        }

        var nobody = default(NoTrace);
        if (denies.For(demand.ClusterScope, Dimensions.None).TryFind(demand, circumstances, false, ref nobody, out var deny))
        {
            return new Decision(DecisionKind.Deny, deny.Id, DenyRule);
        }

        return Missing(demand, circumstances, out var unknown)
            && denies.For(demand.ClusterScope, unknown).TryFind(demand, circumstances, true, ref nobody, out var possible)
            ? CannotTell(possible, unknown)
            : new Decision(DecisionKind.Allow, NoRule, "");
    }

    private Decision DecideAll(in Demand first, ReadOnlySpan<Demand> more, in Circumstances circumstances, out int decisive)
    {
        decisive = 0;
        var outcome = Judge(first, circumstances);
        for (var i = 0; i < more.Length && outcome.Kind != DecisionKind.Deny; i++)
        {
            var next = Judge(more[i], circumstances);
            if (next.Kind == DecisionKind.Deny || (next.Kind == DecisionKind.CannotTell && outcome.IsAllowed))
            {
                (outcome, decisive) = (next, i + 1);
            }
        }

        return outcome;
    }

    private Decision Judge(in Demand demand, in Circumstances circumstances) => demand.UnlessDenied ? DecideDenied(demand, circumstances) : Decide(demand, circumstances);

    /// <summary>The one way in which decisions are made; <c>explain</c> takes it with a trace that listens.</summary>
    internal Decision Decide<TTrace>(in Demand demand, in Circumstances circumstances, scoped ref TTrace trace)
        where TTrace : struct, IDecisionTrace
    {
        if (narrowing is not null && narrowing.Forbids(demand, out var narrowed))
        {
            return narrowed;
        }

        var waived = Absent(demand, demand.Waived);
        var bound = allows.For(demand.ClusterScope, waived).TryFind(demand, circumstances, false, ref trace, out var binding);
        var missing = Missing(demand, circumstances, out var unknown);
        if (!bound && missing)
        {
            bound = allows.For(demand.ClusterScope, waived | unknown).TryFind(demand, circumstances, true, ref trace, out var possible);
            return !bound ? Unbound(demand, circumstances, ref trace)
                : denies.For(demand.ClusterScope, Dimensions.None).TryFind(demand, circumstances, false, ref trace, out var sure)
                ? new Decision(DecisionKind.Deny, sure.Id, DenyRule)
                : CannotTell(possible!, unknown);
        }

        if (!bound)
        {
            return Unbound(demand, circumstances, ref trace);
        }

        // A waived condition of a deny counts as not met: that deny spoke when the task was handed out (worker.poll carries the name that is missing here).
        if (denies.For(demand.ClusterScope, Dimensions.None).TryFind(demand, circumstances, false, ref trace, out var deny))
        {
            return new Decision(DecisionKind.Deny, deny.Id, DenyRule);
        }

        return missing && denies.For(demand.ClusterScope, unknown).TryFind(demand, circumstances, true, ref trace, out var doubtful)
            ? CannotTell(doubtful, unknown)
            : new Decision(DecisionKind.Allow, binding!.Id, "");
    }

    // Nothing is said of a deny to whoever no binding would allow it anyway: he may learn nothing of what others are forbidden. The record names the rule.
    private Decision Unbound<TTrace>(in Demand demand, in Circumstances circumstances, scoped ref TTrace trace)
        where TTrace : struct, IDecisionTrace =>
        denies.For(demand.ClusterScope, Dimensions.None).TryFind(demand, circumstances, false, ref trace, out var deny)
            ? new Decision(DecisionKind.Deny, deny.Id, NoBinding)
            : new Decision(DecisionKind.Deny, NoRule, NoBinding);

    private static bool Missing(in Demand demand, in Circumstances circumstances, out Dimensions unknown)
    {
        unknown = Absent(demand, demand.Unknown);
        return unknown != Dimensions.None || circumstances.Source is null || circumstances.Now == default;
    }

    private static Decision CannotTell(PolicyRule rule, Dimensions unknown)
    {
        var needed = rule.ConditionedOn & unknown;
        return new Decision(DecisionKind.CannotTell, rule.Id, needed == Dimensions.None ? DependsOnCircumstances : DependsOn[needed.Index()]);
    }

    // A name that is there after all is judged like any other.
    private static Dimensions Absent(in Demand demand, Dimensions set)
    {
        var absent = Dimensions.None;
        for (var rest = (uint)set; rest != 0; rest &= rest - 1)
        {
            var dimension = (Dimensions)(rest & (~rest + 1));
            absent |= demand.NameIn(dimension) is null ? dimension : Dimensions.None;
        }

        return absent;
    }
}
