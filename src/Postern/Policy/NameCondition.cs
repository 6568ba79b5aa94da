using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Policy;

/// <summary>One key of a <c>where</c>: the name in one dimension matches any of the patterns.</summary>
internal sealed class NameCondition
{
    private readonly FrozenSet<string>? _exact;
    private readonly Glob[] _patterns;

    public NameCondition(Dimensions dimension, ImmutableArray<Glob> patterns)
    {
        Dimension = dimension;
        Patterns = patterns;
        Compared = dimension == Dimensions.Tag ? [.. patterns.Select(TagPattern.OverAll)] : patterns;
        Key = string.Join('\u0001', patterns);
        IsAny = patterns.Any(p => p.IsAny);
        // A long list of exact names in one rule must not make every call walk it.
        var exact = Compared.Where(p => p.IsExact).ToArray();
        _exact = exact.Length > 4 ? exact.Select(p => p.Text).ToFrozenSet(StringComparer.Ordinal) : null;
        _patterns = _exact is null ? [.. Compared] : [.. Compared.Where(p => !p.IsExact)];
        Singles = patterns.Length == 1 ? [this] : [.. patterns.Select(p => new NameCondition(dimension, [p]))];
    }

    public Dimensions Dimension { get; }

    /// <summary>As written: what people are shown.</summary>
    public ImmutableArray<Glob> Patterns { get; }

    /// <summary>What a demand's name is compared with, in the same order: of tags all stand in one text.</summary>
    public ImmutableArray<Glob> Compared { get; }

    /// <summary>The patterns in one text: conditions with the same dimension and key match alike.</summary>
    public string Key { get; }

    /// <summary>The same condition as one per pattern: any of them is enough.</summary>
    public ImmutableArray<NameCondition> Singles { get; }

    /// <summary>Every name will do, but the permission must have the dimension.</summary>
    public bool IsAny { get; }

    /// <summary>Whether the demand's name in the dimension matches. A demand without a name doesn't.</summary>
    public bool Matches(in Demand demand)
    {
        if (demand.NameIn(Dimension) is not { } name)
        {
            return IsAny && (demand.Unknown & Dimension) != Dimensions.None;
        }

        if (_exact is not null && _exact.Contains(name))
        {
            return true;
        }

        foreach (var pattern in _patterns)
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
