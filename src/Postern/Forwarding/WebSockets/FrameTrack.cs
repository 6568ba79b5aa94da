using System.Runtime.CompilerServices;

namespace Postern.Forwarding.WebSockets;

/// <summary>Follows the frames in bytes that are only copied: where one ends and another begins, so that a frame of the gate's own can be put between them.</summary>
internal struct FrameTrack
{
    private HeadBytes _head;
    private int _headLength;
    private long _payload;

    /// <summary>Whether the next byte begins a frame.</summary>
    public readonly bool AtBoundary => _headLength == 0 && _payload == 0 && !IsLost;

    /// <summary>Whether the bytes are no frames, so that nothing is known of where they end.</summary>
    public bool IsLost { get; private set; }

    /// <summary>Whether a close frame went by.</summary>
    public bool HasClosed { get; private set; }

    /// <summary>The longest frame's payload so far.</summary>
    public long Longest { get; private set; }

    /// <summary>How many messages went by.</summary>
    public long Messages { get; private set; }

    /// <summary>How many bytes went by.</summary>
    public long Bytes { get; private set; }

    public void Advance(ReadOnlySpan<byte> bytes)
    {
        Bytes += bytes.Length;
        while (!bytes.IsEmpty && !IsLost)
        {
            if (_payload > 0)
            {
                var passed = (int)Math.Min(_payload, bytes.Length);
                _payload -= passed;
                bytes = bytes[passed..];
                continue;
            }

            bytes = Head(bytes);
        }
    }

    private ReadOnlySpan<byte> Head(ReadOnlySpan<byte> bytes)
    {
        FrameHead head;
        string? fault;
        int length;
        int taken;
        if (_headLength == 0)
        {
            length = taken = FrameHead.Read(bytes, out head, out fault);
        }
        else
        {
            // The head began in bytes that are gone.
            Span<byte> whole = _head;
            taken = Math.Min(bytes.Length, FrameHead.Longest - _headLength);
            bytes[..taken].CopyTo(whole[_headLength..]);
            length = FrameHead.Read(whole[..(_headLength + taken)], out head, out fault);
            taken = length - _headLength;
        }

        IsLost = fault is not null;
        if (length == 0)
        {
            var more = Math.Min(bytes.Length, FrameHead.Longest - _headLength);
            bytes[..more].CopyTo(((Span<byte>)_head)[_headLength..]);
            _headLength += more;
            return [];
        }

        _headLength = 0;
        _payload = head.Length;
        Longest = Math.Max(Longest, head.Length);
        Messages += head.IsFinal && !head.IsControl ? 1 : 0;
        HasClosed |= head.Opcode == Opcode.Close;
        return bytes[taken..];
    }

    [InlineArray(FrameHead.Longest)]
    private struct HeadBytes
    {
        private byte _first;
    }
}
