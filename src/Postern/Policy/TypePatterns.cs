using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// The workflow types that rules speak of, as exact names and as beginnings of names. They part all types into ranges within each of which every rule says the same, so that
/// to ask once for each is to ask for all types.
/// </summary>
internal sealed class TypePatterns
{
    // Sorted as text, a range follows its beginning at once, and those within it before anything behind it; of the same text the range comes first, which holds the name.
    private readonly SortedSet<(string Text, bool IsName)> _patterns =
        new(Comparer<(string Text, bool IsName)>.Create((a, b) => string.CompareOrdinal(a.Text, b.Text) is var order and not 0 ? order : a.IsName.CompareTo(b.IsName)));

    public int Count => _patterns.Count;

    public int Ranges { get; private set; }

    /// <summary>Adds what a rule is conditioned on; false where it is neither a name nor a beginning of names.</summary>
    public bool TryAdd(Glob pattern)
    {
        if (!pattern.IsExact && !pattern.IsPrefix)
        {
            return false;
        }

        if (_patterns.Add((pattern.IsExact ? pattern.Text : pattern.Prefix, pattern.IsExact)) && !pattern.IsExact)
        {
            Ranges++;
        }

        return true;
    }

    /// <summary>One type for each name, and one that no rule names for each range: the last stands for all that is left.</summary>
    public IEnumerable<string> Samples() => _patterns.Select(p => p.IsName ? p.Text : Sample(p.Text)).Append(Sample(""));

    /// <summary>The types that are chosen; null where all are, or none.</summary>
    /// <param name="isChosen">Whether the type that <see cref="Samples"/> gave is.</param>
    public WorkflowTypes? Choose(Func<string, bool> isChosen)
    {
        var names = ImmutableArray.CreateBuilder<string>();
        var all = new Range("", isChosen(Sample("")));
        var ranges = new List<Range> { all };
        var within = new Stack<(string Prefix, Range Range)>();
        within.Push(("", all));
        foreach (var (text, isName) in _patterns)
        {
            while (!text.StartsWith(within.Peek().Prefix, StringComparison.Ordinal))
            {
                within.Pop();
            }

            var around = within.Peek().Range;
            var differs = isChosen(isName ? text : Sample(text)) != around.IsChosen;
            if (isName && differs)
            {
                (around.IsChosen ? around.ButNames : names).Add(text);
            }
            else if (!isName && differs)
            {
                if (around.IsChosen)
                {
                    around.ButPrefixes.Add(text);
                }

                ranges.Add(new Range(text, !around.IsChosen));
                within.Push((text, ranges[^1]));
            }
        }

        TypeRange[] chosen = [.. ranges.Where(r => r.IsChosen).Select(r => new TypeRange(r.Prefix, r.ButNames.ToImmutable(), r.ButPrefixes.ToImmutable()))];
        var isAll = all.IsChosen && all.ButNames.Count + all.ButPrefixes.Count == 0;
        return isAll || names.Count + chosen.Length == 0 ? null : new WorkflowTypes(names.ToImmutable(), [.. chosen]);
    }

    // No name of a rule or a workflow holds the character.
    private static string Sample(string prefix) => prefix + '\0';

    private sealed class Range(string prefix, bool isChosen)
    {
        public string Prefix => prefix;

        public bool IsChosen => isChosen;

        public ImmutableArray<string>.Builder ButNames { get; } = ImmutableArray.CreateBuilder<string>();

        public ImmutableArray<string>.Builder ButPrefixes { get; } = ImmutableArray.CreateBuilder<string>();
    }
}
