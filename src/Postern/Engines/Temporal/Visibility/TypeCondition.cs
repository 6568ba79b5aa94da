using System.Collections.Immutable;
using System.Text;
using Postern.Model;

namespace Postern.Engines.Temporal.Visibility;

/// <summary>Workflow types as a condition of the server's grammar: a tree, and the text that is read as that tree and no other.</summary>
internal static class TypeCondition
{
    private const string Attribute = "WorkflowType";

    /// <summary>Whether every name and beginning of names can stand between quotes.</summary>
    public static bool CanSay(WorkflowTypes types) =>
        types.Names.All(IsPlain) && types.Ranges.All(r => (r.Prefix.Length == 0 || IsPlain(r.Prefix)) && r.ButNames.All(IsPlain) && r.ButPrefixes.All(IsPlain));

    /// <summary>The condition, in parentheses of its own.</summary>
    public static QueryNode Of(WorkflowTypes types)
    {
        var any = ImmutableArray.CreateBuilder<QueryNode>();
        if (!types.Names.IsEmpty)
        {
            any.Add(Compare("in", types.Names));
        }

        var alone = types.Names.IsEmpty && types.Ranges.Length == 1;
        foreach (var range in types.Ranges)
        {
            QueryNode[] all =
            [
                .. range.Prefix.Length == 0 ? (QueryNode[])[] : [Compare("starts_with", [range.Prefix])],
                .. range.ButNames.IsEmpty ? (QueryNode[])[] : [Compare("not in", range.ButNames)],
                .. range.ButPrefixes.Select(p => Compare("not starts_with", [p])),
            ];
            any.Add(all.Length == 1 ? all[0] : alone ? new QueryNode(QueryNodeKind.And, "", [.. all]) : Paren(new QueryNode(QueryNodeKind.And, "", [.. all])));
        }

        return Paren(any.Count == 1 ? any[0] : new QueryNode(QueryNodeKind.Or, "", any.ToImmutable()));
    }

    /// <summary>Writes a condition of <see cref="Of"/>.</summary>
    public static void Write(QueryNode node, StringBuilder to)
    {
        switch (node.Kind)
        {
            case QueryNodeKind.Paren:
                to.Append('(');
                Write(node.Parts[0], to);
                to.Append(')');
                break;
            case QueryNodeKind.Compare:
                to.Append(Attribute).Append(' ').Append(node.Text.ToUpperInvariant()).Append(' ');
                var values = string.Join(", ", node.Parts.Skip(1).Select(v => $"'{v.Text}'"));
                to.Append(node.Text.EndsWith("in", StringComparison.Ordinal) ? $"({values})" : values);
                break;
            default:
                for (var i = 0; i < node.Parts.Length; i++)
                {
                    to.Append(i == 0 ? "" : node.Kind == QueryNodeKind.And ? " AND " : " OR ");
                    Write(node.Parts[i], to);
                }

                break;
        }
    }

    private static QueryNode Paren(QueryNode inner) => new(QueryNodeKind.Paren, "", inner);

    private static QueryNode Compare(string sign, ImmutableArray<string> values) =>
        new(QueryNodeKind.Compare, sign, [new QueryNode(QueryNodeKind.Attribute, Attribute), .. values.Select(v => new QueryNode(QueryNodeKind.Text, v))]);

    private static bool IsPlain(string text) => text.Length > 0 && QueryLexer.IsPlain(text);
}
