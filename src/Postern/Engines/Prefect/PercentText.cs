using System.Text;
using System.Text.Unicode;

namespace Postern.Engines.Prefect;

/// <summary>Percent-encoded text of a request target, decoded once and strictly.</summary>
internal static class PercentText
{
    /// <summary>Decodes text of visible ASCII characters. What isn't UTF-8, or holds a control character, is a fault.</summary>
    public static bool TryDecode(ReadOnlySpan<char> raw, bool plusIsSpace, out string text, out string fault)
    {
        text = "";
        fault = "";
        if (!raw.ContainsAny('%', '+') || (!plusIsSpace && !raw.Contains('%')))
        {
            text = raw.ToString();
            return true;
        }

        var bytes = new byte[raw.Length];
        var length = 0;
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '%')
            {
                bytes[length++] = plusIsSpace && raw[i] == '+' ? (byte)' ' : (byte)raw[i];
                continue;
            }

            if (!IsTriplet(raw[i..]))
            {
                fault = "a percent sign in the request target isn't followed by two hexadecimal digits";
                return false;
            }

            bytes[length++] = (byte)((Value(raw[i + 1]) << 4) | Value(raw[i + 2]));
            i += 2;
        }

        var decoded = bytes.AsSpan(0, length);
        if (!Utf8.IsValid(decoded))
        {
            fault = "the request target isn't UTF-8";
            return false;
        }

        text = Encoding.UTF8.GetString(decoded);
        foreach (var c in text)
        {
            if (char.IsControl(c))
            {
                fault = "the request target holds a control character";
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether decoding the text once more would change it.</summary>
    public static bool HoldsTriplet(ReadOnlySpan<char> text)
    {
        for (var at = text.IndexOf('%'); at >= 0; at = text.IndexOf('%'))
        {
            text = text[at..];
            if (IsTriplet(text))
            {
                return true;
            }

            text = text[1..];
        }

        return false;
    }

    private static bool IsTriplet(ReadOnlySpan<char> text) => text.Length >= 3 && char.IsAsciiHexDigit(text[1]) && char.IsAsciiHexDigit(text[2]);

    private static int Value(char digit) => char.IsAsciiDigit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}
