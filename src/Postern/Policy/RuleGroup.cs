using System.Numerics;
using Postern.Model;

namespace Postern.Policy;

/// <summary>A hash table of entries that are keyed by the same parts of a demand.</summary>
internal sealed class RuleGroup
{
    private readonly KeyPart[] _parts;
    private readonly RuleEntry?[] _slots;
    private readonly ulong[] _hashes;

    public RuleGroup(KeyPart[] parts, IReadOnlyList<RuleEntry> entries)
    {
        _parts = parts;
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)(entries.Count * 2));
        _slots = new RuleEntry?[size];
        _hashes = new ulong[size];
        foreach (var entry in entries.Reverse())
        {
            Permissions |= entry.Permissions;
            var slot = Slot(entry.Hash);
            entry.Next = _slots[slot];
            _slots[slot] = entry;
            _hashes[slot] = entry.Hash;
        }
    }

    public UInt128 Permissions { get; }

    public int Parts => _parts.Length;

    /// <summary>The chain of entries that the demand could match; each still has to be tested.</summary>
    public RuleEntry? Candidates(in Demand demand)
    {
        var hash = 0UL;
        foreach (ref readonly var part in _parts.AsSpan())
        {
            if (!part.TryHash(demand, ref hash))
            {
                return null;
            }
        }

        return _slots[Slot(hash)];
    }

    private int Slot(ulong hash)
    {
        var slot = (int)(hash & (ulong)(_slots.Length - 1));
        while (_slots[slot] is not null && _hashes[slot] != hash)
        {
            slot = (slot + 1) & (_slots.Length - 1);
        }

        return slot;
    }
}
