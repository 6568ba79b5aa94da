using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Postern.Forwarding.WebSockets;

/// <summary>A client's wish to go on as a socket (RFC 6455 §4.2.1), read strictly.</summary>
/// <param name="Key">Its nonce.</param>
/// <param name="Protocols">The subprotocols that it knows, in its order.</param>
internal sealed record SocketOffer(string Key, IReadOnlyList<string> Protocols)
{
    /// <summary>The one version there is.</summary>
    public const string Version = "13";

    private const int KeyBytes = 16;
    private const string Guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    /// <summary>Whether the request asks to be a socket at all; whether it does so rightly is another question.</summary>
    public static bool IsMeant(IHttpRequestFeature request) => Tokens(request.Headers.Upgrade).Contains("websocket", StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads the request's head.</summary>
    /// <param name="request">The request.</param>
    /// <param name="upgrade">What the server offers for it; null where it can't be upgraded, as on HTTP/2.</param>
    /// <param name="fault">What is wrong; null where nothing is.</param>
    public static SocketOffer? Read(IHttpRequestFeature request, IHttpUpgradeFeature? upgrade, out string? fault)
    {
        var headers = request.Headers;
        Span<byte> nonce = stackalloc byte[KeyBytes];
        fault = request.Method != HttpMethods.Get ? "the method isn't GET"
            : request.Protocol != HttpProtocol.Http11 || upgrade is not { IsUpgradableRequest: true } ? "the connection can't be upgraded"
            : !IsMeant(request) ? "upgrade"
            : !Tokens(headers.Connection).Contains("upgrade", StringComparer.OrdinalIgnoreCase) ? "connection"
            : headers.SecWebSocketVersion is not [Version] ? "sec-websocket-version"
            : headers.SecWebSocketKey is not [{ Length: 24 } key] || !Convert.TryFromBase64String(key, nonce, out var length) || length != KeyBytes ? "sec-websocket-key"
            : headers.TransferEncoding.Count > 0 || headers.ContentLength is > 0 ? "it has a body"
            : null;
        return fault is null ? new SocketOffer(headers.SecWebSocketKey[0]!, Tokens(headers.SecWebSocketProtocol)) : null;
    }

    /// <summary>What answers a nonce. SHA-1 is the RFC's own word: it keeps nothing secret here, it shows that the answer is one to this question.</summary>
#pragma warning disable CA5350
    public static string Accept(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + Guid)));
#pragma warning restore CA5350

    /// <summary>A nonce of the gate's own.</summary>
    public static string NewKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes));

    /// <summary>Goes on as a socket. No extension is taken, whatever was offered: frames are read here.</summary>
    /// <param name="response">The answer, whose head this writes.</param>
    /// <param name="upgrade">What the server offers.</param>
    /// <param name="protocol">The subprotocol; null for none.</param>
    public Task<Stream> AcceptAsync(IHttpResponseFeature response, IHttpUpgradeFeature upgrade, string? protocol)
    {
        response.Headers.Upgrade = "websocket";
        response.Headers.SecWebSocketAccept = Accept(Key);
        if (protocol is not null)
        {
            response.Headers.SecWebSocketProtocol = protocol;
        }

        return upgrade.UpgradeAsync();
    }

    private static List<string> Tokens(StringValues values)
    {
        var tokens = new List<string>();
        foreach (var value in values)
        {
            tokens.AddRange((value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        }

        return tokens;
    }
}
