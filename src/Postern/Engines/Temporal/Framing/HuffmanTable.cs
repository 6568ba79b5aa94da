namespace Postern.Engines.Temporal.Framing;

/// <summary>
/// A canonical Huffman code of deflate. Codes of up to nine bits are one lookup; longer ones, which are rare, are walked bit by bit.
/// Reused from block to block.
/// </summary>
internal sealed class HuffmanTable(int symbols)
{
    public const int MaxBits = 15;
    private const int FastBits = 9;
    private const int FastMask = (1 << FastBits) - 1;

    // Length in the low four bits, symbol above; 0: no code of up to nine bits starts so.
    private readonly ushort[] _fast = new ushort[1 << FastBits];
    private readonly ushort[] _sorted = new ushort[symbols];
    private readonly ushort[] _counts = new ushort[MaxBits + 1];

    /// <summary>Builds the code from the lengths; false where they overlap, or leave codes without a symbol, but where there is one of one bit, or none (a block of literals has no distances).</summary>
    public bool TryBuild(ReadOnlySpan<byte> lengths)
    {
        Array.Clear(_counts);
        foreach (var length in lengths)
        {
            _counts[length]++;
        }

        _counts[0] = 0;
        var (left, used) = (1, 0);
        Span<int> offsets = stackalloc int[MaxBits + 2];
        Span<int> codes = stackalloc int[MaxBits + 2];
        for (var bits = 1; bits <= MaxBits; bits++)
        {
            left = (left << 1) - _counts[bits];
            if (left < 0)
            {
                return false;
            }

            codes[bits + 1] = (codes[bits] + _counts[bits]) << 1;
            offsets[bits + 1] = offsets[bits] + _counts[bits];
            used += _counts[bits];
        }

        if (left > 0 && used != 0 && !(used == 1 && _counts[1] == 1))
        {
            return false;
        }

        Array.Clear(_fast);
        for (var symbol = 0; symbol < lengths.Length; symbol++)
        {
            var length = lengths[symbol];
            if (length == 0)
            {
                continue;
            }

            _sorted[offsets[length]++] = (ushort)symbol;
            Fill(codes[length]++, length, symbol);
        }

        return true;
    }

    /// <summary>The symbol that the low bits hold, first bit lowest, and how many it took; -1 where they are no code.</summary>
    public int Decode(uint bits, out int length)
    {
        var entry = _fast[bits & FastMask];
        if (entry != 0)
        {
            length = entry & 15;
            return entry >> 4;
        }

        return DecodeLong(bits, out length);
    }

    private void Fill(int code, int length, int symbol)
    {
        if (length > FastBits)
        {
            return;
        }

        var reversed = Reverse((uint)code, length);
        for (var at = reversed; at <= FastMask; at += 1 << length)
        {
            _fast[at] = (ushort)((symbol << 4) | length);
        }
    }

    private int DecodeLong(uint bits, out int length)
    {
        var (code, first, index) = (0, 0, 0);
        for (length = 1; length <= MaxBits; length++)
        {
            code |= (int)(bits & 1);
            bits >>= 1;
            int count = _counts[length];
            if (code - count < first)
            {
                return _sorted[index + (code - first)];
            }

            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }

        return -1;
    }

    private static int Reverse(uint code, int length)
    {
        var reversed = 0;
        for (var i = 0; i < length; i++)
        {
            reversed = (reversed << 1) | (int)((code >> i) & 1);
        }

        return reversed;
    }
}
