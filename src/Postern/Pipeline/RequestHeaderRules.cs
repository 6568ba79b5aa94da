using Microsoft.Extensions.Primitives;

namespace Postern.Pipeline;

/// <summary>
/// Which of a client's headers reach the engine. Dropped, whatever their case, and with <c>_</c> for <c>-</c>: the credential, whatever the engine or something in
/// front of it takes as identity, whatever we write ourselves, and what belongs to one connection.
/// </summary>
internal static class RequestHeaderRules
{
    private static readonly string[] Dropped =
    [
        "authorization", "authorization-extras", "proxy-authorization", "proxy-connection", "cookie", "cookie2",
        "caller-type", "caller-name", "call-initiation", "traceparent", "tracestate", "baggage", "x-request-id",
        "host", "content-type", "content-length", "connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings", "trailer",
        "forwarded", "via", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-original-url", "x-rewrite-url", "x-original-uri",
        "x-http-method-override", "x-http-method", "x-method-override", "x-client-cert", "x-ssl-client-cert", "expect",
    ];

    private static readonly string[] DroppedPrefixes =
    [
        "temporal-principal", "xdc-", "grpc-metadata-", "grpcgateway-", "x-forwarded-", "x-postern-", "postern-", "x-envoy-", "x-amzn-oidc-", "x-goog-",
    ];

    private const int LongestName = 128;

    public static bool IsForwarded(string name, StringValues connection)
    {
        if (name.Length is 0 or > LongestName || name[0] == ':')
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

        foreach (var dropped in Dropped)
        {
            if (canonical.SequenceEqual(dropped))
            {
                return false;
            }
        }

        return connection.Count == 0 || !IsNamed(canonical, connection);
    }

    private static ReadOnlySpan<char> Canonical(string name, Span<char> buffer)
    {
        for (var i = 0; i < name.Length; i++)
        {
            var c = name[i];
            buffer[i] = c == '_' ? '-' : c is >= 'A' and <= 'Z' ? (char)(c | 0x20) : c;
        }

        return buffer[..name.Length];
    }

    // RFC 9110 §7.6.1: a header named in Connection ends here. "te" is the exception that gRPC needs.
    private static bool IsNamed(ReadOnlySpan<char> canonical, StringValues connection)
    {
        Span<char> buffer = stackalloc char[LongestName];
        foreach (var value in connection)
        {
            foreach (var range in value.AsSpan().Split(','))
            {
                var name = value.AsSpan()[range].Trim();
                if (name.Length is > 0 and <= LongestName && Canonical(name.ToString(), buffer).SequenceEqual(canonical))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
