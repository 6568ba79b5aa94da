using Postern.Engines.Temporal.Visibility;
using Postern.Model;

namespace Postern.Tests.Engines.Temporal.Visibility;

public sealed class VisibilityQueryTests
{
    private static readonly WorkflowTypes s_types = new(["Refund", "Report"], []);

    private static readonly (WorkflowTypes Types, string Expected)[] s_ranges =
    [
        (new([], [new("", ["Secret"], [])]), "WorkflowType NOT IN ('Secret')"),
        (new([], [new("", [], ["secret-"])]), "WorkflowType NOT STARTS_WITH 'secret-'"),
        (new([], [new("", ["Secret"], ["a", "b"])]), "WorkflowType NOT IN ('Secret') AND WorkflowType NOT STARTS_WITH 'a' AND WorkflowType NOT STARTS_WITH 'b'"),
        (new([], [new("billing-", [], [])]), "WorkflowType STARTS_WITH 'billing-'"),
        (new([], [new("a", [], []), new("b", [], [])]), "WorkflowType STARTS_WITH 'a' OR WorkflowType STARTS_WITH 'b'"),
        (new(["Refund", "Report"], [new("billing-", [], [])]), "WorkflowType IN ('Refund', 'Report') OR WorkflowType STARTS_WITH 'billing-'"),
        (
            new(["Refund"], [new("billing-", ["billing-x"], ["billing-secret-"]), new("100%_", [], [])]),
            "WorkflowType IN ('Refund') OR (WorkflowType STARTS_WITH 'billing-' AND WorkflowType NOT IN ('billing-x') AND WorkflowType NOT STARTS_WITH 'billing-secret-') OR WorkflowType STARTS_WITH '100%_'"
        ),
    ];

    [Theory]
    [InlineData("", "(WorkflowType IN ('Refund', 'Report'))")]
    [InlineData(" \t\r\n", "(WorkflowType IN ('Refund', 'Report'))")]
    [InlineData("a = 1", "(a = 1) AND (WorkflowType IN ('Refund', 'Report'))")]
    [InlineData("  a='x' OR b=\"y\"  ", "(a='x' OR b=\"y\") AND (WorkflowType IN ('Refund', 'Report'))")]
    [InlineData("a = 1 ORDER BY StartTime DESC, b", "(a = 1) AND (WorkflowType IN ('Refund', 'Report')) ORDER BY StartTime DESC, b")]
    [InlineData("order by StartTime", "(WorkflowType IN ('Refund', 'Report')) order by StartTime")]
    [InlineData("a IS NULL GROUP BY ExecutionStatus", "(a IS NULL) AND (WorkflowType IN ('Refund', 'Report')) GROUP BY ExecutionStatus")]
    [InlineData("GROUP BY ExecutionStatus", "(WorkflowType IN ('Refund', 'Report')) GROUP BY ExecutionStatus")]
    [InlineData("WorkflowType = 'Secret'", "(WorkflowType = 'Secret') AND (WorkflowType IN ('Refund', 'Report'))")]
    [InlineData("a='x'AND b=1", "(a='x'AND b=1) AND (WorkflowType IN ('Refund', 'Report'))")]
    public void Narrow_KeepsTheConditionAndWhatStandsBehindIt(string query, string expected)
    {
        Assert.True(VisibilityQuery.TryNarrow(query, s_types, out var narrowed, out var why), why);
        Assert.Equal(expected, narrowed);
    }

    [Theory]
    [InlineData("a = 1 AND b != 'x' and c <> 2.5 AnD d < -3 AND e <= +4 AND f > 1e9 AND g >= 1.5E-3")]
    [InlineData("NOT a = true AND (b = FALSE OR NOT (NOT c = 'x'))")]
    [InlineData("a IN ('x') AND b NOT IN (1, 'two', 3.0) AND c BETWEEN '2026-01-01T00:00:00Z' AND '2026-12-31T00:00:00Z' AND d NOT BETWEEN 1 AND 2")]
    [InlineData("a IS NULL OR b IS NOT NULL OR c STARTS_WITH 'x' OR d NOT STARTS_WITH 'y'")]
    [InlineData("`Customer Id` = 'Müller & Söhne (Köln) ; -- # /* */' AND `x.y-z` = 1")]
    [InlineData("WorkflowId = '订单-7' AND _x9 = ''")]
    [InlineData("((((a = 1))))")]
    public void Narrow_WhatIsUnderstood_IsNarrowed(string query)
    {
        Assert.True(VisibilityQuery.TryNarrow(query, s_types, out var narrowed, out var why), why);
        Assert.Equal($"({query}) AND (WorkflowType IN ('Refund', 'Report'))", narrowed);
    }

