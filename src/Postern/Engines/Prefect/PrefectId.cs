namespace Postern.Engines.Prefect;

/// <summary>
/// Ids as the server reads them: UUIDs, in several written forms that all mean the same. Only the canonical one, with hyphens and in lower case, is judged and looked up.
/// </summary>
internal static class PrefectId
{
    private const int Digits = 32;

    /// <summary>Reads an id of a path: hexadecimal digits in any case, each of the four hyphens there or not.</summary>
    public static bool TryReadPath(ReadOnlySpan<char> text, out string canonical)
    {
        canonical = "";
        Span<char> digits = stackalloc char[Digits];
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '-' && count is 8 or 12 or 16 or 20 && i > 0 && text[i - 1] != '-')
            {
                continue;
            }

            if (count == Digits || !char.IsAsciiHexDigit(text[i]))
            {
                return false;
            }

            digits[count++] = char.ToLowerInvariant(text[i]);
        }

        if (count != Digits || text[^1] == '-')
        {
            return false;
        }

        canonical = $"{digits[..8]}-{digits[8..12]}-{digits[12..16]}-{digits[16..20]}-{digits[20..]}";
        return true;
    }

    /// <summary>Reads an id of a body or a query: also in braces, or as a URN.</summary>
    public static bool TryRead(string? text, out string canonical)
    {
        canonical = "";
        var bare = text.AsSpan();
        if (bare.StartsWith("urn:uuid:", StringComparison.OrdinalIgnoreCase))
        {
            bare = bare["urn:uuid:".Length..];
        }
        else if (bare.Length > 2 && bare[0] == '{' && bare[^1] == '}')
        {
            bare = bare[1..^1];
        }

        return TryReadPath(bare, out canonical);
    }
}
