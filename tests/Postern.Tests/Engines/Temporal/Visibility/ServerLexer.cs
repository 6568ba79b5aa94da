using System.Text;

namespace Postern.Tests.Engines.Temporal.Visibility;

/// <summary>
/// What the server makes of a filter's characters, written for this test and without regard to ours: comments vanish, strings know escapes and doubled quotes, a semicolon
/// ends all. Null where the server would fail at once.
/// </summary>
internal static class ServerLexer
{
    public static List<string>? Read(string query)
    {
        // It works on bytes, and ends at what it takes for the end.
        var text = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(query));
        var tokens = new List<string>();
        for (var i = 0; i < text.Length;)
        {
            var c = text[i];
            if (c is ' ' or '\t' or '\r' or '\n')
            {
                i++;
            }
            else if (c == '#' || At(text, i, "--") || At(text, i, "//"))
            {
                i = text.IndexOf('\n', i) is >= 0 and var end ? end + 1 : text.Length;
            }
            else if (At(text, i, "/*"))
            {
                if (At(text, i, "/*!") || text.IndexOf("*/", i + 2, StringComparison.Ordinal) is not (>= 0 and var end))
                {
                    return null;
                }

                i = end + 2;
            }
            else if (c == ';')
            {
                return tokens;
            }
            else if (c is '\'' or '"' or '`')
            {
                if (Quoted(text, ref i) is not { } quoted)
                {
                    return null;
                }

                tokens.Add((c == '`' ? "name:" : "text:") + quoted);
            }
            else if (IsOfWord(c))
            {
                var start = i;
                while (i < text.Length && (IsOfWord(text[i]) || text[i] == '.'))
                {
                    i++;
                }

                tokens.Add(text[start..i]);
            }
            else
            {
                tokens.Add(c.ToString());
                i++;
            }
        }

        return tokens;
    }

    private static string? Quoted(string text, ref int i)
    {
        var quote = text[i++];
        var value = new StringBuilder();
        while (i < text.Length)
        {
            var c = text[i++];
            if (c == '\\' && quote != '`')
            {
                if (i == text.Length)
                {
                    return null;
                }

                value.Append(text[i++]);
            }
            else if (c != quote)
            {
                value.Append(c);
            }
            else if (i < text.Length && text[i] == quote)
            {
                value.Append(text[i++]);
            }
            else
            {
                return value.ToString();
            }
        }

        return null;
    }

    private static bool At(string text, int i, string what) => string.CompareOrdinal(text, i, what, 0, what.Length) == 0;

    private static bool IsOfWord(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '@';
}
