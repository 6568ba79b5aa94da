namespace Postern.FunctionalTests.Prefect;

/// <summary>
/// Plays a recorded socket from both of its ends. Each end sends its own frames in the recorded order and waits for the other's in between, so that the whole
/// conversation passes in that order.
/// </summary>
/// <param name="frames">What passes, as each end sees it.</param>
/// <param name="closedByClient">Whether the client ends the connection.</param>
/// <param name="farewell">What the client may hear of a server that breaks off without a word; null: nothing.</param>
internal sealed class SocketPlay(IReadOnlyList<RecordedFrame> frames, bool closedByClient, string? farewell = null)
{
    private readonly List<SocketFrame> _atServer = [];
    private readonly TaskCompletionSource _served = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Frames that arrived at the server; complete once <see cref="Served"/> is done.</summary>
    public IReadOnlyList<SocketFrame> AtServer => _atServer;

    /// <summary>Done when the server's end is through, or fails with what was in its way.</summary>
    public Task Served => _served.Task;

    /// <summary>The server's end, for <see cref="PrefectAnswer.Socket"/>.</summary>
    public async Task ServeAsync(Stream stream, WireReader reader, CancellationToken cancellation)
    {
        try
        {
            foreach (var frame in frames)
            {
                if (frame.FromClient)
                {
                    _atServer.Add(await SocketFrame.ReadAsync(reader, masked: true, cancellation));
                }
                else
                {
                    await frame.Frame.WriteAsync(stream, masked: false, cancellation);
                }
            }

            if (closedByClient)
            {
                await EndAsync(() => SocketFrame.ReadAsync(reader, masked: true, cancellation));
            }

            _served.SetResult();
        }
        catch (Exception e)
        {
            _served.SetException(e);
            throw;
        }
    }

    /// <summary>The client's end, after the handshake; the frames that arrived at it.</summary>
    public async Task<IReadOnlyList<SocketFrame>> CallAsync(PrefectConnection connection)
    {
        var arrived = new List<SocketFrame>();
        foreach (var frame in frames)
        {
            if (frame.FromClient)
            {
                await connection.SendAsync(frame.Frame);
            }
            else
            {
                arrived.Add(await connection.FrameAsync());
            }
        }

        if (!closedByClient)
        {
            await EndAsync(connection.FrameAsync);
        }

        connection.Dispose();
        return arrived;
    }

    /// <summary>The differences between the frames of one side and those that arrived at the other.</summary>
    public static IEnumerable<string> Differences(string where, IEnumerable<SocketFrame> sent, IReadOnlyList<SocketFrame> arrived)
    {
        var expected = sent.ToList();
        if (expected.Count != arrived.Count)
        {
            yield return $"{where}: {arrived.Count} frames for {expected.Count}";
        }

        foreach (var (one, other) in expected.Zip(arrived).Where(pair => pair.First.Opcode != pair.Second.Opcode || !pair.First.Payload.AsSpan().SequenceEqual(pair.Second.Payload)))
        {
            yield return $"{where}: {other} for {one}";
        }
    }

    private async Task EndAsync(Func<Task<SocketFrame>> next)
    {
        SocketFrame frame;
        try
        {
            frame = await next();
            frame = farewell is not null && frame.ToString().StartsWith(farewell, StringComparison.Ordinal) ? await next() : frame;
        }
        catch (Exception e) when (e is IOException)
        {
            // The end, in whichever way the peer's machine says so.
            return;
        }

        Assert.Fail($"one more frame where the connection should end: {frame}");
    }
}
