using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;
using Postern.Model;
using Postern.Policy.Conditions;

namespace Postern.Policy;

/// <summary>Sorts rules into groups of equal keys. Conditions are unfolded to single patterns as far as that stays small; the rest is tested entry by entry.</summary>
internal sealed class RuleIndexBuilder
{
    // Lists of names of one rule multiply; beyond this, further lists are left to the test.
    private const int MostUnfolded = 256;

    // One long list alone is always worth unfolding: it is no more entries than the operator wrote.
    private const int MostNames = 4096;

    private readonly Dictionary<string, (RuleEntry Entry, List<RuleEntry> Group)> _entries = new(StringComparer.Ordinal);
    private readonly StringBuilder _text = new();
    private readonly Dictionary<string, (KeyPart[] Parts, List<RuleEntry> Entries)> _groups = new(StringComparer.Ordinal);

    public void Add(PolicyRule rule, UInt128 permissions, ImmutableArray<NameCondition> where, ImmutableArray<CircumstanceCondition> when)
    {
        var unfolded = 1;
        var lists = new List<ImmutableArray<NameCondition>>(where.Length);
        foreach (var condition in where)
        {
            var count = condition.Singles.Length;
            var unfold = unfolded == 1 ? count <= MostNames : unfolded * count <= MostUnfolded;
            unfolded *= unfold ? count : 1;
            lists.Add(unfold ? condition.Singles : [condition]);
        }

        var chosen = new NameCondition[where.Length];
        Unfold(0);

        void Unfold(int at)
        {
            if (at == chosen.Length)
            {
                Place(rule, permissions, ImmutableCollectionsMarshal.AsImmutableArray((NameCondition[])chosen.Clone()), when);
                return;
            }

            foreach (var single in lists[at])
            {
                chosen[at] = single;
                Unfold(at + 1);
            }
        }
    }

    public RuleIndex Build() => new([.. _groups.Values.Select(g => new RuleGroup(g.Parts, g.Entries)).OrderBy(g => g.Parts)]);

    private void Place(PolicyRule rule, UInt128 permissions, ImmutableArray<NameCondition> where, ImmutableArray<CircumstanceCondition> when)
    {
        var alike = _text.Clear();
        foreach (var condition in where)
        {
            alike.Append((int)condition.Dimension).Append('=').Append(condition.Key).Append('\u0002');
        }

        foreach (var condition in when)
        {
            alike.Append(condition.Text).Append('\u0002');
        }

        ref var placed = ref CollectionsMarshal.GetValueRefOrAddDefault(_entries, alike.ToString(), out var exists);
        if (!exists)
        {
            var hash = 0UL;
            var parts = new List<KeyPart>(where.Length);
            var signature = _text.Clear();
            foreach (var condition in where)
            {
                if (condition.Compared is [var pattern] && KeyPart.TryFor(condition.Dimension, pattern, out var part))
                {
                    hash = part.Hash(hash, pattern);
                    parts.Add(part);
                    signature.Append((int)part.Dimension).Append(part.IsExact ? '=' : '~').Append(part.Prefix).Append(',').Append(part.Suffix).Append(';');
                }
            }

            ref var group = ref CollectionsMarshal.GetValueRefOrAddDefault(_groups, signature.ToString(), out var known);
            if (!known)
            {
                group = ([.. parts], []);
            }

            placed = (new RuleEntry(hash, where, when), group.Entries);
            group.Entries.Add(placed.Entry);
        }

        placed.Entry.Add(permissions, rule);
    }
}
