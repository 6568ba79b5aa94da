using System.Numerics;
using System.Runtime.InteropServices;
using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// How one dimension goes into an index key: the whole name, or the literal characters at its two ends. Two rules that are keyed alike share a hash table.
/// </summary>
internal readonly record struct KeyPart(Dimensions Dimension, bool IsExact, int Prefix, int Suffix)
{
    /// <summary>The part for a pattern; false where no end of it is literal, so that nothing can be looked up.</summary>
    public static bool TryFor(Dimensions dimension, Glob pattern, out KeyPart part)
    {
        part = pattern.IsExact ? new(dimension, true, 0, 0) : new(dimension, false, pattern.Prefix.Length, pattern.Suffix.Length);
        return pattern.IsExact || pattern.Prefix.Length + pattern.Suffix.Length > 0;
    }

    /// <summary>Adds the pattern's literal characters to a hash.</summary>
    public ulong Hash(ulong hash, Glob pattern) => IsExact ? Add(hash, pattern.Text) : Add(Add(hash, pattern.Prefix), pattern.Suffix);

    /// <summary>Adds the same characters of a demand's name. False where it is absent or too short for any pattern of this key.</summary>
    public bool TryHash(in Demand demand, ref ulong hash)
    {
        if (demand.NameIn(Dimension) is not { } name || name.Length < Prefix + Suffix)
        {
            return false;
        }

        hash = IsExact ? Add(hash, name) : Add(Add(hash, name.AsSpan(0, Prefix)), name.AsSpan(name.Length - Suffix));
        return true;
    }

    // Not a keyed hash: keys come from the operator, and a caller's name that collides with one only costs a comparison that fails.
    private static ulong Add(ulong hash, ReadOnlySpan<char> text)
    {
        const ulong multiplier = 0x9E3779B97F4A7C15;
        hash = (hash ^ (ulong)text.Length) * multiplier;
        var words = MemoryMarshal.Cast<char, ulong>(text);
        foreach (var word in words)
        {
            hash = (BitOperations.RotateLeft(hash, 29) ^ word) * multiplier;
        }

        foreach (var c in text[(words.Length * 4)..])
        {
            hash = (BitOperations.RotateLeft(hash, 29) ^ c) * multiplier;
        }

        return hash ^ (hash >> 32);
    }
}
