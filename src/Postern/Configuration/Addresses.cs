using System.Buffers;
using System.Globalization;
using System.Net;

namespace Postern.Configuration;

/// <summary>The two kinds of address that a configuration holds: where we listen, and where an engine listens.</summary>
internal static class Addresses
{
    private static readonly SearchValues<char> HostCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");

    /// <summary>Reads <c>ip:port</c> (IPv6 in brackets). A bare number or address isn't one, although the framework would take it.</summary>
    public static bool TryParseListen(string text, out IPEndPoint endPoint)
    {
        endPoint = new IPEndPoint(IPAddress.None, 0);
        if (!TrySplit(text, out var host, out var port))
        {
            return false;
        }

        // The framework also reads 1 and 0x7f.1 as addresses; an operator who writes those made a mistake.
        var isPlain = host.Contains(':') || host.Split('.').Length == 4;
        if (!isPlain || !IPAddress.TryParse(host, out var address))
        {
            return false;
        }

        endPoint = new IPEndPoint(address, port);
        return true;
    }

    /// <summary>Reads <c>host:port</c>: a DNS name or an IP address, and a port from 1.</summary>
    public static bool TryParseUpstream(string text, out string host, out int port) =>
        TrySplit(text, out host, out port) && port > 0 && (host.Contains(':') ? IPAddress.TryParse(host, out _) : !host.AsSpan().ContainsAnyExcept(HostCharacters));

    /// <summary>Whether a text is an origin as it is compared (RFC 6454 §6): https with a host, and a port where it isn't 443; http only on loopback. One way to write each.</summary>
    public static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && text == url.GetLeftPart(UriPartial.Authority) && url.UserInfo.Length == 0
        && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback));

    /// <summary>Whether only this machine can reach the address.</summary>
    public static bool IsLoopback(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));

    private static bool TrySplit(string text, out string host, out int port)
    {
        (host, port) = ("", 0);
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > ushort.MaxValue)
        {
            return false;
        }

        host = text[..colon];
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            host = host[1..^1];
            return host.Contains(':');
        }

        return !host.Contains(':');
    }
}
