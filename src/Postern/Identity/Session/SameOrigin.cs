using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Postern.Identity.Session;

/// <summary>
/// Whether a request that a browser sent with a session's cookie was meant by the engine's own pages, and not by somebody else's that the browser also shows: by
/// what browsers themselves say of it (Fetch Metadata, <c>Origin</c>), which no page can change.
/// </summary>
internal static class SameOrigin
{
    /// <summary>Null where it may count; else what speaks against it.</summary>
    /// <param name="method">The method.</param>
    /// <param name="isUpgrade">Whether it opens a WebSocket: those bring cookies along from every site, whatever the method.</param>
    /// <param name="origin">Where it was sent to.</param>
    /// <param name="headers">Its headers.</param>
    public static string? Problem(string method, bool isUpgrade, string origin, IHeaderDictionary headers)
    {
        if (!isUpgrade && (HttpMethods.IsGet(method) || HttpMethods.IsHead(method) || HttpMethods.IsOptions(method)))
        {
            return null;
        }

        var (site, from) = (headers["Sec-Fetch-Site"], headers.Origin);
        if (site.Count == 0 && from.Count == 0)
        {
            return "says neither Origin nor Sec-Fetch-Site";
        }

        // Each that is there must agree: one of them alone could have been lost or added on the way.
        return site.Count > 0 && !Is(site, "same-origin") ? "Sec-Fetch-Site isn't same-origin"
            : from.Count > 0 && !Is(from, origin) ? "Origin is another one"
            : null;
    }

    private static bool Is(StringValues values, string expected) => values.Count == 1 && string.Equals(values[0], expected, StringComparison.Ordinal);
}
