using System.Buffers;
using System.Runtime.CompilerServices;

namespace Postern.Engines.Temporal.Lens;

/// <summary>
/// Protobuf's wire format as the server's parser (Go) takes it: varints may be over-long up to ten bytes, a tag may not exceed 32 bits, field numbers start at 1,
/// groups are skipped when they end where they began. Every method returns false where the server's parser would fail.
/// </summary>
internal static class Wire
{
    public const int Varint = 0;
    public const int Fixed64 = 1;
    public const int Bytes = 2;
    public const int StartGroup = 3;
    public const int EndGroup = 4;
    public const int Fixed32 = 5;

    /// <summary>Nesting beyond this is refused: nothing that a Temporal message holds comes near it.</summary>
    public const int MaxDepth = 100;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadVarint(ReadOnlySpan<byte> message, ref int position, out ulong value)
    {
        if ((uint)position < (uint)message.Length && message[position] < 0x80)
        {
            value = message[position++];
            return true;
        }

        return TryReadLongVarint(message, ref position, out value);
    }

    /// <summary>Reads a tag; false where it is malformed, too large, or names field 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadTag(ReadOnlySpan<byte> message, ref int position, out int number, out int type)
    {
        var read = TryReadVarint(message, ref position, out var tag);
        number = (int)(tag >> 3);
        type = (int)(tag & 7);
        return read && tag is >= 8 and <= uint.MaxValue;
    }

    /// <summary>Reads a length-delimited field's extent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadExtent(ReadOnlySpan<byte> message, ref int position, out int start, out int length)
    {
        var read = TryReadVarint(message, ref position, out var value);
        start = position;
        length = (int)value;
        if (!read || value > (ulong)(message.Length - position))
        {
            return false;
        }

        position += length;
        return true;
    }

    public static bool TrySkip(ReadOnlySpan<byte> message, ref int position, int number, int type, int depth) => type switch
    {
        Varint => TryReadVarint(message, ref position, out _),
        Fixed64 => TryAdvance(message, ref position, 8),
        Bytes => TryReadExtent(message, ref position, out _, out _),
        StartGroup => TrySkipGroup(message, ref position, number, depth + 1),
        Fixed32 => TryAdvance(message, ref position, 4),
        _ => false,
    };

    public static int VarintLength(uint value) => value switch
    {
        < 1u << 7 => 1,
        < 1u << 14 => 2,
        < 1u << 21 => 3,
        < 1u << 28 => 4,
        _ => 5,
    };

    public static int WriteVarint(Span<byte> to, uint value)
    {
        var at = 0;
        while (value >= 0x80)
        {
            to[at++] = (byte)(value | 0x80);
            value >>= 7;
        }

        to[at++] = (byte)value;
        return at;
    }

    /// <summary>Writes a length-delimited field.</summary>
    public static void WriteField(int number, ReadOnlySpan<byte> content, IBufferWriter<byte> output)
    {
        Span<byte> head = stackalloc byte[10];
        var length = WriteVarint(head, (uint)((number << 3) | Bytes));
        length += WriteVarint(head[length..], (uint)content.Length);
        output.Write(head[..length]);
        output.Write(content);
    }

    private static bool TryReadLongVarint(ReadOnlySpan<byte> message, ref int position, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if ((uint)position >= (uint)message.Length)
            {
                return false;
            }

            var next = message[position++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return shift < 63 || next < 2; // the tenth byte has room for one bit
            }
        }

        return false;
    }

    private static bool TryAdvance(ReadOnlySpan<byte> message, ref int position, int count)
    {
        if (message.Length - position < count)
        {
            return false;
        }

        position += count;
        return true;
    }

    private static bool TrySkipGroup(ReadOnlySpan<byte> message, ref int position, int number, int depth)
    {
        if (depth > MaxDepth)
        {
            return false;
        }

        while (TryReadTag(message, ref position, out var inner, out var type))
        {
            if (type == EndGroup)
            {
                return inner == number;
            }

            if (!TrySkip(message, ref position, inner, type, depth))
            {
                return false;
            }
        }

        return false;
    }
}
