using System.Collections.Immutable;

namespace Postern.Engines.Temporal.Visibility;

internal enum QueryNodeKind : byte
{
    And,
    Or,
    Not,

    /// <summary>Parentheses around a condition.</summary>
    Paren,

    /// <summary>A comparison, with its operator as text.</summary>
    Compare,
    Attribute,

    /// <summary>A string.</summary>
    Text,
    Number,
    Bool,
}

/// <summary>A query's condition, as a tree. Two with the same structure are equal; where they stand in the text doesn't count.</summary>
internal sealed class QueryNode(QueryNodeKind kind, string text, params ImmutableArray<QueryNode> parts) : IEquatable<QueryNode>
{
    public QueryNodeKind Kind => kind;

    /// <summary>The operator, name or value; empty for what only joins others.</summary>
    public string Text => text;

    public ImmutableArray<QueryNode> Parts => parts;

    public bool Equals(QueryNode? other) =>
        other is not null && kind == other.Kind && string.Equals(text, other.Text, StringComparison.Ordinal) && parts.AsSpan().SequenceEqual(other.Parts.AsSpan());

    public override bool Equals(object? obj) => Equals(obj as QueryNode);

    public override int GetHashCode() => HashCode.Combine(kind, text, parts.Length);

    public override string ToString() => parts.IsEmpty ? $"{kind}:{text}" : $"{kind}:{text}({string.Join(' ', parts)})";
}
