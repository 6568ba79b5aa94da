using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Policy;

/// <summary>
/// Finds the smallest change of a policy that turns a decision around. Candidates are tried on the policy itself, by the code that decides: what is
/// proposed works.
/// </summary>
internal sealed class ChangeFinder(PolicyDocument document, Caller caller, Demand demand, Circumstances circumstances)
{
    // Nearest first; a policy in which none of so many helps gets a rule of its own.
    private const int MostTried = 50;

    private readonly Who _self = Self(caller);

    /// <param name="decision">The decision to turn around.</param>
    /// <param name="findings">What was found of every rule.</param>
    public PolicyChange? Find(in Decision decision, IReadOnlyList<RuleFinding> findings)
    {
        // Rules that don't concern the caller can't matter; leaving them out makes trying cheap.
        var concerned = findings.Where(f => f.Rule.Concerns(caller)).Select(f => f.Rule).ToArray();
        var bindings = concerned.Where(r => !r.IsDeny).ToImmutableArray();
        var denies = concerned.Where(r => r.IsDeny).ToImmutableArray();
        var candidates = decision.IsAllowed ? ToRefuse(bindings, denies, findings) : ToAllow(bindings, denies, findings);
        var wanted = !decision.IsAllowed;
        return candidates.FirstOrDefault(c => Decide(c.Bindings, c.Denies).IsAllowed == wanted)?.Change;
    }

    private IEnumerable<Candidate> ToRefuse(ImmutableArray<PolicyRule> bindings, ImmutableArray<PolicyRule> denies, IReadOnlyList<RuleFinding> findings)
    {
        if (findings.Where(f => f is { Rule.IsDeny: false, Truth: Truth.Yes }).Take(2).ToArray() is [var only])
        {
            yield return new Candidate(new($"remove {Place(only.Rule)}; that ends what it grants to others too", 1), bindings.Remove(only.Rule), denies);
        }

        var where = Where();
        var scope = demand.ClusterScope ? ", scope: cluster" : where.IsEmpty ? "" : $", {WhereYaml()}";
        var deny = new PolicyRule
        {
            Id = "deny", IsDeny = true, Who = [_self], Permissions = demand.Permission.Bit(), Scope = RuleScope.Both, Where = where,
        };
        var yaml = $"- {{ who: [{Quoted(_self.Text)}], what: [{demand.Permission.Name()}]{scope} }}";
        yield return new Candidate(new("add this under deny", 1, yaml), bindings, denies.Add(deny));
    }

    private IEnumerable<Candidate> ToAllow(ImmutableArray<PolicyRule> bindings, ImmutableArray<PolicyRule> denies, IReadOnlyList<RuleFinding> findings)
    {
        // Whatever else is changed, a deny that matches or may match has to let this caller through first.
        var spared = denies;
        var words = new List<string>();
        foreach (var rule in findings.Where(f => f.Rule.IsDeny && f.Truth != Truth.No).Select(f => f.Rule))
        {
            spared = spared.Replace(rule, rule with { Unless = rule.Unless.Add(_self) });
            words.Add($"add {_self} to unless of {Place(rule)}");
        }

        if (words.Count > 0)
        {
            yield return new Candidate(new(string.Join(", and ", words), words.Count), bindings, spared);
        }

        var nearest = findings.Where(f => !f.Rule.IsDeny && f.Obstacles is [{ Kind: not Obstacle.Scope }]).OrderBy(f => Rank(f.Obstacles[0])).Take(MostTried);
        foreach (var finding in nearest)
        {
            if (Amend(finding.Rule, finding.Obstacles[0]) is { } amended)
            {
                var text = string.Join(", and ", words.Append(amended.Text));
                yield return new Candidate(new(text, words.Count + 1), bindings.Remove(finding.Rule).Add(amended.Rule), spared);
            }
        }

        if (NewBinding() is { } added)
        {
            var text = string.Join(", and ", words.Append("add this under bindings"));
            yield return new Candidate(new(text, words.Count + 1, added.Yaml), bindings.Add(added.Rule), spared);
        }
    }

    // What touches only rules that speak of the caller already comes first, then naming him, then giving a role to all whom a rule names.
    private static int Rank(RuleObstacle obstacle) => obstacle.Kind switch { Obstacle.Name or Obstacle.Dimension => 0, Obstacle.When => 1, Obstacle.Who => 2, _ => 3 };

