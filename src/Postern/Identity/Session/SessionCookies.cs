using Microsoft.Extensions.Primitives;

namespace Postern.Identity.Session;

/// <summary>
/// The cookie of a session (RFC 6265bis). Its name is <c>__Host-postern</c>, so that no other host can set it and no script read it; only on clear-text loopback, where
/// not every browser keeps a Secure cookie, it is plainly <c>postern</c>.
/// </summary>
internal static class SessionCookies
{
    private const string Name = "postern";
    private const string HostPrefix = "__Host-";

    // What browsers keep of one site is less. A longer one is nobody's who means well.
    private const int LongestHeader = 16 * 1024;

    /// <summary>The cookie's name at an origin.</summary>
    public static string NameAt(string origin) => IsSecure(origin) ? HostPrefix + Name : Name;

    /// <summary>The <c>Set-Cookie</c> that hands a session out: for as long as the browser runs.</summary>
    public static string Write(string origin, string text) => $"{NameAt(origin)}={text}; {Attributes(origin)}";

    /// <summary>The <c>Set-Cookie</c> that takes it back.</summary>
    public static string Clear(string origin) => $"{NameAt(origin)}=; Max-Age=0; {Attributes(origin)}";

    /// <summary>Reads the cookie of a request.</summary>
    /// <param name="cookie">The values of <c>Cookie</c>.</param>
    /// <param name="origin">Where it was sent to.</param>
    /// <param name="text">The cookie's value; null where there is none.</param>
    /// <returns>False where it can't be told which one counts, or whether any does.</returns>
    public static bool TryRead(StringValues cookie, string origin, out string? text)
    {
        text = null;
        var (name, length) = (NameAt(origin), 0);
        foreach (var line in cookie)
        {
            length += line?.Length ?? 0;
            if (length > LongestHeader)
            {
                return false;
            }

            foreach (var range in line.AsSpan().Split(';'))
            {
                var pair = line.AsSpan()[range].Trim(' ');
                if (!IsNamed(pair, name))
                {
                    continue;
                }

                // Of two the browser may have put a stranger's first.
                if (text is not null)
                {
                    return false;
                }

                text = pair[(name.Length + 1)..].ToString();
            }
        }

        return true;
    }

    private static bool IsNamed(ReadOnlySpan<char> pair, string name) => pair.Length > name.Length && pair[name.Length] == '=' && pair.StartsWith(name, StringComparison.Ordinal);

    private static bool IsSecure(string origin) => origin.StartsWith("https:", StringComparison.Ordinal);

    private static string Attributes(string origin) => IsSecure(origin) ? "Path=/; Secure; HttpOnly; SameSite=Lax" : "Path=/; HttpOnly; SameSite=Lax";
}
