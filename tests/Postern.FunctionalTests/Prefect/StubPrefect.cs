using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Postern.FunctionalTests.Prefect;

/// <summary>One request as it arrived at the stand-in.</summary>
internal sealed record ArrivedRequest(int Connection, WireMessage Message)
{
    /// <summary>Done when its answer is out or the peer is gone.</summary>
    public required Task Ended { get; init; }

    public override string ToString() => Message.ToString();
}

/// <summary>What the stand-in answers.</summary>
internal sealed record PrefectAnswer
{
    /// <summary>Written as it is; null: the connection is closed instead.</summary>
    public WireMessage? Message { get; init; }

    /// <summary>Nothing is ever answered; done when the peer goes away.</summary>
    public bool Silent { get; init; }

    /// <summary>What follows a 101, until it returns; then the connection is closed.</summary>
    public Func<Stream, WireReader, CancellationToken, Task>? Socket { get; init; }

    public static PrefectAnswer Drop { get; } = new();

    public static PrefectAnswer Never { get; } = new() { Silent = true };

    public static PrefectAnswer Of(WireMessage message) => new() { Message = message };

    /// <summary>An answer in JSON.</summary>
    public static PrefectAnswer Json(int status, string body) =>
        Of(new WireMessage($"HTTP/1.1 {status} Stub", [("content-length", System.Text.Encoding.UTF8.GetByteCount(body).ToString(System.Globalization.CultureInfo.InvariantCulture)), ("content-type", "application/json")], System.Text.Encoding.UTF8.GetBytes(body)));
}

/// <summary>Stands in for a Prefect server on the level of its bytes: notes exactly what arrived, writes exactly what the script says.</summary>
internal sealed class StubPrefect : IAsyncDisposable
{
    private readonly ConcurrentQueue<ArrivedRequest> _requests = new();
    private readonly ConcurrentDictionary<int, TcpClient> _open = new();
    private readonly CancellationTokenSource _end = new();
    private readonly TcpListener _listener;
    private readonly Task _accepting;
    private int _connections;

    private StubPrefect(Func<ArrivedRequest, PrefectAnswer> script, TcpListener listener)
    {
        Script = script;
        _listener = listener;
        _accepting = AcceptAsync();
    }

    /// <summary>What is answered to whom; asked once per request, after it was read to the end.</summary>
    public Func<ArrivedRequest, PrefectAnswer> Script { get; set; }

    public IReadOnlyList<ArrivedRequest> Requests => [.. _requests];

    /// <summary>Connections accepted so far.</summary>
    public int Connections => _connections;

    public string Address => _listener.LocalEndpoint.ToString()!;

    public static StubPrefect Start(Func<ArrivedRequest, PrefectAnswer>? script = null)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(backlog: 1024);
        return new StubPrefect(script ?? (_ => PrefectAnswer.Json(404, """{"detail":"Not Found"}""")), listener);
    }

    public void Forget() => _requests.Clear();

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        foreach (var connection in _open.Values)
        {
            connection.Dispose();
        }

        await _accepting;
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                var connection = await _listener.AcceptTcpClientAsync(_end.Token);
                _ = ServeAsync(connection, Interlocked.Increment(ref _connections));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient connection, int number)
    {
        connection.NoDelay = true;
        _open[number] = connection;
        try
        {
            var stream = connection.GetStream();
            var reader = new WireReader(stream);
            while (await reader.HeadAsync(_end.Token) is { } head && await AnswerAsync(stream, reader, head, number))
            {
                // The next one on this connection.
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer went away: an outcome here, seen through Ended.
        }
        finally
        {
            _open.TryRemove(number, out _);
            connection.Dispose();
        }
    }

    /// <summary>Whether the connection goes on.</summary>
    private async Task<bool> AnswerAsync(NetworkStream stream, WireReader reader, WireMessage head, int number)
    {
        if (head.Header("expect") is not null)
        {
            await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), _end.Token);
        }

        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var request = new ArrivedRequest(number, head with { Body = await reader.BodyAsync(head, untilEnd: false, _end.Token) }) { Ended = ended.Task };
        _requests.Enqueue(request);
        try
        {
            var answer = Script(request);
            if (answer.Silent)
            {
                // Nothing more comes from a peer that waits: what is read here is its end.
                await reader.HeadAsync(_end.Token);
                return false;
            }

            if (answer.Message is not { } message)
            {
                return false;
            }

            await message.WriteAsync(stream, head.Method == "HEAD" || message.Status is 101 or 204 or 304, _end.Token);
            if (answer.Socket is { } socket)
            {
                await socket(stream, reader, _end.Token);
                return false;
            }

            return message.Header("connection")?.Equals("close", StringComparison.OrdinalIgnoreCase) != true;
        }
        finally
        {
            ended.SetResult();
        }
    }
}
