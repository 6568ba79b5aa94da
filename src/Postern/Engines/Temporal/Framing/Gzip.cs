using System.Buffers.Binary;

namespace Postern.Engines.Temporal.Framing;

/// <summary>The ends of a gzip member (RFC 1952). What lies between them is the inflater's.</summary>
internal static class Gzip
{
    private const int TrailerLength = 8;

    /// <summary>Splits one member; the trailer must be the input's end. Also false where the header's own checksum doesn't fit.</summary>
    public static bool TryReadEnds(ReadOnlySpan<byte> gzip, out ReadOnlySpan<byte> deflated, out uint crc, out long size)
    {
        deflated = default;
        (crc, size) = (0, 0);
        const int fixedPart = 10;
        if (gzip.Length < fixedPart + TrailerLength || gzip[0] != 0x1F || gzip[1] != 0x8B || gzip[2] != 8)
        {
            return false;
        }

        const int headerChecksum = 2, extra = 4, name = 8, comment = 16, reserved = 0xE0;
        var flags = gzip[3];
        var at = fixedPart;
        if ((flags & reserved) != 0)
        {
            return false;
        }

        if ((flags & extra) != 0)
        {
            if (at + 2 > gzip.Length)
            {
                return false;
            }

            at += 2 + BinaryPrimitives.ReadUInt16LittleEndian(gzip[at..]);
        }

        if (((flags & name) != 0 && !TrySkipText(gzip, ref at)) || ((flags & comment) != 0 && !TrySkipText(gzip, ref at)))
        {
            return false;
        }

        if ((flags & headerChecksum) != 0)
        {
            if (at + 2 > gzip.Length || BinaryPrimitives.ReadUInt16LittleEndian(gzip[at..]) != (ushort)Crc32.Of(gzip[..at]))
            {
                return false;
            }

            at += 2;
        }

        if (at + TrailerLength > gzip.Length)
        {
            return false;
        }

        deflated = gzip[at..^TrailerLength];
        crc = BinaryPrimitives.ReadUInt32LittleEndian(gzip[^TrailerLength..]);
        size = BinaryPrimitives.ReadUInt32LittleEndian(gzip[^4..]);
        return true;
    }

    private static bool TrySkipText(ReadOnlySpan<byte> gzip, ref int at)
    {
        var end = at > gzip.Length ? -1 : gzip[at..].IndexOf((byte)0);
        at += end + 1;
        return end >= 0;
    }
}
