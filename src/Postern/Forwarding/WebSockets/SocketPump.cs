using System.Buffers;

namespace Postern.Forwarding.WebSockets;

/// <summary>Why a pump came to its end.</summary>
internal enum PumpEnd : byte
{
    /// <summary>A close frame went by, behind which nothing may come.</summary>
    Closed,

    /// <summary>The side that it reads from has no more, and didn't say why.</summary>
    Ended,

    /// <summary>The side that it reads from broke off.</summary>
    Lost,

    /// <summary>The side that it writes to takes no more.</summary>
    Refused,

    /// <summary>It was told to stop.</summary>
    Stopped,

    /// <summary>A frame is longer than frames may be.</summary>
    TooLarge,

    /// <summary>Whether a message may pass can't be told.</summary>
    CannotTell,
}

/// <summary>
/// One direction of a socket that is only copied. It holds no buffer while nothing arrives, and stops between two frames, so that a close frame can follow.
/// </summary>
/// <param name="from">Where bytes come from.</param>
/// <param name="to">Where they go.</param>
/// <param name="limit">Most bytes of a frame.</param>
internal sealed class SocketPump(Stream from, Stream to, long limit)
{
    private const int BufferBytes = 16 * 1024;

    private FrameTrack _track;

    /// <summary>What has gone by.</summary>
    public ref readonly FrameTrack Track => ref _track;

    /// <summary>Copies until the end.</summary>
    /// <param name="first">Bytes that were read before; the first begins a frame.</param>
    /// <param name="stop">Ends it at the next place between two frames.</param>
    /// <param name="cut">Ends it wherever it is.</param>
    public async Task<PumpEnd> RunAsync(ReadOnlyMemory<byte> first, CancellationToken stop, CancellationToken cut)
    {
        if (!first.IsEmpty)
        {
            var end = await PassAsync(first, cut);
            if (end is not null)
            {
                return end.Value;
            }
        }

        while (true)
        {
            byte[]? buffer = null;
            try
            {
                var until = _track.AtBoundary ? stop : cut;
                _ = await from.ArrivalAsync(until);
                buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
                var read = await from.ReadAsync(buffer, until);
                if (read == 0)
                {
                    return PumpEnd.Ended;
                }

                var end = await PassAsync(buffer.AsMemory(0, read), cut);
                if (end is not null)
                {
                    return end.Value;
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested || cut.IsCancellationRequested)
            {
                return PumpEnd.Stopped;
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
            {
                return PumpEnd.Lost;
            }
            finally
            {
                if (buffer is not null)
                {
                    ArrayPool<byte>.Shared.Return(buffer);
                }
            }
        }
    }

    private async ValueTask<PumpEnd?> PassAsync(ReadOnlyMemory<byte> bytes, CancellationToken cut)
    {
        _track.Advance(bytes.Span);
        if (_track.Longest > limit)
        {
            return PumpEnd.TooLarge;
        }

        try
        {
            await to.WriteAsync(bytes, cut);
            await to.FlushAsync(cut);
            return _track is { HasClosed: true, AtBoundary: true } ? PumpEnd.Closed : null;
        }
        catch (OperationCanceledException) when (cut.IsCancellationRequested)
        {
            return PumpEnd.Stopped;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            return PumpEnd.Refused;
        }
    }
}
