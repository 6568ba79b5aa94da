using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Forwarding.WebSockets;

/// <summary>Frames to one side. Each is one write and none goes between the bytes of another, whoever writes it.</summary>
/// <param name="stream">Where they go.</param>
/// <param name="masks">Whether they are masked: what goes to a server is.</param>
internal sealed class FrameWriter(Stream stream, bool masks) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    private bool _ended;

    /// <summary>Writes one whole message or one control frame.</summary>
    /// <returns>False where nothing may be written any more: behind a close frame, or since the stream is another's.</returns>
    public async ValueTask<bool> WriteAsync(Opcode opcode, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        var frame = ArrayPool<byte>.Shared.Rent(FrameHead.Longest + payload.Length);
        try
        {
            if (_ended)
            {
                return false;
            }

            _ended = opcode == Opcode.Close;
            // A mask keeps what is sent from being taken for something else on its way: it must be one that nobody could foresee.
            var head = new FrameHead(opcode, IsFinal: true, masks ? BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint))) : null, payload.Length);
            var length = head.Write(frame);
            payload.Span.CopyTo(frame.AsSpan(length));
            if (head.Mask is { } mask)
            {
                FrameHead.Apply(frame.AsSpan(length, payload.Length), mask);
            }

            await stream.WriteAsync(frame.AsMemory(0, length + payload.Length), cancellation);
            await stream.FlushAsync(cancellation);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
            _turn.Release();
        }
    }

    /// <summary>Writes a close frame. Without a code it has no payload.</summary>
    /// <param name="code">Why.</param>
    /// <param name="reason">In words; what has no room in a control frame is cut off.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public ValueTask<bool> CloseAsync(CloseCode code, string reason, CancellationToken cancellation)
    {
        if (code == CloseCode.None)
        {
            return WriteAsync(Opcode.Close, default, cancellation);
        }

        var payload = new byte[FrameHead.ControlPayload];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        // Whole characters only: half of one would be no UTF-8.
        Encoding.UTF8.GetEncoder().Convert(reason, payload.AsSpan(sizeof(ushort)), flush: true, out _, out var written, out _);
        return WriteAsync(Opcode.Close, payload.AsMemory(0, sizeof(ushort) + written), cancellation);
    }

    /// <summary>Leaves the stream to whoever writes to it from now on.</summary>
    public async ValueTask HandOverAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        _ended = true;
        _turn.Release();
    }

    public void Dispose() => _turn.Dispose();
}
