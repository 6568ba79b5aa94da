using System.Collections.Immutable;

namespace Postern.Model;

/// <summary>How much of a Prefect server a caller reaches with one permission. The default is nothing.</summary>
internal enum ReachKind : byte
{
    None = 0,

    /// <summary>Whatever there is.</summary>
    All,

    /// <summary>What a term of <see cref="Reach.Allowed"/> matches and none of <see cref="Reach.Denied"/> does.</summary>
    Some,

    /// <summary>It hinges on the time or on the source address, which aren't known.</summary>
    CannotTell,
}

/// <summary>How far a caller reaches with one permission on one Prefect server: what a list is narrowed to. It says what a decision would say of each thing by its names.</summary>
/// <param name="Kind">Whether there is anything to narrow.</param>
/// <param name="Allowed">Any of these is enough. None but for <see cref="ReachKind.Some"/>.</param>
/// <param name="Denied">None of these may match. None but for <see cref="ReachKind.Some"/>.</param>
internal sealed record Reach(ReachKind Kind, ImmutableArray<ReachTerm> Allowed, ImmutableArray<ReachTerm> Denied)
{
    public static readonly Reach None = new(ReachKind.None, [], []);

    public static readonly Reach All = new(ReachKind.All, [], []);

    public static readonly Reach CannotTell = new(ReachKind.CannotTell, [], []);

    /// <summary>Whether what has these names, all of which are known, is within. False where that can't be told.</summary>
    public bool Admits(PrefectNames names) => Kind == ReachKind.All || (Kind == ReachKind.Some && Any(Allowed, names) && !Any(Denied, names));

    private static bool Any(ImmutableArray<ReachTerm> terms, PrefectNames names)
    {
        foreach (var term in terms)
        {
            if (term.Matches(names))
            {
                return true;
            }
        }

        return false;
    }

    public override string ToString() => Kind != ReachKind.Some ? Kind.ToString() : string.Join(" or ", Allowed) + (Denied.IsEmpty ? "" : " but not " + string.Join(" nor ", Denied));
}

/// <summary>Conditions that must all be met; without any it matches everything.</summary>
/// <param name="Conditions">At most one for each dimension, in the order of dimensions; never on the server.</param>
internal sealed record ReachTerm(ImmutableArray<ReachCondition> Conditions)
{
    public bool Matches(PrefectNames names)
    {
        foreach (var condition in Conditions)
        {
            if (!condition.Matches(names))
            {
                return false;
            }
        }

        return true;
    }

    public override string ToString() => Conditions.IsEmpty ? "all" : string.Join(" and ", Conditions);
}

/// <summary>The name in one dimension matches any of the patterns; of tags, any of them does. What has no such name isn't matched.</summary>
/// <param name="Dimension">One of Prefect's, not the server.</param>
/// <param name="Patterns">As written, so that those on tags are patterns over a single one.</param>
internal sealed record ReachCondition(Dimensions Dimension, ImmutableArray<Glob> Patterns)
{
    private readonly ImmutableArray<Glob> _compared = Dimension == Dimensions.Tag ? [.. Patterns.Select(TagPattern.OverAll)] : Patterns;

    public bool Matches(PrefectNames names)
    {
        if (names.NameIn(Dimension) is not { } name)
        {
            return false;
        }

        foreach (var pattern in _compared)
        {
            if (pattern.Matches(name))
            {
                return true;
            }
        }

        return false;
    }

    public override string ToString() => $"{Dimension.Name()}: {string.Join(", ", Patterns)}";
}
