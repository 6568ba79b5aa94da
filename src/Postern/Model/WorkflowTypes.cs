using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Postern.Model;

/// <summary>Workflow types that a call which spans workflows is narrowed to: those that are named, and those of every range.</summary>
/// <param name="Names">Exact names, in ordinal order.</param>
/// <param name="Ranges">What begins alike, in ordinal order; none of them overlap.</param>
internal sealed record WorkflowTypes(ImmutableArray<string> Names, ImmutableArray<TypeRange> Ranges)
{
    public override string ToString()
    {
        var text = new StringBuilder().AppendJoin(", ", Names);
        foreach (var range in Ranges)
        {
            text.Append(text.Length > 0 ? "; " : "").Append(CultureInfo.InvariantCulture, $"{range}");
        }

        return text.ToString();
    }
}

/// <summary>Every workflow type that begins with a text, but for some.</summary>
/// <param name="Prefix">How its names begin; empty for all there are.</param>
/// <param name="ButNames">Exact names that don't belong to it, in ordinal order.</param>
/// <param name="ButPrefixes">Beginnings of names that don't belong to it, in ordinal order.</param>
internal sealed record TypeRange(string Prefix, ImmutableArray<string> ButNames, ImmutableArray<string> ButPrefixes)
{
    public override string ToString()
    {
        var but = string.Join(", ", ButNames.Concat(ButPrefixes.Select(p => p + "*")));
        return (Prefix.Length == 0 ? "all" : Prefix + "*") + (but.Length == 0 ? "" : " but " + but);
    }
}
