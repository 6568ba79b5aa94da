using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Postern.Policy;

/// <summary>One rule in an explanation.</summary>
/// <param name="Rule">Its id.</param>
/// <param name="File">Where it is written; null where it isn't in a file.</param>
/// <param name="Line">The line, from 1; 0 where none is known.</param>
/// <param name="Matches"><c>yes</c>, <c>no</c> or <c>unknown</c>.</param>
/// <param name="Tested">Whether the decision itself came to test it: an index passes by most rules that can't match.</param>
/// <param name="Decides">Whether this rule decided.</param>
/// <param name="Because">What kept it from matching; empty where it matches.</param>
internal sealed record ExplainedRule(string Rule, string? File, int Line, string Matches, bool Tested, bool Decides, ImmutableArray<string> Because);

/// <summary>A change of the policy that turns a decision around; found by trying it.</summary>
/// <param name="Text">What to do, in words.</param>
/// <param name="Edits">How many places in the policy it touches.</param>
/// <param name="Yaml">What to write, where it is a rule of its own; else null.</param>
internal sealed record PolicyChange(string Text, int Edits, string? Yaml = null);

/// <summary>Why a demand was decided as it was. All members are plain values, so that it can be printed as JSON.</summary>
internal sealed record Explanation
{
    public required string Caller { get; init; }

    /// <summary><c>human</c>, <c>service</c> or <c>agent</c>.</summary>
    public required string Kind { get; init; }

    public required string Permission { get; init; }

    /// <summary>The demand's names by dimension, as policies write them.</summary>
    public required ImmutableSortedDictionary<string, string> Names { get; init; }

    /// <summary><c>allow</c>, <c>deny</c> or <c>cannot-tell</c>.</summary>
    public required string Decision { get; init; }

    /// <summary>The rule that decided, or <c>none</c>.</summary>
    public required string Rule { get; init; }

    /// <summary>The clause that the caller is told; empty for an allow.</summary>
    public required string Reason { get; init; }

    public required string PolicyVersion { get; init; }

    /// <summary>The rules that come nearest to matching, the decisive one first; not every rule of a large policy.</summary>
    public required ImmutableArray<ExplainedRule> Rules { get; init; }

    /// <summary>How many rules aren't listed because they are further away.</summary>
    public required int OtherRules { get; init; }

    /// <summary>The smallest change that would turn the decision around; null where none was found.</summary>
    public required PolicyChange? Change { get; init; }

    /// <summary>For a terminal, at most <paramref name="mostRules"/> rules.</summary>
    public string ToText(int mostRules = 20)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Caller} ({Kind}): {Permission}");
        text.AppendJoin("", Names.Select(n => $", {n.Key} {n.Value}")).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"decision: {Decision}, by {Rule}{(Reason.Length > 0 ? ": " + Reason : "")}  [policy {PolicyVersion}]\n");
        foreach (var rule in Rules.Take(mostRules))
        {
            var place = rule.File is null ? "" : $" ({rule.File}:{rule.Line})";
            var verdict = rule.Matches switch { "yes" => "matches", "unknown" => "may match", _ => "doesn't match" };
            text.Append(CultureInfo.InvariantCulture, $"  {(rule.Decides ? "→" : " ")} {rule.Rule}{place} {verdict}");
            text.Append(rule.Because.IsEmpty ? "" : ": ").AppendJoin("; ", rule.Because).Append('\n');
        }

        var others = OtherRules + Math.Max(0, Rules.Length - mostRules);
        if (others > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"    and {others} rules that are further from matching\n");
        }

        if (Change is { } change)
        {
            text.Append(CultureInfo.InvariantCulture, $"to {(Decision == "allow" ? "refuse" : "allow")} it: {change.Text}\n");
            text.Append(change.Yaml is null ? "" : $"    {change.Yaml}\n");
        }

        return text.ToString();
    }
}
