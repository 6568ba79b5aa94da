using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Postern.Engines.Temporal.Visibility;

/// <summary>
/// Reads the part of the server's SQL-like grammar that filters are written in: comparisons of a search attribute with values, joined by AND, OR, NOT and parentheses.
/// What the server would also take (functions, arithmetic, sub-selects, LIMIT) isn't understood here and so refused.
/// </summary>
internal sealed class QueryParser
{
    // The server stops at 200 levels; nobody writes more than a handful.
    private const int MostNested = 50;

    private static readonly string[] s_comparisons = ["=", "!=", "<>", "<", "<=", ">", ">="];

    // As a bare name each of these could begin something else.
    private static readonly FrozenSet<string> s_reserved = new[]
    {
        "ALL", "AND", "ANY", "AS", "ASC", "BETWEEN", "BINARY", "BY", "CASE", "CAST", "COLLATE", "CONVERT", "DEFAULT", "DESC", "DISTINCT", "DIV", "ELSE", "END", "ESCAPE", "EXISTS",
        "FALSE", "FOR", "FORCE", "FROM", "GROUP", "HAVING", "IF", "IN", "INTERVAL", "INTO", "IS", "JOIN", "LIKE", "LIMIT", "LOCK", "MATCH", "MOD", "NATURAL", "NOT", "NULL", "OFFSET",
        "ON", "OR", "ORDER", "PROCEDURE", "REGEXP", "RLIKE", "SELECT", "SOME", "STARTS_WITH", "THEN", "TRUE", "UNION", "USE", "USING", "VALUES", "WHEN", "WHERE", "WITH", "XOR",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private readonly ImmutableArray<QueryToken> _tokens;
    private int _next;
    private int _depth;

    private QueryParser(ImmutableArray<QueryToken> tokens) => _tokens = tokens;

    private QueryToken Current => _tokens[_next];

    /// <exception cref="QueryFault">The query isn't understood with certainty.</exception>
    public static VisibilityQuery Parse(string query)
    {
        var parser = new QueryParser(QueryLexer.Read(query));
        var where = parser.AtTail() ? null : parser.Or();
        var end = parser._next == 0 ? 0 : parser._tokens[parser._next - 1].End;
        var tail = parser.Current.Start;
        var (groupBy, orderBy) = (parser.GroupBy(), parser.OrderBy());
        return parser.Current.Kind == QueryTokenKind.End
            ? new VisibilityQuery(where, groupBy, orderBy) { WhereText = query[..end].Trim(), TailText = query[tail..].Trim() }
            : throw parser.Unexpected();
    }

    private bool AtTail() => Current.Kind == QueryTokenKind.End || Current.IsWord("GROUP") || Current.IsWord("ORDER");

    private QueryNode Or() => Joined(QueryNodeKind.Or, "OR", And);

    private QueryNode And() => Joined(QueryNodeKind.And, "AND", Not);

    private static QueryNode One(ImmutableArray<QueryNode>.Builder parts, QueryNodeKind kind) => parts.Count == 1 ? parts[0] : new QueryNode(kind, "", parts.ToImmutable());

    private QueryNode Joined(QueryNodeKind kind, string word, Func<QueryNode> part)
    {
        var parts = ImmutableArray.CreateBuilder<QueryNode>();
        do
        {
            parts.Add(part());
        }
        while (TakeWord(word));

        return One(parts, kind);
    }

    private QueryNode Not()
    {
        Enter();
        var node = TakeWord("NOT") ? new QueryNode(QueryNodeKind.Not, "", [Not()]) : Primary();
        _depth--;
        return node;
    }

    private QueryNode Primary()
    {
        if (!TakeSymbol("("))
        {
            return Comparison();
        }

        Enter();
        var inner = Or();
        Expect(TakeSymbol(")"));
        _depth--;
        return new QueryNode(QueryNodeKind.Paren, "", [inner]);
    }

    private QueryNode Comparison()
    {
        var attribute = Attribute();
        if (TakeWord("IS"))
        {
            var isNot = TakeWord("NOT");
            Expect(TakeWord("NULL"));
            return new QueryNode(QueryNodeKind.Compare, isNot ? "is not null" : "is null", [attribute]);
        }

        var not = TakeWord("NOT");
        if (TakeWord("IN"))
        {
            return new QueryNode(QueryNodeKind.Compare, not ? "not in" : "in", [attribute, .. List()]);
        }

        if (TakeWord("BETWEEN"))
        {
            var from = Value();
            Expect(TakeWord("AND"));
            return new QueryNode(QueryNodeKind.Compare, not ? "not between" : "between", [attribute, from, Value()]);
        }

        if (TakeWord("STARTS_WITH"))
        {
            return new QueryNode(QueryNodeKind.Compare, not ? "not starts_with" : "starts_with", [attribute, Value()]);
        }

        var sign = Current;
        Expect(!not && sign.Kind == QueryTokenKind.Symbol && s_comparisons.Contains(sign.Text));
        _next++;
        return new QueryNode(QueryNodeKind.Compare, sign.Text, [attribute, Value()]);
    }

    private ImmutableArray<QueryNode> List()
    {
        Expect(TakeSymbol("("));
        var values = ImmutableArray.CreateBuilder<QueryNode>();
        do
        {
            values.Add(Value());
        }
        while (TakeSymbol(","));

        Expect(TakeSymbol(")"));
        return values.ToImmutable();
    }

    private QueryNode Attribute()
    {
        var token = Current;
        Expect(token.Kind == QueryTokenKind.Name || (token.Kind == QueryTokenKind.Word && !s_reserved.Contains(token.Text)));
        _next++;
        return new QueryNode(QueryNodeKind.Attribute, token.Text);
    }

    private QueryNode Value()
    {
        var token = Current;
        var isBool = token.IsWord("TRUE") || token.IsWord("FALSE");
        Expect(isBool || token.Kind is QueryTokenKind.Text or QueryTokenKind.Number);
        _next++;
        return new QueryNode(isBool ? QueryNodeKind.Bool : token.Kind == QueryTokenKind.Text ? QueryNodeKind.Text : QueryNodeKind.Number, isBool ? token.Text.ToUpperInvariant() : token.Text);
    }

    private ImmutableArray<string> GroupBy()
    {
        if (!TakeWord("GROUP"))
        {
            return [];
        }

        Expect(TakeWord("BY"));
        var names = ImmutableArray.CreateBuilder<string>();
        do
        {
            names.Add(Attribute().Text);
        }
        while (TakeSymbol(","));

        return names.ToImmutable();
    }

    private ImmutableArray<string> OrderBy()
    {
        if (!TakeWord("ORDER"))
        {
            return [];
        }

        Expect(TakeWord("BY"));
        var names = ImmutableArray.CreateBuilder<string>();
        do
        {
            var name = Attribute().Text;
            names.Add(TakeWord("DESC") ? name + " desc" : TakeWord("ASC") ? name + " asc" : name);
        }
        while (TakeSymbol(","));

        return names.ToImmutable();
    }

    private bool TakeWord(string word)
    {
        var taken = Current.IsWord(word);
        _next += taken ? 1 : 0;
        return taken;
    }

    private bool TakeSymbol(string symbol)
    {
        var taken = Current.IsSymbol(symbol);
        _next += taken ? 1 : 0;
        return taken;
    }

    private void Enter()
    {
        if (++_depth > MostNested)
        {
            throw new QueryFault("it is nested too deeply", Current.Start);
        }
    }

    private void Expect(bool met)
    {
        if (!met)
        {
            throw Unexpected();
        }
    }

    private QueryFault Unexpected() => new(Current.Kind == QueryTokenKind.End ? "it ends too early" : "it isn't understood", Current.Start);
}
