using System.Globalization;
using System.Text;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Services;

namespace Postern.Dev.Engine.Visibility;

/// <summary>A list query: conditions joined by AND and OR, as the server's SQL-like filters are written. GROUP BY only for counts.</summary>
internal sealed class ListFilter
{
    // The server parses the text behind a prefix of its own, and counts positions from there.
    private const int ServerPrefix = 26;
    private static readonly string[] Operators = ["<=", ">=", "!=", "<>", "=", "<", ">"];

    private readonly string text;
    private readonly SearchAttributeTypes attributes;
    private int at;

    private ListFilter(string text, SearchAttributeTypes attributes)
    {
        this.text = text;
        this.attributes = attributes;
    }

    public Func<WorkflowRun, bool> Matches { get; private set; } = static _ => true;

    public bool GroupByStatus { get; private set; }

    public static ListFilter Parse(string query, SearchAttributeTypes attributes)
    {
        var filter = new ListFilter(query, attributes);
        filter.SkipSpace();
        if (filter.at < query.Length && !filter.AtWord("GROUP") && !filter.AtWord("ORDER"))
        {
            filter.Matches = filter.Or();
        }

        filter.Tail();
        return filter;
    }

    private static RpcException Invalid(string why) => new(StatusCode.InvalidArgument, "invalid query: " + why);

    private void Tail()
    {
        if (AtWord("ORDER"))
        {
            throw Invalid("operation is not supported: 'ORDER BY' clause");
        }

        if (Take("GROUP"))
        {
            Expect("BY");
            var field = Name();
            if (field != "ExecutionStatus")
            {
                throw Invalid($"operation is not supported: 'GROUP BY' clause is only supported for ExecutionStatus, got: {field}");
            }

            GroupByStatus = true;
        }

        if (at < text.Length)
        {
            throw Syntax();
        }
    }

    private Func<WorkflowRun, bool> Or()
    {
        var left = And();
        while (Take("OR"))
        {
            var (first, second) = (left, And());
            left = run => first(run) || second(run);
        }

        return left;
    }

    private Func<WorkflowRun, bool> And()
    {
        var left = Condition();
        while (Take("AND"))
        {
            var (first, second) = (left, Condition());
            left = run => first(run) && second(run);
        }

        return left;
    }

    private Func<WorkflowRun, bool> Condition()
    {
        if (TakeSymbol("("))
        {
            var inner = Or();
            if (!TakeSymbol(")"))
            {
                throw Syntax();
            }

            return inner;
        }

        if (Take("NOT"))
        {
            var negated = Condition();
            return run => !negated(run);
        }

        var field = Name();
        if (attributes.Find(field) is null)
        {
            throw Invalid($"invalid search attribute: {field}");
        }

        return Comparison(field);
    }

    private Func<WorkflowRun, bool> Comparison(string field)
    {
        if (Take("IS"))
        {
            var not = Take("NOT");
            Expect("NULL");
            return run => (RunFields.Of(run, field).Count == 0) != not;
        }

        var negated = Take("NOT");
        if (Take("IN"))
        {
            var values = Values();
            return run => RunFields.Of(run, field).Any(v => values.Exists(w => RunFields.Compare(v, w) == 0)) != negated;
        }

        if (Take("BETWEEN"))
        {
            var low = Value();
            Expect("AND");
            var high = Value();
            return run => RunFields.Of(run, field).Any(v => RunFields.Compare(v, low) >= 0 && RunFields.Compare(v, high) <= 0) != negated;
        }

        if (Take("STARTS_WITH"))
        {
            var prefix = Value();
            return run => RunFields.Of(run, field).Any(v => v.StartsWith(prefix, StringComparison.Ordinal)) != negated;
        }

        var sign = Operators.FirstOrDefault(TakeSymbol) ?? throw Syntax();
        var value = Value();
        return sign switch
        {
            "=" => run => RunFields.Of(run, field).Any(v => RunFields.Compare(v, value) == 0),
            "!=" or "<>" => run => RunFields.Of(run, field).All(v => RunFields.Compare(v, value) != 0),
            "<" => run => RunFields.Of(run, field).Any(v => RunFields.Compare(v, value) < 0),
            "<=" => run => RunFields.Of(run, field).Any(v => RunFields.Compare(v, value) <= 0),
            ">" => run => RunFields.Of(run, field).Any(v => RunFields.Compare(v, value) > 0),
            _ => run => RunFields.Of(run, field).Any(v => RunFields.Compare(v, value) >= 0),
        };
    }

    private List<string> Values()
    {
        if (!TakeSymbol("("))
        {
            throw Syntax();
        }

        var values = new List<string>();
        do
        {
            values.Add(Value());
        }
        while (TakeSymbol(","));

        return TakeSymbol(")") ? values : throw Syntax();
    }

    private string Name()
    {
        if (at < text.Length && text[at] == '`')
        {
            var end = text.IndexOf('`', at + 1);
            if (end < 0)
            {
                throw Syntax();
            }

            var quoted = text[(at + 1)..end];
            at = end + 1;
            SkipSpace();
            return quoted;
        }

        var start = at;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '_' or '.'))
        {
            at++;
        }

        if (at == start || char.IsAsciiDigit(text[start]))
        {
            at = start;
            throw Syntax();
        }

        var name = text[start..at];
        SkipSpace();
        return name;
    }

    private string Value()
    {
        if (at >= text.Length)
        {
            throw Syntax();
        }

        var value = text[at] is '\'' or '"' ? Quoted() : Bare();
        SkipSpace();
        return value;
    }

    private string Quoted()
    {
        var quote = text[at];
        var value = new StringBuilder();
        for (var i = at + 1; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length)
            {
                value.Append(text[++i]);
            }
            else if (text[i] == quote)
            {
                at = i + 1;
                return value.ToString();
            }
            else
            {
                value.Append(text[i]);
            }
        }

        throw Syntax();
    }

    private string Bare()
    {
        var start = at;
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '.' or '-' or '+' or ':'))
        {
            at++;
        }

        var value = text[start..at];
        var known = value.Equals("true", StringComparison.OrdinalIgnoreCase) || value.Equals("false", StringComparison.OrdinalIgnoreCase)
            || double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
        if (!known)
        {
            at = start;
            throw Syntax();
        }

        return value;
    }

    private void SkipSpace()
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
        {
            at++;
        }
    }

    private bool AtWord(string word) =>
        string.Compare(text, at, word, 0, word.Length, StringComparison.OrdinalIgnoreCase) == 0
        && (at + word.Length >= text.Length || !(char.IsAsciiLetterOrDigit(text[at + word.Length]) || text[at + word.Length] == '_'));

    private bool Take(string word)
    {
        if (!AtWord(word))
        {
            return false;
        }

        at += word.Length;
        SkipSpace();
        return true;
    }

    private bool TakeSymbol(string symbol)
    {
        if (string.CompareOrdinal(text, at, symbol, 0, symbol.Length) != 0)
        {
            return false;
        }

        at += symbol.Length;
        SkipSpace();
        return true;
    }

    private void Expect(string word)
    {
        if (!Take(word))
        {
            throw Syntax();
        }
    }

    private RpcException Syntax() => Invalid($"malformed SQL query: syntax error at position {ServerPrefix + at + 1}");
}
