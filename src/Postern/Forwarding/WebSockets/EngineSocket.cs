using System.Net;
using System.Net.Http.Headers;

namespace Postern.Forwarding.WebSockets;

/// <summary>What became of the attempt to open a socket to the engine.</summary>
/// <param name="Stream">The open socket's bytes; null where there is none.</param>
/// <param name="Status">The status with which the engine answered instead; null where it didn't answer, or answered what no server does.</param>
/// <param name="Fault">What went wrong, for the log; null where nothing did.</param>
internal readonly record struct EngineSocket(Stream? Stream, HttpStatusCode? Status, string? Fault)
{
    /// <summary>Whether the engine took the subprotocol.</summary>
    public bool TookProtocol { get; init; }

    /// <summary>Asks the engine for a socket (RFC 6455 §4.1). No extension is offered: frames are read here.</summary>
    /// <param name="invoker">The engine's connections.</param>
    /// <param name="address">The socket's address, as http or https.</param>
    /// <param name="protocol">The subprotocol that is asked for, beside which the engine may take none.</param>
    /// <param name="complete">Adds what else the request says.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public static async Task<EngineSocket> OpenAsync(
        HttpMessageInvoker invoker, Uri address, string protocol, Action<HttpRequestMessage> complete, CancellationToken cancellation)
    {
        var key = SocketOffer.NewKey();
        // Of no use once the socket is open, and its end would be the socket's: only what isn't a socket is disposed of.
        var request = new HttpRequestMessage(HttpMethod.Get, address) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Key", key);
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Version", SocketOffer.Version);
        request.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", protocol);
        complete(request);
        HttpResponseMessage response;
        try
        {
            response = await invoker.SendAsync(request, cancellation);
        }
        catch (HttpRequestException e)
        {
            return new EngineSocket(null, null, e.HttpRequestError.ToString());
        }

        if (response.StatusCode != HttpStatusCode.SwitchingProtocols)
        {
            response.Dispose();
            return new EngineSocket(null, response.StatusCode, "no upgrade");
        }

        var took = response.Headers.NonValidated.Contains("Sec-WebSocket-Protocol");
        if (FaultOf(response.Headers, key, took ? protocol : null) is { } fault)
        {
            response.Dispose();
            return new EngineSocket(null, null, fault);
        }

        return new EngineSocket(await response.Content.ReadAsStreamAsync(cancellation), response.StatusCode, null) { TookProtocol = took };
    }

    private static string? FaultOf(HttpResponseHeaders headers, string key, string? protocol) =>
        !Is(headers, "Upgrade", "websocket", StringComparison.OrdinalIgnoreCase) ? "upgrade"
        : !Is(headers, "Sec-WebSocket-Accept", SocketOffer.Accept(key), StringComparison.Ordinal) ? "sec-websocket-accept"
        : protocol is not null && !Is(headers, "Sec-WebSocket-Protocol", protocol, StringComparison.Ordinal) ? "sec-websocket-protocol"
        : headers.NonValidated.Contains("Sec-WebSocket-Extensions") ? "sec-websocket-extensions"
        : null;

    private static bool Is(HttpResponseHeaders headers, string name, string value, StringComparison comparison) =>
        headers.NonValidated.TryGetValues(name, out var values) && values.Count == 1 && string.Equals(values.ToString(), value, comparison);
}
