using System.Text.RegularExpressions;
using Postern.Model;
using Postern.Policy;
using Postern.Policy.Conditions;

namespace Postern.Tests.Policy;

/// <summary>The semantics of a policy, rule by rule and without any index, as one would check them by hand.</summary>
internal static class ReferencePolicy
{
    public static DecisionKind Decide(PolicyDocument document, Caller caller, Demand demand, Circumstances circumstances)
    {
        var allow = document.Bindings.Select(b => Judge(b, caller, demand, circumstances)).DefaultIfEmpty(Truth.No).Max();
        var deny = document.Denies.Select(d => Judge(d, caller, demand, circumstances)).DefaultIfEmpty(Truth.No).Max();
        return (allow, deny) switch
        {
            (Truth.No, _) or (_, Truth.Yes) => DecisionKind.Deny,
            (Truth.Yes, Truth.No) => DecisionKind.Allow,
            _ => DecisionKind.CannotTell,
        };
    }

    private static Truth Judge(PolicyRule rule, Caller caller, Demand demand, Circumstances circumstances)
    {
        if (!rule.Who.Any(w => w.Matches(caller)) || rule.Unless.Any(w => w.Matches(caller)) || (rule.Permissions & demand.Permission.Bit()) == 0)
        {
            return Truth.No;
        }

        var truth = Truth.Yes;
        foreach (var when in rule.When)
        {
            var one = when is CircumstanceCondition c ? c.Test(circumstances) : ((CallerCondition)when).Matches(caller) ? Truth.Yes : Truth.No;
            truth = one < truth ? one : truth;
        }

        var companion = !rule.IsDeny && (rule.Companions & demand.Permission.Bit()) != 0;
        var speaksOfPrefect = rule.Where.Any(c => c.Dimension >= Dimensions.Server);
        if (companion && demand.Permission == Permission.ClusterInfo && !speaksOfPrefect)
        {
            return truth;
        }

        if ((rule.Scope & (demand.ClusterScope ? RuleScope.Cluster : RuleScope.Namespaces)) == default)
        {
            return Truth.No;
        }

        foreach (var condition in rule.Where)
        {
            var has = (PermissionDimensions.Of(demand.Permission) & condition.Dimension) != Dimensions.None;
            var one = has ? Judge(rule, condition, demand) : companion && !IsPlace(condition) ? Truth.Yes : Truth.No;
            truth = one < truth ? one : truth;
        }

        return truth;
    }

    private static bool IsPlace(NameCondition condition) => condition.Dimension is Dimensions.Namespace or Dimensions.Server;

    private static Truth Judge(PolicyRule rule, NameCondition condition, Demand demand)
    {
        var any = condition.Patterns.Any(p => p.Text.Length > 0 && p.Text.All(c => c == '*'));
        var unknown = (demand.Unknown & condition.Dimension) != Dimensions.None;
        if (demand.NameIn(condition.Dimension) is { } name)
        {
            string[] names = condition.Dimension == Dimensions.Tag ? name[1..].Split(PrefectNames.TagMark)[..^1] : [name];
            var matches = condition.Patterns.Any(p => names.Any(n => Regex.IsMatch(n, $"^{Regex.Escape(p.Text).Replace("\\*", ".*")}\\z", RegexOptions.Singleline | RegexOptions.NonBacktracking)));
            return matches || (any && condition.Dimension == Dimensions.Tag) ? Truth.Yes : Truth.No;
        }

        if (any && (!IsPlace(condition) || unknown))
        {
            return Truth.Yes;
        }

        if (!rule.IsDeny && (demand.Waived & condition.Dimension) != Dimensions.None)
        {
            return Truth.Yes;
        }

        return unknown ? Truth.Unknown : Truth.No;
    }
}
