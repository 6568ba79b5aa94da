using System.Buffers;
using System.Text;

namespace Postern.Engines.Prefect;

/// <summary>
/// One request target in the only form that is judged and forwarded. The server decodes a path before it routes, so each segment is decoded once and written again:
/// what is judged is what is sent. Whatever two readers could understand in two ways is refused.
/// </summary>
internal sealed class PrefectPath
{
    private const string Hex = "0123456789ABCDEF";

    // What a segment may hold as it is (RFC 3986's pchar). A semicolon isn't among them: some servers take what follows it for a parameter of the path.
    private static readonly SearchValues<byte> Plain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@"u8);

    private static readonly SearchValues<char> s_plain = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@/");

    private PrefectPath(string[] segments, bool endsWithSlash, string path, PrefectQuery query)
    {
        Segments = segments;
        EndsWithSlash = endsWithSlash;
        Path = path;
        Query = query;
        Target = query.Text.Length == 0 ? path : string.Concat(path, "?", query.Text);
    }

    /// <summary>The segments, decoded; none for the root.</summary>
    public string[] Segments { get; }

    /// <summary>Whether a slash ends the path: collections have one, and the server knows them by it.</summary>
    public bool EndsWithSlash { get; }

    /// <summary>The path in its canonical form, without a query.</summary>
    public string Path { get; }

    public PrefectQuery Query { get; }

    /// <summary>What is sent to the server: path and query as they were judged. A route's ids are written canonically in <see cref="PrefectMatch.Target"/>.</summary>
    public string Target { get; }

    /// <summary>Reads the target of a request line.</summary>
    /// <param name="rawTarget">As the client wrote it, with its query.</param>
    /// <param name="path">The canonical form.</param>
    /// <param name="fault">Why it is refused, in a few words that repeat nothing of it.</param>
    public static bool TryRead(string rawTarget, out PrefectPath path, out string fault)
    {
        path = null!;
        fault = "";
        if (rawTarget.Length == 0 || rawTarget[0] != '/')
        {
            fault = "the request target isn't a path";
            return false;
        }

        if (rawTarget.AsSpan().ContainsAnyExceptInRange('!', '~') || rawTarget.Contains('#', StringComparison.Ordinal))
        {
            fault = "the request target has a character that a target can't have";
            return false;
        }

        var mark = rawTarget.IndexOf('?', StringComparison.Ordinal);
        if (!PrefectQuery.TryRead(mark < 0 ? "" : rawTarget[(mark + 1)..], out var query, out fault))
        {
            return false;
        }

        var raw = mark < 0 ? rawTarget.AsSpan(1) : rawTarget.AsSpan(1, mark - 1);
        var endsWithSlash = raw.Length == 0 || raw[^1] == '/';
        if (raw.Length != 0 && endsWithSlash)
        {
            raw = raw[..^1];
            if (raw.Length == 0)
            {
                fault = "a segment of the path is empty";
                return false;
            }
        }

        var segments = raw.Length == 0 ? [] : new string[raw.Count('/') + 1];
        var next = 0;
        foreach (var range in raw.Split('/'))
        {
            if (segments.Length == 0)
            {
                break;
            }

            if (!TryReadSegment(raw[range], out segments[next++], out fault))
            {
                return false;
            }
        }

        // Nearly every path is written as it would be here.
        var canonical = raw.ContainsAnyExcept(s_plain) ? Write(segments, endsWithSlash) : mark < 0 ? rawTarget : rawTarget[..mark];
        path = new PrefectPath(segments, endsWithSlash, canonical, query);
        return true;
    }

    private static string Write(string[] segments, bool endsWithSlash)
    {
        var canonical = new StringBuilder();
        foreach (var segment in segments)
        {
            Write(canonical.Append('/'), segment);
        }

        return (endsWithSlash ? canonical.Append('/') : canonical).ToString();
    }

    /// <summary>Writes one segment as it is sent.</summary>
    public static void Write(StringBuilder to, string segment)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in segment.EnumerateRunes())
        {
            var length = rune.EncodeToUtf8(bytes);
            if (length == 1 && Plain.Contains(bytes[0]))
            {
                to.Append((char)bytes[0]);
                continue;
            }

            foreach (var b in bytes[..length])
            {
                to.Append('%').Append(Hex[b >> 4]).Append(Hex[b & 15]);
            }
        }
    }

    private static bool TryReadSegment(ReadOnlySpan<char> raw, out string segment, out string fault)
    {
        segment = "";
        if (raw.IsEmpty)
        {
            fault = "a segment of the path is empty";
            return false;
        }

        if (!PercentText.TryDecode(raw, plusIsSpace: false, out segment, out fault))
        {
            return false;
        }

        if (segment is "." or "..")
        {
            fault = "a segment of the path means another one";
        }
        else if (segment.AsSpan().ContainsAny("/\\;"))
        {
            fault = "a segment of the path holds a character that divides paths";
        }
        else if (PercentText.HoldsTriplet(segment))
        {
            fault = "the path is encoded twice";
        }

        return fault.Length == 0;
    }
}
