using System.Diagnostics.CodeAnalysis;
using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// Finds a rule that matches a demand among any number. First by permission, then one hash look-up per way in which rules are keyed: their number doesn't
/// grow with the rules.
/// </summary>
internal sealed class RuleIndex
{
    private readonly RuleGroup[]?[] _byPermission = new RuleGroup[128][];

    public RuleIndex(RuleGroup[] groups)
    {
        foreach (var permission in Permissions.All)
        {
            var relevant = groups.Where(g => (g.Permissions & permission.Bit()) != 0).ToArray();
            _byPermission[(int)permission] = relevant.Length == 0 ? null : relevant;
        }
    }

    /// <summary>Finds a rule that matches for certain; with <paramref name="orPossibly"/> also one that would if facts that are missing were so.</summary>
    public bool TryFind<TTrace>(
        in Demand demand, in Circumstances circumstances, bool orPossibly, scoped ref TTrace trace, [NotNullWhen(true)] out PolicyRule? rule)
        where TTrace : struct, IDecisionTrace
    {
        rule = null;
        var groups = _byPermission[(int)demand.Permission];
        if (groups is null)
        {
            return false;
        }

        var bit = demand.Permission.Bit();
        foreach (var group in groups)
        {
            for (var entry = group.Candidates(demand); entry is not null; entry = entry.Next)
            {
                if ((entry.Permissions & bit) == 0)
                {
                    continue;
                }

                var truth = entry.Test(demand, circumstances);
                trace.Tested(entry, truth);
                if (truth == Truth.Yes || (orPossibly && truth == Truth.Unknown))
                {
                    rule = entry.Owner(bit);
                    return true;
                }
            }
        }

        return false;
    }
}
