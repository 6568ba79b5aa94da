using System.Globalization;
using System.Text;

namespace Postern.Engines.Temporal;

/// <summary>
/// The text that is stamped: the verified caller first, what the client wrote behind it in brackets, <c>alice@example.com (1234@host)</c>.
/// Whoever reads it must never see a client's word where the caller's name belongs, so nothing that moves or hides text is let through.
/// </summary>
internal static class IdentityText
{
    /// <summary>Bytes of UTF-8. The server takes any length; lists and histories that people read don't.</summary>
    public const int MaxLength = 512;

    /// <summary>Writes the text and returns its length in bytes.</summary>
    public static int Write(string caller, ReadOnlySpan<byte> own, Span<byte> to)
    {
        Span<byte> name = stackalloc byte[MaxLength];
        var length = Clean(caller, name);
        name[..length].CopyTo(to);
        Span<byte> kept = stackalloc byte[MaxLength];
        var keptLength = Clean(own, kept[..Math.Max(0, MaxLength - length - 3)]);
        if (keptLength == 0 || kept[..keptLength].SequenceEqual(name[..length]))
        {
            return length;
        }

        to[length++] = (byte)' ';
        to[length++] = (byte)'(';
        kept[..keptLength].CopyTo(to[length..]);
        length += keptLength;
        to[length++] = (byte)')';
        return length;
    }

    private static int Clean(string text, Span<byte> to)
    {
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (!TryKeep(rune, to, ref length))
            {
                break;
            }
        }

        return length;
    }

    private static int Clean(ReadOnlySpan<byte> utf8, Span<byte> to)
    {
        // Nearly always plain ASCII that fits.
        if (utf8.Length <= to.Length && !utf8.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
        {
            utf8.CopyTo(to);
            return utf8.Length;
        }

        var length = 0;
        while (!utf8.IsEmpty)
        {
            Rune.DecodeFromUtf8(utf8, out var rune, out var consumed);
            utf8 = utf8[consumed..];
            if (!TryKeep(rune, to, ref length))
            {
                break;
            }
        }

        return length;
    }

    // False once the text is full: it ends with a whole character.
    private static bool TryKeep(Rune rune, Span<byte> to, ref int length)
    {
        if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
        {
            return true;
        }

        if (!rune.TryEncodeToUtf8(to[length..], out var written))
        {
            return false;
        }

        length += written;
        return true;
    }
}
