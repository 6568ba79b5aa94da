using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Engines.Temporal.Lens;

/// <summary>
/// Strings of names that come again with every call, found by their bytes so that a call allocates none. Bounded: a slot per hash, the newest name wins.
/// The hash is keyed, so that nobody can aim names at one slot on purpose. Safe for any number of threads: an entry is replaced whole.
/// </summary>
internal sealed class NameCache
{
    private const int Size = 4096;
    private const int MaxLength = 256;
    private readonly Entry?[] _entries = new Entry?[Size];
    private readonly ulong _key = BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(8)) | 1;

    public static NameCache Shared { get; } = new();

    public string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MaxLength)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        ref var place = ref _entries[Hash(utf8) & (Size - 1)];
        var entry = place;
        if (entry is null || !utf8.SequenceEqual(entry.Utf8))
        {
            place = entry = new Entry(utf8.ToArray(), Encoding.UTF8.GetString(utf8));
        }

        return entry.Text;
    }

    private int Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = _key ^ (ulong)bytes.Length;
        while (bytes.Length >= 8)
        {
            hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        var rest = 0UL;
        foreach (var b in bytes)
        {
            rest = (rest << 8) | b;
        }

        return (int)(Mix(hash, rest) >> 33);
    }

    private ulong Mix(ulong hash, ulong value)
    {
        var high = Math.BigMul(hash ^ value, _key, out var low);
        return high ^ low;
    }

    private sealed record Entry(byte[] Utf8, string Text);
}
