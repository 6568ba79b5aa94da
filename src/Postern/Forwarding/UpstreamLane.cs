using System.Net;
using System.Net.Security;
using System.Net.Sockets;

namespace Postern.Forwarding;

/// <summary>
/// One HTTP/2 connection's worth of calls to one address of an engine. A handler of its own per lane is what spreads calls over several connections:
/// one handler would put them all on a single connection until the server's stream limit, which Temporal doesn't set.
/// </summary>
internal sealed class UpstreamLane : IDisposable
{
    private readonly SocketsHttpHandler _handler;
    private int _outstanding;
    private int _retired;

    public UpstreamLane(IPEndPoint address, SslClientAuthenticationOptions? tls)
    {
        Address = address;
        _handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            // Trace context is ours to write: the handler's own would add a second traceparent.
            ActivityHeadersPropagator = null,
            MaxConnectionsPerServer = int.MaxValue,
            EnableMultipleHttp2Connections = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            MaxResponseHeadersLength = 64,
            // The server ends connections that ping more often than every 10 s.
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(20),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            InitialHttp2StreamWindowSize = 1024 * 1024,
            ConnectCallback = ConnectAsync,
        };
        if (tls is not null)
        {
            _handler.SslOptions = tls;
        }

        Invoker = new HttpMessageInvoker(_handler, disposeHandler: true);
    }

    public IPEndPoint Address { get; }

    public HttpMessageInvoker Invoker { get; }

    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>Counts a call in; false where the lane was retired meanwhile.</summary>
    public bool TryEnter()
    {
        Interlocked.Increment(ref _outstanding);
        if (Volatile.Read(ref _retired) == 0)
        {
            return true;
        }

        Leave();
        return false;
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _outstanding) == 0 && Volatile.Read(ref _retired) == 1)
        {
            Invoker.Dispose();
        }
    }

    /// <summary>The address is gone from DNS: open calls end by themselves, then the connection closes.</summary>
    public void Retire()
    {
        if (Interlocked.Exchange(ref _retired, 1) == 0 && Outstanding == 0)
        {
            Invoker.Dispose();
        }
    }

    public void Dispose() => Invoker.Dispose();

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var socket = new Socket(Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(Address, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
