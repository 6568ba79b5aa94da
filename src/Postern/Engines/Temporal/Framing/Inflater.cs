using System.Buffers.Binary;

namespace Postern.Engines.Temporal.Framing;

/// <summary>
/// Deflate (RFC 1951) from memory to memory. The framework's streams allocate native state per call, which costs more than inflating a message of a few hundred bytes;
/// here the tables are the thread's, and the output is the window. What it takes must be exactly one stream that fills the output and ends with the input.
/// </summary>
internal ref struct Inflater
{
    private const int EndOfBlock = 256;

    [ThreadStatic]
    private static Tables? s_tables;

    private static readonly Tables s_fixed = Tables.Fixed();

    private readonly ReadOnlySpan<byte> _from;
    private readonly Span<byte> _to;
    private ulong _bits;
    private int _count;
    private int _position;
    private int _written;

    private Inflater(ReadOnlySpan<byte> from, Span<byte> to)
    {
        _from = from;
        _to = to;
    }

    private static ReadOnlySpan<ushort> LengthBase => [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];

    private static ReadOnlySpan<byte> LengthExtra => [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

    private static ReadOnlySpan<ushort> DistanceBase =>
        [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];

    private static ReadOnlySpan<byte> DistanceExtra => [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];

    private static ReadOnlySpan<byte> CodeLengthOrder => [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    public static bool TryInflate(ReadOnlySpan<byte> deflated, Span<byte> to) => new Inflater(deflated, to).TryRun();

    private bool TryRun()
    {
        while (true)
        {
            var isLast = Take(1) == 1;
            var read = Take(2) switch
            {
                0 => TryCopyStored(),
                1 => TryReadBlock(s_fixed),
                2 => TryReadDynamic(s_tables ??= new Tables()),
                _ => false,
            };
            if (!read)
            {
                return false;
            }

            if (isLast)
            {
                // Whole bytes that were taken into the bit buffer but not used count as left over.
                return _written == _to.Length && _position - (_count >> 3) == _from.Length;
            }
        }
    }

    private bool TryReadBlock(Tables tables)
    {
        while (true)
        {
            Refill();
            var symbol = tables.Literals.Decode((uint)_bits, out var length);
            if (symbol < 0 || !TryDrop(length))
            {
                return false;
            }

            if (symbol < EndOfBlock)
            {
                if (_written == _to.Length)
                {
                    return false;
                }

                _to[_written++] = (byte)symbol;
                continue;
            }

            if (symbol == EndOfBlock)
            {
                return true;
            }

            if (!TryCopyMatch(tables, symbol - EndOfBlock - 1))
            {
                return false;
            }
        }
    }

    private bool TryCopyMatch(Tables tables, int lengthCode)
    {
        if (lengthCode >= LengthBase.Length)
        {
            return false;
        }

        var length = LengthBase[lengthCode] + Take(LengthExtra[lengthCode]);
        Refill();
        var distanceCode = tables.Distances.Decode((uint)_bits, out var bits);
        if (length < 0 || distanceCode < 0 || distanceCode >= DistanceBase.Length || !TryDrop(bits))
        {
            return false;
        }

        var extra = Take(DistanceExtra[distanceCode]);
        var distance = DistanceBase[distanceCode] + extra;
        if (extra < 0 || distance > _written || length > _to.Length - _written)
        {
            return false;
        }

        if (distance >= length)
        {
            _to.Slice(_written - distance, length).CopyTo(_to[_written..]);
        }
        else
        {
            // A match may reach into what it writes itself.
            for (var i = 0; i < length; i++)
            {
                _to[_written + i] = _to[_written + i - distance];
            }
        }

        _written += length;
        return true;
    }

    private bool TryCopyStored()
    {
        // Back to the byte after the current one.
        _position -= _count >> 3;
        (_bits, _count) = (0, 0);
        if (_from.Length - _position < 4)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt16LittleEndian(_from[_position..]);
        var complement = BinaryPrimitives.ReadUInt16LittleEndian(_from[(_position + 2)..]);
        _position += 4;
        if ((ushort)~complement != length || length > _from.Length - _position || length > _to.Length - _written)
        {
            return false;
        }

        _from.Slice(_position, length).CopyTo(_to[_written..]);
        _position += length;
        _written += length;
        return true;
    }

    private bool TryReadDynamic(Tables tables)
    {
        var literals = Take(5) + 257;
        var distances = Take(5) + 1;
        var codes = Take(4) + 4;
        if (literals is < 257 or > 286 || distances is < 1 or > 30 || codes < 4)
        {
            return false;
        }

        Span<byte> lengths = stackalloc byte[286 + 30];
        lengths.Clear();
        for (var i = 0; i < codes; i++)
        {
            var length = Take(3);
            if (length < 0)
            {
                return false;
            }

            lengths[CodeLengthOrder[i]] = (byte)length;
        }

        if (!tables.Lengths.TryBuild(lengths[..19]))
        {
            return false;
        }

        lengths[..19].Clear();
        return TryReadLengths(tables.Lengths, lengths[..(literals + distances)])
            && lengths[EndOfBlock] != 0
            && tables.Literals.TryBuild(lengths[..literals])
            && tables.Distances.TryBuild(lengths.Slice(literals, distances))
            && TryReadBlock(tables);
    }

    private bool TryReadLengths(HuffmanTable code, scoped Span<byte> lengths)
    {
        for (var at = 0; at < lengths.Length;)
        {
            Refill();
            var symbol = code.Decode((uint)_bits, out var bits);
            if (symbol < 0 || !TryDrop(bits))
            {
                return false;
            }

            if (symbol < 16)
            {
                lengths[at++] = (byte)symbol;
                continue;
            }

            if (symbol == 16 && at == 0)
            {
                return false;
            }

            var repeated = symbol == 16 ? lengths[at - 1] : (byte)0;
            var count = symbol switch { 16 => 3 + Take(2), 17 => 3 + Take(3), _ => 11 + Take(7) };
            if (count < 3 || count > lengths.Length - at)
            {
                return false;
            }

            lengths.Slice(at, count).Fill(repeated);
            at += count;
        }

        return true;
    }

    private void Refill()
    {
        if (_from.Length - _position >= 8)
        {
            // As many whole bytes as fit above the bits that are left.
            _bits |= BinaryPrimitives.ReadUInt64LittleEndian(_from[_position..]) << _count;
            var taken = (63 - _count) >> 3;
            _position += taken;
            _count += taken << 3;
            _bits &= (1UL << _count) - 1;
            return;
        }

        while (_count <= 56 && _position < _from.Length)
        {
            _bits |= (ulong)_from[_position++] << _count;
            _count += 8;
        }
    }

    private bool TryDrop(int count)
    {
        _bits >>= count;
        _count -= count;
        return _count >= 0;
    }

    // Negative, and far below, where the input has ended.
    private int Take(int count)
    {
        if (_count < count)
        {
            Refill();
            if (_count < count)
            {
                return -1_000_000;
            }
        }

        var value = (int)(_bits & ((1UL << count) - 1));
        _bits >>= count;
        _count -= count;
        return value;
    }

    private sealed class Tables
    {
        public HuffmanTable Literals { get; } = new(288);

        public HuffmanTable Distances { get; } = new(32);

        public HuffmanTable Lengths { get; } = new(19);

        public static Tables Fixed()
        {
            var tables = new Tables();
            Span<byte> lengths = stackalloc byte[288];
            lengths[..144].Fill(8);
            lengths[144..256].Fill(9);
            lengths[256..280].Fill(7);
            lengths[280..].Fill(8);
            tables.Literals.TryBuild(lengths);
            lengths[..32].Fill(5);
            tables.Distances.TryBuild(lengths[..32]);
            return tables;
        }
    }
}
