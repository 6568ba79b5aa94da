using System.Text;
using Postern.Engines.Temporal.Visibility;
using Postern.Model;

namespace Postern.Tests.Engines.Temporal.Visibility;

/// <summary>
/// Whatever a caller writes: what comes out is, to the server's own lexer, his condition between parentheses that nothing in it closes, and behind it the types; or it is refused.
/// </summary>
public sealed class VisibilityQueryPropertyTests
{
    private static readonly string[] s_pieces =
    [
        "(", ")", "(", ")", " ", " ", "\n", "'", "\"", "`", "\\", "''", "--", "#", "//", "/*", "*/", "/*!", ";", "=", "!=", "<>", "<", ">=", "<=>", ",", ".", ":", "?", "@", "-", "+", "&&", "||", "!",
        "AND", " OR ", " or ", "NOT ", " IN ", "BETWEEN", " IS NULL", "STARTS_WITH", "LIKE", "ORDER BY ", "GROUP BY ", "LIMIT 1", "UNION SELECT", "true", "WorkflowType", "a", "b ", "x'", "1", "2.5", "1e3", "0x1", "'x'",
        "'Secret'", "\0", "\u00A0", "ä", "\u2028", "＇", "\uFEFF", "🙂", "\uD800",
    ];

    [Fact]
    public void Narrow_AnyText_NeverWidens() => Run(60_000);

    [Fact]
    [Trait("Length", "long")]
    public void Narrow_TwoMillionTexts_NeverWidens() => Run(2_000_000);

    private static void Run(int cases)
    {
        var accepted = 0;
        for (var seed = 0; seed < cases; seed++)
        {
            var random = new Random(seed);
            var query = (seed % 4) switch
            {
                0 => Soup(random),
                1 => Query(random),
                _ => Mutate(Query(random), random),
            };
            var types = Types(random);
            if (VisibilityQuery.TryNarrow(query, types, out var narrowed, out _))
            {
                accepted++;
                Check(query, types, narrowed, seed);
            }
            else
            {
                Assert.True(seed % 4 != 1, $"seed {seed}: a query of the grammar is refused: {query}");
            }
        }

        Assert.InRange(accepted, cases / 3, cases);
    }

    private static void Check(string query, WorkflowTypes types, string narrowed, int seed)
    {
        var own = ServerLexer.Read(query);
        var all = ServerLexer.Read(narrowed);
        Assert.True(own is not null && all is not null, $"seed {seed}: the server would fail: {query}");
        var tail = own.FindIndex(t => t is "ORDER" or "GROUP");
        List<string> where = tail < 0 ? own : own[..tail];
        List<string> only = ["(", .. Only(types), ")"];
        List<string> meant = [.. where.Count == 0 ? (IEnumerable<string>)[] : ["(", .. where, ")", "AND"], .. only, .. tail < 0 ? [] : own[tail..]];
        Assert.True(meant.SequenceEqual(all), $"seed {seed}: {query} became {narrowed}");
        var depth = 0;
        foreach (var token in where)
        {
            depth += token == "(" ? 1 : token == ")" ? -1 : 0;
            Assert.True(depth >= 0, $"seed {seed}: {query} closes what it didn't open");
        }

        Assert.Equal(0, depth);
        // A condition of the grammar's has no word that could end it.
        Assert.DoesNotContain(where, t => t.ToUpperInvariant() is "UNION" or "LIMIT" or "ORDER" or "GROUP" or "HAVING");
    }

    private static WorkflowTypes Types(Random random)
    {
        string[] names = random.Next(3) switch { 0 => [], 1 => ["Report"], _ => ["Refund", "Report"] };
        var ranges = new List<TypeRange>();
        for (var left = random.Next(3); left > 0; left--)
        {
            ranges.Add(new TypeRange(ranges.Count == 0 ? "pay-" : "ship-", random.Next(2) == 0 ? [] : ["x", "y"], random.Next(2) == 0 ? [] : ["pay-x", "z%"]));
        }

        return names.Length + ranges.Count > 0 ? new WorkflowTypes([.. names], [.. ranges]) : new WorkflowTypes([], [new TypeRange("", ["Secret"], random.Next(2) == 0 ? [] : ["secret-"])]);
    }

