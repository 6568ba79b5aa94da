using System.Net;
using Microsoft.AspNetCore.Http;

namespace Postern.Pipeline;

/// <summary>
/// Where a call comes from. X-Forwarded-For counts only as far as trusted proxies wrote it: read from its end, the first address that is no trusted proxy is the
/// client; everything before it the client may have written itself.
/// </summary>
internal static class ClientAddress
{
    private const string ForwardedFor = "X-Forwarded-For";

    public static IPAddress? Of(IPAddress? peer, IHeaderDictionary headers, IReadOnlyList<IPNetwork> trusted)
    {
        var source = peer is { IsIPv4MappedToIPv6: true } ? peer.MapToIPv4() : peer;
        if (trusted.Count == 0 || source is null || !IsTrusted(source, trusted))
        {
            return source;
        }

        // Several headers are one list, in their order (RFC 9110 §5.3).
        foreach (var hop in headers[ForwardedFor].SelectMany(value => (value ?? "").Split(',')).Reverse())
        {
            if (!TryRead(hop.Trim(), out var address))
            {
                return source;
            }

            source = address;
            if (!IsTrusted(address, trusted))
            {
                return source;
            }
        }

        return source;
    }

    // 10.1.2.3, 10.1.2.3:4711, 2001:db8::1, [2001:db8::1]:4711
    private static bool TryRead(string hop, out IPAddress address)
    {
        address = IPAddress.None;
        var colon = hop.LastIndexOf(':');
        var host = hop.StartsWith('[') ? hop[1..Math.Max(1, hop.IndexOf(']'))] : colon > 0 && hop.IndexOf(':') == colon ? hop[..colon] : hop;
        // The framework also reads 1 and 0x7f.1 as addresses; a proxy doesn't write those.
        if ((!host.Contains(':') && host.Split('.').Length != 4) || !IPAddress.TryParse(host, out var read))
        {
            return false;
        }

        address = read.IsIPv4MappedToIPv6 ? read.MapToIPv4() : read;
        return true;
    }

    private static bool IsTrusted(IPAddress address, IReadOnlyList<IPNetwork> trusted)
    {
        foreach (var network in trusted)
        {
            if (network.Contains(address))
            {
                return true;
            }
        }

        return false;
    }
}