    [Theory]
    // Ways out of the parentheses.
    [InlineData("a = 1) OR (b = 2")]
    [InlineData("a = 1)")]
    [InlineData("(a = 1")]
    [InlineData(")(")]
    [InlineData("a = 1 OR")]
    // Comments in the server's four spellings, and what begins like one.
    [InlineData("a = 1 -- ")]
    [InlineData("a = 1 --")]
    [InlineData("a = 1 # b")]
    [InlineData("a = 1 // b")]
    [InlineData("a = 1 /* b */")]
    [InlineData("a = 1 /*! OR b = 2 */")]
    [InlineData("/**/")]
    [InlineData("--")]
    [InlineData("a = --1")]
    [InlineData("a = - 1")]
    [InlineData("a = 1-1")]
    // Strings that don't end, end twice, or hold an escape.
    [InlineData("a = 'x")]
    [InlineData("a = \"x")]
    [InlineData("a = 'x\"")]
    [InlineData("a = `x")]
    [InlineData("`a")]
    [InlineData("`` = 1")]
    [InlineData("`a``b` = 1")]
    [InlineData("a = 'x''y'")]
    [InlineData("a = 'x' 'y'")]
    [InlineData("a = 'x'\"y\"")]
    [InlineData("a = \"it's\"")]
    [InlineData("a = 'x\\' OR 1=1 OR b = '")]
    [InlineData("a = 'x\\\\'")]
    [InlineData("a = x'41'")]
    [InlineData("a = b'01'")]
    [InlineData("a = 0x41")]
    // Ends and further statements.
    [InlineData("a = 1;")]
    [InlineData(";")]
    [InlineData("a = 1; SELECT 2")]
    [InlineData("a = 1 UNION SELECT 2")]
    [InlineData("a = 1 LIMIT 5")]
    [InlineData("a = 1 HAVING b = 2")]
    [InlineData("a = 1 FOR UPDATE")]
    [InlineData("where a = 1")]
    [InlineData("a = 1 ORDER BY b ORDER BY c")]
    [InlineData("ORDER BY b GROUP BY c")]
    [InlineData("a = 1 ORDER BY 1")]
    [InlineData("a = 1 ORDER BY")]
    // What the server knows and the gate doesn't.
    [InlineData("a LIKE 'x%'")]
    [InlineData("a = b")]
    [InlineData("a = NULL")]
    [InlineData("1 = 1")]
    [InlineData("true")]
    [InlineData("a")]
    [InlineData("a = 1 && b = 2")]
    [InlineData("a = 1 || b = 2")]
    [InlineData("a = 1 XOR b = 2")]
    [InlineData("!(a = 1)")]
    [InlineData("a <=> 1")]
    [InlineData("a = :x")]
    [InlineData("a = ?")]
    [InlineData("@a = 1")]
    [InlineData("a.b = 1")]
    [InlineData("f(a) = 1")]
    [InlineData("a = (1)")]
    [InlineData("a IN ()")]
    [InlineData("a IN 1")]
    [InlineData("a IN (SELECT b)")]
    [InlineData("a = 1 b = 2")]
    [InlineData("a IS 1")]
    [InlineData("a NOT = 1")]
    [InlineData("a BETWEEN 1 OR 2")]
    [InlineData("a = .5")]
    [InlineData("a = 5.")]
    [InlineData("a = 1e")]
    [InlineData("a = 1x")]
    [InlineData("select = 1")]
    // Text that isn't what it looks like.
    [InlineData("a\u00A0= 1")]
    [InlineData("a = 1\u2028")]
    [InlineData("\uFEFFa = 1")]
    [InlineData("ä = 1")]
    [InlineData("a = ＇x＇")]
    [InlineData("a = 'x\u202Ey'")]
    [InlineData("a = 'x\u200By'")]
    [InlineData("a = 'x\0y'")]
    [InlineData("a = 'x\ny'")]
    [InlineData("a = 1\0")]
    public void Narrow_WhatIsNotUnderstood_IsRefused(string query)
    {
        Assert.False(VisibilityQuery.TryNarrow(query, s_types, out var narrowed, out var why));
        Assert.Null(narrowed);
        Assert.NotEmpty(why);
    }

    [Theory]
    [InlineData("it's")]
    [InlineData("a\\")]
    [InlineData("a\"b")]
    [InlineData("a\nb")]
    [InlineData("")]
    public void Narrow_ToATypeThatCannotBeWritten_IsRefused(string type)
    {
        Assert.False(VisibilityQuery.TryNarrow("", new WorkflowTypes(["Report", type], []), out _, out _));
        Assert.False(VisibilityQuery.TryNarrow("", new WorkflowTypes([], [new TypeRange("Pay", [type], [])]), out _, out _));
        Assert.False(VisibilityQuery.TryNarrow("", new WorkflowTypes([], [new TypeRange("Pay", [], [type])]), out _, out _));
        // No beginning at all is every type.
        Assert.Equal(type.Length == 0, VisibilityQuery.TryNarrow("", new WorkflowTypes(["Report"], [new TypeRange(type, ["x"], [])]), out _, out _));
    }

    [Fact]
    public void Narrow_ToWhatBeginsAlike_SaysItInTheServersWords()
    {
        foreach (var (types, expected) in s_ranges)
        {
            Assert.True(VisibilityQuery.TryNarrow("a = 1", types, out var narrowed, out var why), why);
            Assert.Equal($"(a = 1) AND ({expected})", narrowed);
            Assert.True(VisibilityQuery.TryNarrow("", types, out narrowed, out why), why);
            Assert.Equal($"({expected})", narrowed);
        }
    }

    [Fact]
    public void Narrow_DeepOrLong_IsRefusedWithoutHarm()
    {
        Assert.False(VisibilityQuery.TryNarrow(new string('(', 30_000), s_types, out _, out _));
        Assert.False(VisibilityQuery.TryNarrow(string.Concat(Enumerable.Repeat("NOT ", 8_000)) + "a = 1", s_types, out _, out _));
        Assert.False(VisibilityQuery.TryNarrow($"a = '{new string('x', 40_000)}'", s_types, out _, out _));
        Assert.True(VisibilityQuery.TryNarrow(string.Join(" OR ", Enumerable.Repeat("a = 1", 3_000)), s_types, out _, out _));
    }
}
