using System.Net;
using System.Net.Sockets;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Passes TCP connections on to whichever of its targets is next and there, as a balancer in front of several gates does. It knows nothing of what flows.</summary>
internal sealed class Balancer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _accepting;
    private int _next;

    public Balancer(params string[] targets)
    {
        Targets = targets;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where new connections go, in turn.</summary>
    public IReadOnlyList<string> Targets { get; set; }

    public string Address => _listener.LocalEndpoint.ToString()!;

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        var passing = new List<Task>();
        try
        {
            while (true)
            {
                passing.Add(PassAsync(await _listener.AcceptTcpClientAsync(_ended.Token)));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(passing);
        }
    }

    private async Task PassAsync(TcpClient client)
    {
        using (client)
        {
            var targets = Targets;
            var first = (uint)Interlocked.Increment(ref _next);
            for (var tried = 0; tried < targets.Count; tried++)
            {
                using var target = new TcpClient { NoDelay = true };
                try
                {
                    await target.ConnectAsync(IPEndPoint.Parse(targets[(int)((first + tried) % targets.Count)]), _ended.Token);
                    client.NoDelay = true;
                    await Task.WhenAll(CopyAsync(client, target), CopyAsync(target, client));
                    return;
                }
                catch (SocketException)
                {
                    // It isn't there: the next one.
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    private async Task CopyAsync(TcpClient from, TcpClient to)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream(), _ended.Token);
            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // One side broke off: so does the other.
            from.Close();
            to.Close();
        }
    }
}
