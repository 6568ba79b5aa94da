namespace Postern.Pipeline;

/// <summary>Whether a request's host is one that an engine lists; its port doesn't matter.</summary>
internal static class HostNames
{
    public static bool Matches(IReadOnlyList<string> known, string host)
    {
        var name = Without(host);
        // By index: an enumerator over an interface would be an allocation per call.
        for (var i = 0; i < known.Count; i++)
        {
            if (name.Equals(known[i], StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static ReadOnlySpan<char> Without(string host)
    {
        var name = host.AsSpan();
        var colon = name.LastIndexOf(':');
        return colon > 0 && !name.EndsWith("]") ? name[..colon] : name;
    }
}
