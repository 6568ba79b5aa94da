using System.Globalization;
using System.Text;

namespace Postern.Tests.Engines.Prefect;

/// <summary>Reads JSON as Python's own reader does, which the server uses: the last of equal keys, NaN, halves of characters, other encodings. Objects are dictionaries, numbers their text in <see cref="Number"/>.</summary>
internal sealed class PythonJson
{
    private readonly string _text;
    private int _at;

    private PythonJson(string text) => _text = text;

    internal sealed record Number(string Text);

    /// <exception cref="FormatException">Python refuses it.</exception>
    public static object? Read(byte[] body)
    {
        var reader = new PythonJson(Decode(body));
        reader.Space();
        var value = reader.Value();
        reader.Space();
        return reader._at == reader._text.Length ? value : throw new FormatException("extra data");
    }

    /// <summary>One text for each value: equal where the values are.</summary>
    public static string Write(object? value) => value switch
    {
        null => "null",
        bool b => b ? "true" : "false",
        Number number => number.Text,
        string text => "\"" + string.Concat(text.Select(c => ((int)c).ToString("x4", CultureInfo.InvariantCulture))) + "\"",
        List<object?> list => "[" + string.Join(',', list.Select(Write)) + "]",
        Dictionary<string, object?> map => "{" + string.Join(',', map.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => Write(pair.Key) + ":" + Write(pair.Value))) + "}",
        _ => throw new ArgumentException("not JSON", nameof(value)),
    };

    // json.detect_encoding: by the marks at its start, else by which of the first bytes are zero.
    private static string Decode(byte[] body)
    {
        Encoding encoding = body switch
        {
            [0xff, 0xfe, 0, 0, ..] => new UTF32Encoding(false, true, true),
            [0, 0, 0xfe, 0xff, ..] => new UTF32Encoding(true, true, true),
            [0xff, 0xfe, ..] => new UnicodeEncoding(false, true, true),
            [0xfe, 0xff, ..] => new UnicodeEncoding(true, true, true),
            [0, 0, 0, _, ..] => new UTF32Encoding(true, false, true),
            [0, _, ..] => new UnicodeEncoding(true, false, true),
            [_, 0, 0, 0, ..] => new UTF32Encoding(false, false, true),
            [_, 0, ..] => new UnicodeEncoding(false, false, true),
            _ => new UTF8Encoding(false, true),
        };
        try
        {
            return encoding.GetString(body).TrimStart('\ufeff');
        }
        catch (ArgumentException e)
        {
            throw new FormatException("encoding", e);
        }
    }

    private object? Value()
    {
        switch (_at < _text.Length ? _text[_at] : '\0')
        {
            case '{':
                return Map();
            case '[':
                return List();
            case '"':
                return Text();
        }

        foreach (var (word, value) in new (string, object?)[] { ("null", null), ("true", true), ("false", false), ("NaN", new Number("NaN")), ("Infinity", new Number("inf")), ("-Infinity", new Number("-inf")) })
        {
            if (string.CompareOrdinal(_text, _at, word, 0, word.Length) == 0)
            {
                _at += word.Length;
                return value;
            }
        }

        var match = System.Text.RegularExpressions.Regex.Match(_text[_at..], "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
        if (!match.Success)
        {
            throw new FormatException("no value");
        }

        _at += match.Length;
        return new Number(match.Value);
    }

    private Dictionary<string, object?> Map()
    {
        var map = new Dictionary<string, object?>(StringComparer.Ordinal);
        _at++;
        Space();
        if (Takes('}'))
        {
            return map;
        }

        while (true)
        {
            Need('"', take: false);
            var key = Text();
            Space();
            Need(':');
            Space();
            map[key] = Value();
            Space();
            if (Takes('}'))
            {
                return map;
            }

            Need(',');
            Space();
        }
    }

    private List<object?> List()
    {
        var list = new List<object?>();
        _at++;
        Space();
        if (Takes(']'))
        {
            return list;
        }

        while (true)
        {
            list.Add(Value());
            Space();
            if (Takes(']'))
            {
                return list;
            }

            Need(',');
            Space();
        }
    }

    private string Text()
    {
        var text = new StringBuilder();
        for (_at++; _at < _text.Length; _at++)
        {
            var c = _text[_at];
            if (c == '"')
            {
                _at++;
                return text.ToString();
            }

            if (c < ' ')
            {
                throw new FormatException("control character");
            }

            if (c != '\\')
            {
                text.Append(c);
                continue;
            }

            c = ++_at < _text.Length ? _text[_at] : throw new FormatException("no end");
            if (c == 'u')
            {
                if (_at + 4 >= _text.Length || !_text.AsSpan(_at + 1, 4).ToString().All(char.IsAsciiHexDigit))
                {
                    throw new FormatException("escape");
                }

                text.Append((char)int.Parse(_text.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
                _at += 4;
                continue;
            }

            var known = "\"\\/bfnrt".IndexOf(c, StringComparison.Ordinal);
            text.Append(known >= 0 ? "\"\\/\b\f\n\r\t"[known] : throw new FormatException("escape"));
        }

        throw new FormatException("no end");
    }

    private void Space()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\t' or '\n' or '\r')
        {
            _at++;
        }
    }

    private bool Takes(char c)
    {
        var takes = _at < _text.Length && _text[_at] == c;
        _at += takes ? 1 : 0;
        return takes;
    }

    private void Need(char c, bool take = true)
    {
        if (_at >= _text.Length || _text[_at] != c)
        {
            throw new FormatException("expected " + c);
        }

        _at += take ? 1 : 0;
    }
}