    private (PolicyRule Rule, string Text)? Amend(PolicyRule rule, RuleObstacle obstacle)
    {
        var place = Place(rule);
        const string forAll = "; that reaches everybody whom it names";
        switch (obstacle.Kind)
        {
            case Obstacle.Who:
                return (rule with { Who = rule.Who.Add(_self) }, $"add {_self} to who of {place}");
            case Obstacle.Name when NameToAdd(obstacle.Dimension) is { } name:
                var old = rule.Where.First(c => c.Dimension == obstacle.Dimension);
                var wider = new NameCondition(obstacle.Dimension, old.Patterns.Add(new Glob(name)));
                return (rule with { Where = rule.Where.Replace(old, wider) }, $"add {Quoted(name)} to {Key(obstacle.Dimension)} of {place}{forAll}");
            case Obstacle.Name or Obstacle.Dimension when (obstacle.Dimension & PermissionDimensions.Places) == Dimensions.None:
                return (rule with { Where = rule.Where.RemoveAll(c => c.Dimension == obstacle.Dimension) }, $"remove {Key(obstacle.Dimension)} from {place}{forAll}");
            case Obstacle.When:
                return (rule with { When = rule.When.Remove(obstacle.Condition!) }, $"remove '{obstacle.Condition}' from when of {place}{forAll}; or call when it is met");
            case Obstacle.Permission when SmallestRole() is { } role:
                return (rule with { Permissions = rule.Permissions | role.Permissions, Companions = rule.Companions | role.Companions }, $"add the role {role.Name} to {place}{forAll}");
            default:
                return null;
        }
    }

    private (PolicyRule Rule, string Yaml)? NewBinding()
    {
        if (SmallestRole() is not { } role || (!demand.ClusterScope && PlaceName is null))
        {
            return null;
        }

        var rule = new PolicyRule
        {
            Id = "bindings", Who = [_self], Permissions = role.Permissions, Companions = role.Companions,
            Scope = demand.ClusterScope ? RuleScope.Cluster : RuleScope.Namespaces, Where = Where(),
        };
        var where = demand.ClusterScope ? "scope: cluster" : WhereYaml();
        return (rule, $"- {{ who: [{Quoted(_self.Text)}], role: {role.Name}, {where} }}");
    }

    // The call is of one engine, whose dimension says where.
    private Dimensions PlaceDimension => demand.Prefect is null ? Dimensions.Namespace : Dimensions.Server;

    private string? PlaceName => demand.NameIn(PlaceDimension);

    private ImmutableArray<NameCondition> Where() =>
        demand.ClusterScope || PlaceName is not { } place || (PermissionDimensions.Of(demand.Permission) & PlaceDimension) == Dimensions.None
            ? [] : [new NameCondition(PlaceDimension, [new Glob(place)])];

    private string WhereYaml() => $"where: {{ {WhereKey(PlaceDimension)}: {Quoted(PlaceName!)} }}";

    // Of several tags any will do.
    private string? NameToAdd(Dimensions dimension) => demand.NameIn(dimension) is not { } name || dimension != Dimensions.Tag
        ? demand.NameIn(dimension) : PrefectNames.ReadTags(name).FirstOrDefault(tag => tag.Length > 0 && TagPattern.Fault(tag) is null);

    // The role that grants least besides, at a place only what its engine has: built-in or the policy's own.
    private Role? SmallestRole() => BuiltInRoles.All.Concat(document.Roles.Select(r => r.Role))
        .Where(r => (r.Permissions & demand.Permission.Bit()) != 0)
        .MinBy(r => UInt128.PopCount(r.Permissions & (demand.ClusterScope ? UInt128.MaxValue : PermissionDimensions.ConditionableOn(PlaceDimension))));

    private Decision Decide(ImmutableArray<PolicyRule> bindings, ImmutableArray<PolicyRule> denies) =>
        new PolicySet(new PolicyDocument { Bindings = bindings, Denies = denies }).For(caller).Decide(demand, circumstances);

    private static string Key(Dimensions dimension) => "where." + WhereKey(dimension);

    private static string WhereKey(Dimensions dimension) => dimension == Dimensions.Namespace ? "temporal" : dimension.Name();

    private static string Place(PolicyRule rule) => rule.File is null ? rule.Id : $"{rule.Id} ({rule.File}:{rule.Line})";

    private static string Quoted(string text) => "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";

    private static Who Self(Caller caller)
    {
        var (kind, word) = caller.Kind switch
        {
            CallerKind.Human => (WhoKind.User, "user"),
            CallerKind.Service => (WhoKind.Account, "account"),
            _ => (WhoKind.Agent, "agent"),
        };
        return new Who(kind, caller.Issuer, new Glob(caller.Subject)) { Text = $"{word}:{caller.Issuer}/{caller.Subject}" };
    }

    private sealed record Candidate(PolicyChange Change, ImmutableArray<PolicyRule> Bindings, ImmutableArray<PolicyRule> Denies);
}
