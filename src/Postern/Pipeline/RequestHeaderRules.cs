using System.Collections.Frozen;
using Microsoft.Extensions.Primitives;

namespace Postern.Pipeline;

/// <summary>
/// Which of a client's headers reach the engine. Dropped, whatever their case, and with <c>_</c> for <c>-</c>: the credential, whatever the engine or something in
/// front of it takes as identity, whatever we write ourselves, and what belongs to one connection.
/// </summary>
internal static class RequestHeaderRules
{
    private const int LongestName = 128;

    private static readonly string[] Dropped =
    [
        "authorization", "authorization-extras", "cookie", "cookie2",
        "caller-type", "caller-name", "call-initiation", "traceparent", "tracestate", "baggage", "x-request-id",
        "host", "content-type", "content-length", "connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings", "trailer",
        "forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-original-url", "x-rewrite-url", "x-original-uri",
        "x-http-method-override", "x-http-method", "x-method-override", "x-client-cert", "x-ssl-client-cert", "expect",
    ];

    private static readonly string[] DroppedPrefixes =
    [
        "temporal-principal", "xdc-", "grpc-metadata-", "grpcgateway-", "x-forwarded-", "x-postern-", "postern-", "proxy-", "x-envoy-", "x-amzn-oidc-", "x-goog-",
    ];

    // What nearly every call carries, so that it needn't be taken apart. None of these may match the lists above: a test holds it.
    private static readonly FrozenSet<string> Usual = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "te", "user-agent", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "accept-encoding", "accept", "client-name", "client-version",
        "supported-server-versions", "supported-features", "temporal-namespace");

    private static readonly FrozenSet<string> DroppedNames = Dropped.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> DroppedSpans = DroppedNames.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Headers that are forwarded without being taken apart.</summary>
    public static IReadOnlyCollection<string> UsualNames => Usual;

    /// <summary>Allocates nothing.</summary>
    /// <param name="name">The header's name as it came.</param>
    /// <param name="connection">The request's <c>connection</c> values: what they name ends here.</param>
    public static bool IsForwarded(string name, StringValues connection)
    {
        if (connection.Count == 0 && Usual.Contains(name))
        {
            return true;
        }

        if (name.Length is 0 or > LongestName || name[0] == ':' || DroppedNames.Contains(name))
        {
            return false;
        }

        Span<char> buffer = stackalloc char[LongestName];
        var canonical = Canonical(name, buffer);
        foreach (var prefix in DroppedPrefixes)
        {
            if (canonical.StartsWith(prefix, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return !DroppedSpans.Contains(canonical) && (connection.Count == 0 || !IsNamed(canonical, connection));
    }

    private static ReadOnlySpan<char> Canonical(ReadOnlySpan<char> name, Span<char> buffer)
    {
        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            buffer[i] = c == '_' ? '-' : c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c;
        }

        return buffer[..name.Length];
    }

    // RFC 9110 §7.6.1: a header named in Connection ends here.
    private static bool IsNamed(ReadOnlySpan<char> canonical, StringValues connection)
    {
        Span<char> buffer = stackalloc char[LongestName];
        foreach (var value in connection)
        {
            foreach (var range in value.AsSpan().Split(','))
            {
                var name = value.AsSpan()[range].Trim();
                if (name.Length is > 0 and <= LongestName && Canonical(name, buffer).SequenceEqual(canonical))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
