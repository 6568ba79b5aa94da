using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace Postern.Pipeline.Prefect;

/// <summary>Which of a client's headers reach a Prefect server, beyond what no engine gets to see (<see cref="RequestHeaderRules"/>).</summary>
internal static class PrefectHeaders
{
    // The UI's own choice of its version; every other cookie is somebody else's.
    private const string UiVersion = "prefect_ui_version";

    // What says of a body how it is to be read, and nothing of who sends it.
    private static readonly FrozenSet<string> OfContent = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "content-type", "content-length", "content-encoding", "content-language");

    /// <summary>Whether the header stands with the body.</summary>
    public static bool IsOfContent(string name) => OfContent.Contains(name);

    /// <param name="name">The header's name as it came.</param>
    /// <param name="connection">The request's <c>connection</c> values: what they name ends here.</param>
    /// <param name="keepsAttribution">Whether the caller may say of itself which worker, flow and deployment it is.</param>
    public static bool IsForwarded(string name, StringValues connection, bool keepsAttribution)
    {
        if (OfContent.Contains(name))
        {
            return true;
        }

        var canonical = name.Replace('_', '-');
        // The server takes them for the word of its own automations: who sends them decides what it writes as a run's creator.
        if (canonical.StartsWith("prefect-automation-", StringComparison.OrdinalIgnoreCase)
            || canonical.StartsWith("sec-websocket-", StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        return (keepsAttribution || !IsAttribution(canonical)) && RequestHeaderRules.IsForwarded(name, connection);
    }

    /// <summary>The value of <c>Cookie</c> for the server; null where nothing of it is the server's.</summary>
    public static string? CookieOf(StringValues cookies)
    {
        foreach (var value in cookies)
        {
            foreach (var range in value.AsSpan().Split(';'))
            {
                var pair = value.AsSpan()[range].Trim();
                if (pair.StartsWith(UiVersion + "=", StringComparison.Ordinal) && pair[(UiVersion.Length + 1)..] is "v1" or "v2")
                {
                    return pair.ToString();
                }
            }
        }

        return null;
    }

    private static bool IsAttribution(string canonical) =>
        canonical.StartsWith("x-prefect-worker-", StringComparison.OrdinalIgnoreCase) || canonical.StartsWith("x-prefect-flow-", StringComparison.OrdinalIgnoreCase)
        || canonical.StartsWith("x-prefect-deployment-", StringComparison.OrdinalIgnoreCase);
}
