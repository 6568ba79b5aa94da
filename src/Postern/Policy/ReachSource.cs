using System.Collections.Immutable;
using Postern.Model;
using Postern.Policy.Conditions;

namespace Postern.Policy;

/// <summary>What one rule says of a permission on a Prefect server.</summary>
/// <param name="Term">What it speaks of there.</param>
/// <param name="When">The circumstances under which it does.</param>
internal sealed record ConditionedTerm(ReachTerm Term, ImmutableArray<CircumstanceCondition> When)
{
    public Truth Test(in Circumstances circumstances)
    {
        var truth = Truth.Yes;
        foreach (var condition in When)
        {
            var one = condition.Test(circumstances);
            truth = one < truth ? one : truth;
        }

        return truth;
    }
}

/// <summary>All that rules say of one permission on one Prefect server to one caller, and what came of it under the circumstances of the last call.</summary>
internal sealed class ReachSource
{
    private readonly ImmutableArray<ConditionedTerm> _allows;
    private readonly ImmutableArray<ConditionedTerm> _denies;
    private readonly bool _isFixed;
    private Outcome? _last;

    public ReachSource(ImmutableArray<ConditionedTerm> allows, ImmutableArray<ConditionedTerm> denies)
    {
        (_allows, _denies) = (allows, denies);
        _isFixed = allows.Concat(denies).All(t => t.When.IsEmpty);
    }

    public Reach At(in Circumstances circumstances)
    {
        var last = Volatile.Read(ref _last);
        if (last is not null && (_isFixed || IsAsBefore(last.Truths, circumstances)))
        {
            return last.Reach;
        }

        var truths = new Truth[_allows.Length + _denies.Length];
        for (var i = 0; i < truths.Length; i++)
        {
            truths[i] = Term(i).Test(circumstances);
        }

        var outcome = new Outcome(truths, Weigh(truths.AsSpan(0, _allows.Length), truths.AsSpan(_allows.Length)));
        Volatile.Write(ref _last, outcome);
        return outcome.Reach;
    }

    private ConditionedTerm Term(int place) => place < _allows.Length ? _allows[place] : _denies[place - _allows.Length];

    private bool IsAsBefore(Truth[] truths, in Circumstances circumstances)
    {
        for (var i = 0; i < truths.Length; i++)
        {
            if (Term(i).Test(circumstances) != truths[i])
            {
                return false;
            }
        }

        return true;
    }

    // In the order in which a decision weighs: nothing allowed or all denied is a no whatever else can't be told; what can't be told doesn't matter beside a rule that allows everything.
    private Reach Weigh(ReadOnlySpan<Truth> allows, ReadOnlySpan<Truth> denies)
    {
        var allowed = Simplify(Those(_allows, allows, Truth.Yes));
        var denied = Simplify(Those(_denies, denies, Truth.Yes));
        var isUntold = Those(_allows, allows, Truth.Unknown).Count > 0;
        if ((allowed.IsEmpty && !isUntold) || IsAll(denied))
        {
            return Reach.None;
        }

        if ((isUntold && !IsAll(allowed)) || Those(_denies, denies, Truth.Unknown).Count > 0)
        {
            return Reach.CannotTell;
        }

        return IsAll(allowed) && denied.IsEmpty ? Reach.All : new Reach(ReachKind.Some, allowed, denied);
    }

    private static List<ReachTerm> Those(ImmutableArray<ConditionedTerm> terms, ReadOnlySpan<Truth> truths, Truth truth)
    {
        var those = new List<ReachTerm>();
        for (var i = 0; i < truths.Length; i++)
        {
            if (truths[i] == truth)
            {
                those.Add(terms[i].Term);
            }
        }

        return those;
    }

    private static bool IsAll(ImmutableArray<ReachTerm> terms) => terms is [{ Conditions.IsEmpty: true }];

    // A term that matches everything stands for all. Those with one condition on the same dimension are one, so that ten bindings to a flow each are one list of flows.
    private static ImmutableArray<ReachTerm> Simplify(List<ReachTerm> terms)
    {
        if (terms.Exists(t => t.Conditions.IsEmpty))
        {
            return [new ReachTerm([])];
        }

        var singles = terms.Where(t => t.Conditions.Length == 1).Select(t => t.Conditions[0]).GroupBy(c => c.Dimension).OrderBy(g => g.Key)
            .Select(g => new ReachTerm([new ReachCondition(g.Key, [.. g.SelectMany(c => c.Patterns).DistinctBy(p => p.Text, StringComparer.Ordinal)])]));
        return [.. singles, .. terms.Where(t => t.Conditions.Length > 1).DistinctBy(t => t.ToString(), StringComparer.Ordinal)];
    }

    private sealed record Outcome(Truth[] Truths, Reach Reach);
}
