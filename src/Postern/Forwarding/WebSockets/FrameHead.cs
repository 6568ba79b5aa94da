using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Postern.Forwarding.WebSockets;

/// <summary>What a frame is (RFC 6455 §11.8).</summary>
internal enum Opcode : byte
{
    Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10,
}

/// <summary>Why a socket is closed (RFC 6455 §11.7).</summary>
internal enum CloseCode : ushort
{
    /// <summary>No code: a close frame without one, or none at all.</summary>
    None = 0,
    Normal = 1000,
    GoingAway = 1001,
    ProtocolError = 1002,
    InvalidData = 1007,
    PolicyViolation = 1008,
    TooLarge = 1009,
    InternalError = 1011,
    ServiceRestart = 1012,
}

/// <summary>The head of one frame (RFC 6455 §5.2), read strictly: what could be read in two ways is a fault.</summary>
internal readonly record struct FrameHead(Opcode Opcode, bool IsFinal, uint? Mask, long Length)
{
    /// <summary>Most bytes that a head can have.</summary>
    public const int Longest = 14;

    /// <summary>Most bytes of payload that a control frame can have.</summary>
    public const int ControlPayload = 125;

    private const byte Final = 0x80;
    private const byte Reserved = 0x70;
    private const byte Masked = 0x80;
    private const byte Length16 = 126;
    private const byte Length64 = 127;

    public bool IsControl => ((byte)Opcode & 8) != 0;

    /// <summary>Reads a head.</summary>
    /// <param name="bytes">What has arrived from its first byte on.</param>
    /// <param name="head">The head, where all of it is there.</param>
    /// <param name="fault">What is wrong with it; null where nothing is, so far.</param>
    /// <returns>The bytes of the head; 0 where more are needed or it has a fault.</returns>
    public static int Read(ReadOnlySpan<byte> bytes, out FrameHead head, out string? fault)
    {
        head = default;
        fault = null;
        if (bytes.Length < 2)
        {
            return 0;
        }

        var opcode = (Opcode)(bytes[0] & 0x0F);
        var isFinal = (bytes[0] & Final) != 0;
        var size = bytes[1] & ~Masked;
        var isControl = ((byte)opcode & 8) != 0;
        fault = (bytes[0] & Reserved) != 0 ? "a reserved bit is set"
            : opcode is not (Opcode.Continuation or Opcode.Text or Opcode.Binary or Opcode.Close or Opcode.Ping or Opcode.Pong) ? "the opcode isn't known"
            : isControl && !isFinal ? "a control frame is fragmented"
            : isControl && size > ControlPayload ? "a control frame is too long"
            : null;
        var sizeBytes = size switch { Length16 => 2, Length64 => 8, _ => 0 };
        var masks = (bytes[1] & Masked) != 0;
        var length = 2 + sizeBytes + (masks ? sizeof(uint) : 0);
        if (fault is not null || bytes.Length < length)
        {
            return 0;
        }

        var payload = sizeBytes switch
        {
            2 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            8 => BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]),
            _ => (ulong)size,
        };
        if (payload > long.MaxValue || (sizeBytes == 2 && payload < Length16) || (sizeBytes == 8 && payload <= ushort.MaxValue))
        {
            fault = "the length isn't written in its shortest form";
            return 0;
        }

        head = new FrameHead(opcode, isFinal, masks ? MemoryMarshal.Read<uint>(bytes[(2 + sizeBytes)..]) : null, (long)payload);
        return length;
    }

    /// <summary>Writes the head in its shortest form.</summary>
    /// <returns>Its bytes, at most <see cref="Longest"/>.</returns>
    public int Write(Span<byte> to)
    {
        to[0] = (byte)((IsFinal ? Final : 0) | (byte)Opcode);
        var masked = Mask is null ? (byte)0 : Masked;
        var length = 2;
        switch (Length)
        {
            case < Length16:
                to[1] = (byte)(masked | (byte)Length);
                break;
            case <= ushort.MaxValue:
                to[1] = (byte)(masked | Length16);
                BinaryPrimitives.WriteUInt16BigEndian(to[2..], (ushort)Length);
                length += 2;
                break;
            default:
                to[1] = (byte)(masked | Length64);
                BinaryPrimitives.WriteInt64BigEndian(to[2..], Length);
                length += 8;
                break;
        }

        if (Mask is { } mask)
        {
            MemoryMarshal.Write(to[length..], mask);
            length += sizeof(uint);
        }

        return length;
    }

    /// <summary>Puts a mask on a payload, or takes it off: in place.</summary>
    /// <param name="payload">The whole payload.</param>
    /// <param name="mask">The mask's four bytes in the order in which they stand in the head.</param>
    public static void Apply(Span<byte> payload, uint mask)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(payload);
        var wide = mask | ((ulong)mask << 32);
        for (var i = 0; i < words.Length; i++)
        {
            words[i] ^= wide;
        }

        Span<byte> key = stackalloc byte[sizeof(uint)];
        MemoryMarshal.Write(key, mask);
        // A word takes eight bytes, so that the mask begins anew behind it.
        var rest = payload[(words.Length * sizeof(ulong))..];
        for (var i = 0; i < rest.Length; i++)
        {
            rest[i] ^= key[i & 3];
        }
    }
}
