using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding.WebSockets;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// One socket of a Prefect client from its upgrade to its end. Two halves run side by side: what the client sends, from its first message on, and what the engine sends.
/// Until the engine is there the gate itself answers the client's pings and keeps it waiting without a word: stock clients take every other sign for a final one.
/// Once both sides are through with their first messages, bytes are only copied.
/// </summary>
internal sealed partial class SocketSession : IDisposable
{
    // What the server itself takes (uvicorn's default).
    private const int LongestMessage = 16 * 1024 * 1024;
    private const int LongestFirstMessage = 1024 * 1024;

    private readonly SocketPlan _plan;
    private readonly Stream _client;
    private readonly TimeProvider _time;
    private readonly FrameWriter _toClient;

    // Ends what goes on at the next place between two frames, and wherever it is.
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _cut = new();

    private readonly TaskCompletionSource<string?> _token = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Engine?> _engine = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _ending = new();
    private (CloseCode Code, string Reason)? _end;
    private bool _released;

    private SocketPump? _fromClient;
    private SocketPump? _fromEngine;
    private FilteredPump? _filtered;
    private long _framed;

    public SocketSession(SocketPlan plan, Stream client, TimeProvider time)
    {
        _plan = plan;
        _client = client;
        _time = time;
        _toClient = new FrameWriter(client, masks: false);
    }

    /// <summary>Closes the socket, at once or as soon as the frame that is on its way has passed. What was said first counts.</summary>
    public void End(CloseCode code, string reason)
    {
        lock (_ending)
        {
            if (_released)
            {
                return;
            }

            _end ??= (code, reason);
            // What has to stop may be in the middle of something: it gets a moment, then it is cut.
            _cut.CancelAfter(_plan.Farewell + _plan.Farewell);
            _stop.Cancel();
        }
    }

    /// <summary>Runs it to its end.</summary>
    public async Task<SocketEnd> RunAsync()
    {
        var ofClient = ClientAsync();
        var ofEngine = EngineAsync();
        if (await Task.WhenAny(ofClient, ofEngine) == ofClient)
        {
            await ClientLeftAsync(await ofClient, ofEngine);
        }
        else
        {
            await Task.WhenAny(ofClient, Task.Delay(_plan.Farewell, _time, CancellationToken.None));
        }

        if (ofClient.IsCompleted && !_clientDone)
        {
            await HearFarewellAsync();
        }

        await _cut.CancelAsync();
        _engine.TrySetResult(null);
        if (_engine.Task.Result is { } engine)
        {
            await engine.DisposeAsync();
        }

        var ends = (await ofEngine, await ofClient);
        var end = _end ?? (ends.Item1.Code != CloseCode.None ? ends.Item1 : ends.Item2);
        return new SocketEnd(end.Code, end.Reason)
        {
            WasOpen = _engine.Task.Result is not null,
            Received = _framed + (_fromClient?.Track.Messages ?? 0),
            Sent = (_fromEngine?.Track.Messages ?? 0) + (_filtered?.Passed ?? 0),
            Withheld = _filtered?.Withheld ?? 0,
            BytesReceived = _fromClient?.Track.Bytes ?? 0,
            BytesSent = (_fromEngine?.Track.Bytes ?? 0) + (_filtered?.Bytes ?? 0),
        };
    }

    public void Dispose()
    {
        lock (_ending)
        {
            _released = true;
            _stop.Dispose();
            _cut.Dispose();
        }

        _toClient.Dispose();
    }

    /// <summary>The client has no more to say. What the engine answers to its close frame is passed on; to a client that broke off there is nothing to pass.</summary>
    private async Task ClientLeftAsync((CloseCode Code, string Reason) how, Task ofEngine)
    {
        if (how.Code != CloseCode.None && _engine.Task is { IsCompletedSuccessfully: true, Result: not null })
        {
            await Task.WhenAny(ofEngine, Task.Delay(_plan.Farewell, _time, CancellationToken.None));
        }

        await _stop.CancelAsync();
    }

    /// <summary>
    /// Reads on until the client has answered the close frame: a connection that is closed with bytes unread takes back what it has sent.
    /// </summary>
    private async Task HearFarewellAsync()
    {
        using var until = new CancellationTokenSource(_plan.Farewell, _time);
        var buffer = new byte[1024];
        var track = new FrameTrack();
        try
        {
            while (!track.HasClosed && await _client.ReadAsync(buffer, until.Token) is > 0 and var read)
            {
                track.Advance(buffer.AsSpan(0, read));
            }
        }
        catch (Exception e) when (IsOfConnection(e))
        {
            // It is gone, or it doesn't answer.
        }
    }

    /// <summary>Writes the client's close frame, where anything can still be written.</summary>
    private async ValueTask<(CloseCode, string)> CloseClientAsync(CloseCode code, string reason, FrameWriter? writer = null)
    {
        try
        {
            using var own = writer is null ? new FrameWriter(_client, masks: false) : null;
            await (writer ?? own!).CloseAsync(code, reason, _cut.Token);
        }
        catch (Exception e) when (IsOfConnection(e))
        {
            // It is gone already.
        }

        return (code, reason);
    }

    private static bool IsOfConnection(Exception e) => e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException;

    /// <summary>The engine's end of an open socket.</summary>
    private sealed class Engine(Stream stream, byte[]? early) : IAsyncDisposable
    {
        private readonly FrameWriter _writer = new(stream, masks: true);

        public Stream Stream => stream;

        public FrameReader Reader { get; } = new(stream, masked: false, LongestMessage, early);

        public ValueTask<bool> WriteAsync(Opcode opcode, ReadOnlyMemory<byte> payload, CancellationToken cancellation) => _writer.WriteAsync(opcode, payload, cancellation);

        public async ValueTask DisposeAsync()
        {
            // The reader gives its buffers back by itself: whoever reads may still be at it.
            _writer.Dispose();
            await stream.DisposeAsync();
        }
    }
}
