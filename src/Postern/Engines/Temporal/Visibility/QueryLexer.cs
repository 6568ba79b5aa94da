using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Postern.Engines.Temporal.Visibility;

/// <summary>
/// Takes a query apart. The server's own lexer knows more (comments in four spellings, escapes, bind variables, hexadecimal and bit literals, and/or as symbols):
/// whatever begins one of those isn't a token here, so that no text can be one thing to the gate and another to the server.
/// </summary>
internal static class QueryLexer
{
    private static readonly string[] s_symbols = ["<>", "<=", ">=", "!=", "=", "<", ">", "(", ")", ","];

    public static ImmutableArray<QueryToken> Read(string query)
    {
        var tokens = ImmutableArray.CreateBuilder<QueryToken>();
        var at = 0;
        while (true)
        {
            while (at < query.Length && query[at] is ' ' or '\t' or '\r' or '\n')
            {
                at++;
            }

            if (at == query.Length)
            {
                tokens.Add(new QueryToken(QueryTokenKind.End, "", at, at));
                return tokens.ToImmutable();
            }

            var token = Next(query, at);
            tokens.Add(token);
            at = token.End;
        }
    }

    /// <summary>True where the text can stand between quotes and is read as itself by every lexer.</summary>
    public static bool IsPlain(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out var rune, out var length) != System.Buffers.OperationStatus.Done || !IsPlain(rune))
            {
                return false;
            }

            text = text[length..];
        }

        return true;
    }

    private static QueryToken Next(string query, int start) => query[start] switch
    {
        '\'' or '"' => Text(query, start),
        '`' => Name(query, start),
        '_' or (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') => Word(query, start),
        '-' or '+' or (>= '0' and <= '9') => Number(query, start),
        _ => Symbol(query, start),
    };

    private static QueryToken Text(string query, int start)
    {
        var end = query.IndexOf(query[start], start + 1);
        if (end < 0)
        {
            throw new QueryFault("a string doesn't end", start);
        }

        if (!IsPlain(query.AsSpan(start + 1, end - start - 1)))
        {
            throw new QueryFault("a string holds an escape, a quote, or a character that isn't plain text", start);
        }

        // Two quotes in a row are one character to the server; a string behind a string is joined to it by some.
        return end + 1 < query.Length && query[end + 1] is '\'' or '"' or '`'
            ? throw new QueryFault("a quote follows a string", end + 1)
            : new QueryToken(QueryTokenKind.Text, query[(start + 1)..end], start, end + 1);
    }

    private static QueryToken Name(string query, int start)
    {
        var end = start + 1;
        while (end < query.Length && (char.IsAsciiLetterOrDigit(query[end]) || query[end] is '_' or '-' or '.' or ' '))
        {
            end++;
        }

        return end == query.Length || query[end] != '`' || end == start + 1 || (end + 1 < query.Length && query[end + 1] is '`' or '\'' or '"')
            ? throw new QueryFault("a name in backticks isn't plain", start)
            : new QueryToken(QueryTokenKind.Name, query[(start + 1)..end], start, end + 1);
    }

    private static QueryToken Word(string query, int start)
    {
        var end = start + 1;
        while (end < query.Length && IsOfWord(query[end]))
        {
            end++;
        }

        return new QueryToken(QueryTokenKind.Word, query[start..end], start, end);
    }

    private static QueryToken Number(string query, int start)
    {
        var end = query[start] is '-' or '+' ? start + 1 : start;
        var valid = SkipDigits(query, ref end);
        if (end < query.Length && query[end] == '.')
        {
            end++;
            valid &= SkipDigits(query, ref end);
        }

        if (end < query.Length && query[end] is 'e' or 'E')
        {
            end += end + 1 < query.Length && query[end + 1] is '-' or '+' ? 2 : 1;
            valid &= SkipDigits(query, ref end);
        }

        return !valid || (end < query.Length && (IsOfWord(query[end]) || query[end] is '.'))
            ? throw new QueryFault("a number isn't plain", start)
            : new QueryToken(QueryTokenKind.Number, query[start..end], start, end);
    }

    private static QueryToken Symbol(string query, int start)
    {
        foreach (var symbol in s_symbols)
        {
            if (string.CompareOrdinal(query, start, symbol, 0, symbol.Length) == 0)
            {
                return new QueryToken(QueryTokenKind.Symbol, symbol, start, start + symbol.Length);
            }
        }

        throw new QueryFault("a character has no meaning here", start);
    }

    private static bool SkipDigits(string query, ref int at)
    {
        var start = at;
        while (at < query.Length && char.IsAsciiDigit(query[at]))
        {
            at++;
        }

        return at > start;
    }

    private static bool IsOfWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    private static bool IsPlain(Rune rune) => rune.Value is not ('\'' or '"' or '\\') && (rune.Value == ' ' || Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator => false,
        _ => true,
    });
}
