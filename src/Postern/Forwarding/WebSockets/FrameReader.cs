using System.Buffers;
using System.Buffers.Binary;
using System.Text.Unicode;

namespace Postern.Forwarding.WebSockets;

/// <summary>
/// Frames of one side, read strictly (RFC 6455 §5): whoever judges a message must see in it what the other side will. While nothing arrives it holds no buffer.
/// No extension is ever agreed on where frames are read, so every reserved bit is a fault.
/// </summary>
/// <param name="stream">Where they come from.</param>
/// <param name="masked">Whether they must be masked: a client's must, a server's mustn't be.</param>
/// <param name="limit">Most bytes of one message.</param>
/// <param name="early">What was read from the stream before.</param>
internal sealed class FrameReader(Stream stream, bool masked, int limit, byte[]? early = null) : IDisposable
{
    private const int FirstBuffer = 4096;

    private byte[]? _buffer = early is { Length: > 0 } ? Rented(early) : null;
    private int _start;
    private int _end = early?.Length ?? 0;

    // A message that comes in parts.
    private byte[]? _parts;
    private int _partsLength;
    private Opcode _inParts;

    private bool _faulted;

    /// <summary>Most bytes of one message; may change between two reads.</summary>
    public int Limit { get; set; } = limit;

    /// <summary>Whether the next byte begins a message.</summary>
    public bool AtMessage => _inParts == Opcode.Continuation;

    /// <summary>What was read from the stream and is in no message yet, as it came. It begins with a frame.</summary>
    public ReadOnlyMemory<byte> Unread => _buffer.AsMemory(_start, _end - _start);

    /// <summary>Reads on. Behind a fault or the end there is nothing more.</summary>
    public async ValueTask<SocketMessage> ReadAsync(CancellationToken cancellation)
    {
        if (_parts is not null && _inParts == Opcode.Continuation)
        {
            // The message that was handed out last.
            ReleaseParts();
        }

        while (true)
        {
            if (TryTake(out var message))
            {
                return message;
            }

            if (!await FillAsync(cancellation))
            {
                return default;
            }
        }
    }

    public void Dispose()
    {
        ReleaseBuffer();
        ReleaseParts();
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellation)
    {
        if (_start == _end)
        {
            ReleaseBuffer();
            _ = await stream.ArrivalAsync(cancellation);
            _buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        }
        else if (_end == _buffer!.Length)
        {
            // It grows with what has arrived, not with what a head announces.
            var larger = _start > 0 ? _buffer : ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            _buffer.AsSpan(_start, _end - _start).CopyTo(larger);
            if (!ReferenceEquals(larger, _buffer))
            {
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = larger;
            }

            (_start, _end) = (0, _end - _start);
        }

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation);
        _end += read;
        return read > 0;
    }

    /// <summary>Takes the next frames from what has arrived, until one of them completes something.</summary>
    private bool TryTake(out SocketMessage message)
    {
        message = default;
        while (!_faulted)
        {
            var arrived = _buffer.AsSpan(_start, _end - _start);
            var headLength = FrameHead.Read(arrived, out var head, out var fault);
            if (fault is not null)
            {
                return Failed(CloseCode.ProtocolError, fault, out message);
            }

            if (headLength == 0)
            {
                return false;
            }

            if (FaultOf(head) is { } broken)
            {
                return Failed(CloseCode.ProtocolError, broken, out message);
            }

            if (!head.IsControl && head.Length > Limit - _partsLength)
            {
                return Failed(CloseCode.TooLarge, "the message is too long", out message);
            }

            if (arrived.Length - headLength < head.Length)
            {
                return false;
            }

            var payload = _buffer.AsMemory(_start + headLength, (int)head.Length);
            _start += headLength + payload.Length;
            if (head.Mask is { } mask)
            {
                FrameHead.Apply(payload.Span, mask);
            }

            if (Complete(head, payload, out message))
            {
                return true;
            }
        }

        return Failed(CloseCode.ProtocolError, "it was at fault before", out message);
    }

    private string? FaultOf(in FrameHead head) =>
        head.Mask is not null != masked ? masked ? "a client's frame isn't masked" : "a server's frame is masked"
        : head.IsControl ? null
        : head.Opcode == Opcode.Continuation && _inParts == Opcode.Continuation ? "a message goes on that hasn't begun"
        : head.Opcode != Opcode.Continuation && _inParts != Opcode.Continuation ? "a message begins within another"
        : null;

    private bool Complete(in FrameHead head, ReadOnlyMemory<byte> payload, out SocketMessage message)
    {
        switch (head.Opcode)
        {
            case Opcode.Ping:
                message = new SocketMessage(MessageKind.Ping, payload);
                return true;
            case Opcode.Pong:
                message = new SocketMessage(MessageKind.Pong, payload);
                return true;
            case Opcode.Close:
                return Close(payload, out message);
        }

        var opcode = head.Opcode == Opcode.Continuation ? _inParts : head.Opcode;
        if (!head.IsFinal)
        {
            Keep(payload.Span);
            _inParts = opcode;
            message = default;
            return false;
        }

        if (_inParts != Opcode.Continuation)
        {
            Keep(payload.Span);
            payload = _parts.AsMemory(0, _partsLength);
            _inParts = Opcode.Continuation;
            _partsLength = 0;
        }

        if (opcode == Opcode.Text && !Utf8.IsValid(payload.Span))
        {
            return Failed(CloseCode.InvalidData, "a text isn't UTF-8", out message);
        }

        message = new SocketMessage(opcode == Opcode.Text ? MessageKind.Text : MessageKind.Binary, payload);
        return true;
    }

    private bool Close(ReadOnlyMemory<byte> payload, out SocketMessage message)
    {
        if (payload.Length == 0)
        {
            message = new SocketMessage(MessageKind.Close);
            return true;
        }

        var code = payload.Length == 1 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(payload.Span);
        if (code is not ((>= 1000 and <= 1003) or (>= 1007 and <= 1014) or (>= 3000 and <= 4999)))
        {
            return Failed(CloseCode.ProtocolError, "a close frame's code isn't one that may be sent", out message);
        }

        if (!Utf8.IsValid(payload.Span[2..]))
        {
            return Failed(CloseCode.InvalidData, "a close frame's reason isn't UTF-8", out message);
        }

        message = new SocketMessage(MessageKind.Close, payload, (CloseCode)code);
        return true;
    }

    private bool Failed(CloseCode code, string fault, out SocketMessage message)
    {
        _faulted = true;
        message = new SocketMessage(MessageKind.Fault, default, code, fault);
        return true;
    }

    private void Keep(ReadOnlySpan<byte> part)
    {
        var length = _partsLength + part.Length;
        if (_parts is null || _parts.Length < length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(length, FirstBuffer));
            _parts.AsSpan(0, _partsLength).CopyTo(larger);
            ReleaseParts();
            _parts = larger;
        }

        part.CopyTo(_parts.AsSpan(_partsLength));
        _partsLength = length;
    }

    private static byte[] Rented(byte[] bytes)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(bytes.Length, FirstBuffer));
        bytes.CopyTo(buffer, 0);
        return buffer;
    }

    private void ReleaseBuffer()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            _start = _end = 0;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private void ReleaseParts()
    {
        if (_parts is { } parts)
        {
            _parts = null;
            ArrayPool<byte>.Shared.Return(parts);
        }
    }
}
