using System.Collections.Immutable;
using Postern.Model;
using Postern.Policy.Conditions;

namespace Postern.Policy;

/// <summary>
/// What an index holds: conditions, and the permissions that some rules grant or deny under exactly these. Rules that differ in nothing but permissions
/// share one, so that a hundred thousand alike cost as much as one.
/// </summary>
internal sealed class RuleEntry(ulong hash, ImmutableArray<NameCondition> where, ImmutableArray<CircumstanceCondition> when)
{
    private readonly NameCondition[] _where = [.. where];
    private readonly CircumstanceCondition[] _when = [.. when];
    private readonly List<(UInt128 Permissions, PolicyRule Rule)> _owners = [];

    public ulong Hash => hash;

    public UInt128 Permissions { get; private set; }

    /// <summary>The rules that put permissions here.</summary>
    public IEnumerable<PolicyRule> Rules => _owners.Select(o => o.Rule);

    /// <summary>The next entry with the same hash.</summary>
    public RuleEntry? Next { get; set; }

    public void Add(UInt128 permissions, PolicyRule rule)
    {
        permissions &= ~Permissions;
        if (permissions != 0)
        {
            Permissions |= permissions;
            _owners.Add((permissions, rule));
        }
    }

    /// <summary>The first rule that put the permission here.</summary>
    public PolicyRule Owner(UInt128 permission)
    {
        foreach (var (permissions, rule) in _owners)
        {
            if ((permissions & permission) != 0)
            {
                return rule;
            }
        }

        throw new InvalidOperationException("The permission isn't in this entry.");
    }

    public Truth Test(in Demand demand, in Circumstances circumstances)
    {
        foreach (var condition in _where)
        {
            if (!condition.Matches(demand))
            {
                return Truth.No;
            }
        }

        var truth = Truth.Yes;
        foreach (var condition in _when)
        {
            var one = condition.Test(circumstances);
            if (one < truth)
            {
                truth = one;
            }
        }

        return truth;
    }
}
