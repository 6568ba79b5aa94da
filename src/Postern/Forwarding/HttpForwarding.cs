using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace Postern.Forwarding;

/// <summary>
/// HTTP/1.1 to one engine, over connections of its own: bodies stream both ways by YARP's forwarder, what the engine answers goes back as it came. What is sent (path, headers, credential)
/// is the call's own business, and nothing is added here.
/// </summary>
internal sealed class HttpForwarding : IDisposable
{
    private static readonly TimeSpan ConnectWithin = TimeSpan.FromSeconds(5);

    // uvicorn closes a connection after five idle seconds, and a request that crosses its close is lost.
    private static readonly TimeSpan IdleAtMost = TimeSpan.FromSeconds(4);

    private readonly IHttpForwarder _forwarder;
    private readonly HttpMessageInvoker _invoker;
    private readonly ForwarderRequestConfig _request;
    private readonly DnsEndPoint _endPoint;
    private readonly SslClientAuthenticationOptions? _tls;

    /// <param name="forwarder">YARP's forwarder.</param>
    /// <param name="address">Scheme, host and port of the engine.</param>
    /// <param name="tls">How it is known, where its scheme is https.</param>
    /// <param name="silence">How long it may be silent in the middle of a call.</param>
    public HttpForwarding(IHttpForwarder forwarder, Uri address, SslClientAuthenticationOptions? tls, TimeSpan silence)
    {
        _forwarder = forwarder;
        Address = address.GetLeftPart(UriPartial.Authority);
        _endPoint = new DnsEndPoint(address.IdnHost, address.Port);
        _tls = address.Scheme == Uri.UriSchemeHttps ? tls ?? new SslClientAuthenticationOptions { TargetHost = address.IdnHost } : null;
        var handler = CreateHandler(tls);
        _invoker = new HttpMessageInvoker(handler);
        Exchange = new HttpExchange(_invoker, silence);
        _request = new ForwarderRequestConfig { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact, ActivityTimeout = silence };
    }

    /// <summary>Scheme and authority of the engine.</summary>
    public string Address { get; }

    /// <summary>For requests whose body is in hand.</summary>
    public HttpExchange Exchange { get; }

    /// <summary>For the gate's own questions.</summary>
    public HttpMessageInvoker Invoker => _invoker;

    /// <summary>
    /// Sends the context's request and copies the answer into its response. With an error other than <see cref="ForwarderError.None"/> the answer is the caller's to give, if nothing
    /// was sent yet; YARP has then set a status and nothing else.
    /// </summary>
    public ValueTask<ForwarderError> SendAsync(HttpContext context, HttpTransformer transformer, CancellationToken cancellation) =>
        _forwarder.SendAsync(context, Address, _invoker, _request, transformer, cancellation);

    /// <summary>A connection of the caller's own, for a socket.</summary>
    /// <exception cref="IOException">The engine can't be reached.</exception>
    public async Task<Stream> ConnectAsync(CancellationToken cancellation)
    {
        using var within = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        within.CancelAfter(ConnectWithin);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(_endPoint, within.Token);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (_tls is null)
            {
                return stream;
            }

            var secure = new SslStream(stream);
            stream = secure;
            await secure.AuthenticateAsClientAsync(_tls, within.Token);
            return secure;
        }
        catch (Exception e) when (e is SocketException or AuthenticationException or IOException or OperationCanceledException)
        {
            socket.Dispose();
            if (stream is not null)
            {
                await stream.DisposeAsync();
            }

            cancellation.ThrowIfCancellationRequested();
            throw new IOException($"The engine can't be reached: {e.GetType().Name}", e);
        }
    }

    public void Dispose() => _invoker.Dispose();

    private static SocketsHttpHandler CreateHandler(SslClientAuthenticationOptions? tls)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ActivityHeadersPropagator = DistributedContextPropagator.CreateNoOutputPropagator(),
            ConnectTimeout = ConnectWithin,
            PooledConnectionIdleTimeout = IdleAtMost,
            // A name behind which addresses change.
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            EnableMultipleHttp2Connections = false,
            // As the listener reads them: without it a header that isn't ASCII is an exception, and would look like a server that is away.
            RequestHeaderEncodingSelector = static (_, _) => System.Text.Encoding.UTF8,
        };
        if (tls is not null)
        {
            handler.SslOptions = tls;
        }

        return handler;
    }
}
