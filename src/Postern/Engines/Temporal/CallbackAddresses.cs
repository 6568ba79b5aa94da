using System.Buffers;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>Addresses that the server may call when something that a client started has ended: the server's own, and what is configured.</summary>
internal sealed class CallbackAddresses(IReadOnlyList<string> patterns)
{
    private static readonly SearchValues<char> s_strange = SearchValues.Create("*@?#\\ ");

    private readonly Glob[] _patterns = [.. patterns.Select(pattern => new Glob(pattern))];

    public static CallbackAddresses None { get; } = new([]);

    /// <summary>The server itself, as the end of a Nexus operation.</summary>
    public static ReadOnlySpan<byte> System => "temporal://system"u8;

    /// <summary>Whether a pattern can't be read as anything else than one host: a star in the scheme, host or port would match a host of anybody's choice.</summary>
    public static bool IsPattern(string pattern)
    {
        var scheme = pattern.StartsWith("https://", StringComparison.Ordinal) ? 8 : pattern.StartsWith("http://", StringComparison.Ordinal) ? 7 : 0;
        var slash = scheme == 0 ? -1 : pattern.IndexOf('/', scheme);
        return slash > scheme && !pattern.AsSpan(scheme, slash - scheme).ContainsAny(s_strange);
    }

    public bool Allow(string url)
    {
        // A path that climbs is another path to whoever follows it.
        if (_patterns.Length == 0 || url.Contains("..", StringComparison.Ordinal) || url.Contains("%2e", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        foreach (var pattern in _patterns)
        {
            if (pattern.Matches(url))
            {
                return true;
            }
        }

        return false;
    }
}