    // What the condition must be to the server's lexer, put down without the code under test.
    private static List<string> Only(WorkflowTypes types)
    {
        List<List<string>> any = [];
        if (!types.Names.IsEmpty)
        {
            any.Add(["WorkflowType", "IN", "(", .. List(types.Names), ")"]);
        }

        foreach (var range in types.Ranges)
        {
            List<List<string>> all = [];
            if (range.Prefix.Length > 0)
            {
                all.Add(["WorkflowType", "STARTS_WITH", "text:" + range.Prefix]);
            }

            if (!range.ButNames.IsEmpty)
            {
                all.Add(["WorkflowType", "NOT", "IN", "(", .. List(range.ButNames), ")"]);
            }

            all.AddRange(range.ButPrefixes.Select(p => (List<string>)["WorkflowType", "NOT", "STARTS_WITH", "text:" + p]));
            var one = Joined(all, "AND");
            any.Add(all.Count > 1 && (!types.Names.IsEmpty || types.Ranges.Length > 1) ? ["(", .. one, ")"] : one);
        }

        return Joined(any, "OR");

        static IEnumerable<string> List(IEnumerable<string> names) => names.SelectMany((n, i) => i == 0 ? (string[])["text:" + n] : [",", "text:" + n]);
        static List<string> Joined(List<List<string>> parts, string word) => [.. parts.SelectMany((p, i) => i == 0 ? p : [word, .. p])];
    }

    private static string Soup(Random random)
    {
        var text = new StringBuilder();
        for (var left = random.Next(14); left > 0; left--)
        {
            text.Append(s_pieces[random.Next(s_pieces.Length)]);
        }

        return text.ToString();
    }

    private static string Mutate(string query, Random random)
    {
        for (var left = 1 + random.Next(2); left > 0; left--)
        {
            var at = random.Next(query.Length + 1);
            query = random.Next(3) switch
            {
                0 => query.Insert(at, s_pieces[random.Next(s_pieces.Length)]),
                1 when at < query.Length => query.Remove(at, 1 + random.Next(Math.Min(4, query.Length - at))),
                _ => at < query.Length ? query[..at] + s_pieces[random.Next(s_pieces.Length)] + query[(at + 1)..] : query,
            };
        }

        return query;
    }

    private static string Query(Random random)
    {
        var where = random.Next(8) == 0 ? "" : Condition(random, 3);
        var tail = random.Next(4) switch { 0 => " ORDER BY StartTime DESC", 1 => " GROUP BY ExecutionStatus", _ => "" };
        return where + tail;
    }

    private static string Condition(Random random, int depth) => (depth == 0 ? 0 : random.Next(6)) switch
    {
        1 => $"({Condition(random, depth - 1)})",
        2 => $"NOT {Condition(random, depth - 1)}",
        3 => $"{Condition(random, depth - 1)} AND {Condition(random, depth - 1)}",
        4 => $"{Condition(random, depth - 1)} or {Condition(random, depth - 1)}",
        _ => Comparison(random),
    };

    private static string Comparison(Random random)
    {
        string[] names = ["WorkflowType", "a", "`b c`", "ExecutionStatus", "_x1"];
        var name = names[random.Next(names.Length)];
        return random.Next(7) switch
        {
            0 => $"{name} IS NULL",
            1 => $"{name} is not null",
            2 => $"{name} IN ({Value(random)}, {Value(random)})",
            3 => $"{name} NOT IN ({Value(random)})",
            4 => $"{name} BETWEEN {Value(random)} AND {Value(random)}",
            5 => $"{name} STARTS_WITH {Value(random)}",
            _ => $"{name}{new[] { "=", " != ", "<>", " < ", ">=" }[random.Next(5)]}{Value(random)}",
        };
    }

    private static string Value(Random random) => new[] { "'x'", "\"y (z\"", "1", "-2.5", "true", "''", "'--'", "'Ende; /* ü */'", "1e-3" }[random.Next(9)];
}
