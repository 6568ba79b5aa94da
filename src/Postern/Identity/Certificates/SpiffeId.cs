using System.Buffers;

namespace Postern.Identity.Certificates;

/// <summary>The name of a workload: <c>spiffe://‹trust domain›/‹path›</c>, written in one way only, so that it can be compared as text.</summary>
internal static class SpiffeId
{
    private const string Scheme = "spiffe://";
    private static readonly SearchValues<char> DomainCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-._");
    private static readonly SearchValues<char> PathCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

    public static bool IsTrustDomain(string text) => text.Length is > 0 and <= 255 && !text.AsSpan().ContainsAnyExcept(DomainCharacters);

    /// <summary>The trust domain of a workload's name; null for any other text.</summary>
    public static string? TrustDomainOf(string? text) => text is not null && IsValid(text) ? text[Scheme.Length..text.IndexOf('/', Scheme.Length)] : null;

    public static bool IsValid(string text)
    {
        if (!text.StartsWith(Scheme, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = text.AsSpan(Scheme.Length);
        var slash = rest.IndexOf('/');
        // A trust domain alone names the authority, not a workload.
        if (slash <= 0 || rest[..slash].ContainsAnyExcept(DomainCharacters))
        {
            return false;
        }

        foreach (var range in rest[(slash + 1)..].Split('/'))
        {
            var segment = rest[(slash + 1)..][range];
            if (segment.IsEmpty || segment is "." or ".." || segment.ContainsAnyExcept(PathCharacters))
            {
                return false;
            }
        }

        return true;
    }
}
