using Postern.Model;
using Postern.Policy;

namespace Postern.Tests.Policy;

public sealed class PolicyPropertyTests
{
    [Fact]
    public void Decision_AgreesWithTheReference() => PolicyCases.Hold(c => c.Decision.Kind == ReferencePolicy.Decide(c.Document, c.Caller, c.Demand, c.Circumstances));

    [Fact]
    public void Deny_BeatsAllow() => PolicyCases.Hold(c =>
    {
        var deny = c.Extra with { IsDeny = true, Companions = 0, Scope = RuleScope.Both };
        var alone = new PolicyDocument { Bindings = [c.Extra with { Scope = c.Demand.ClusterScope ? RuleScope.Cluster : RuleScope.Namespaces, Companions = 0 }] };
        var speaks = c.Decide(alone).IsAllowed && c.Demand.Waived == Dimensions.None;
        return !speaks || c.Decide(c.Document with { Denies = c.Document.Denies.Add(deny) }).Kind == DecisionKind.Deny;
    });

    [Fact]
    public void Binding_Added_NeverRemovesARight() => PolicyCases.Hold(c =>
        Rank(c.Decide(c.Document with { Bindings = c.Document.Bindings.Add(c.Extra) })) >= Rank(c.Decision));

    [Fact]
    public void Binding_Removed_NeverAddsARight() => PolicyCases.Hold(c =>
        c.Document.Bindings.All(b => Rank(c.Decide(c.Document with { Bindings = c.Document.Bindings.Remove(b) })) <= Rank(c.Decision)));

    [Fact]
    public void Deny_Added_NeverAddsARight() => PolicyCases.Hold(c =>
        Rank(c.Decide(c.Document with { Denies = c.Document.Denies.Add(c.Extra with { IsDeny = true, Companions = 0 }) })) <= Rank(c.Decision));

    [Fact]
    public void Order_OfRules_ChangesNothing() => PolicyCases.Hold(c =>
        c.Decide(c.Document with { Bindings = [.. c.Document.Bindings.Reverse()], Denies = [.. c.Document.Denies.Reverse()] }).Kind == c.Decision.Kind
        && c.Decide(c.Document with { Bindings = [.. c.Document.Bindings.OrderBy(b => b.Id)], Denies = [.. c.Document.Denies.OrderBy(b => b.Id)] }).Kind == c.Decision.Kind);

    [Fact]
    public void Rule_ThatDecides_MatchesByItself() => PolicyCases.Hold(c =>
    {
        var decision = c.Decision;
        var rule = c.Document.Bindings.Concat(c.Document.Denies).SingleOrDefault(r => r.Id == decision.Rule);
        return decision.Kind switch
        {
            DecisionKind.Allow => rule is { IsDeny: false } && c.Decide(new PolicyDocument { Bindings = [rule] }).IsAllowed,
            DecisionKind.Deny => rule is null ? decision.Rule == CallerPolicy.NoRule : rule.IsDeny,
            _ => rule is not null,
        };
    });

    [Fact]
    public void Explain_AgreesWithDecide() => PolicyCases.Hold(c =>
    {
        var explanation = new Explainer(new PolicySet(c.Document)).Explain(c.Caller, c.Demand, c.Circumstances);
        var allow = Best(explanation, "bindings");
        var deny = Best(explanation, "deny");
        var kind = (allow, deny) switch { (0, _) or (_, 2) => "deny", (2, 0) => "allow", _ => "cannot-tell" };
        return explanation.Decision == kind
            && explanation.Rule == c.Decision.Rule && explanation.Reason == c.Decision.Reason
            && explanation.Rules.Length == c.Document.Bindings.Length + c.Document.Denies.Length
            && explanation.Rules.Where(r => r.Decides).All(r => r.Matches != "no" && r.Tested)
            && explanation.Rules.All(r => r.Because.IsEmpty == (r.Matches == "yes"));
    });

    [Fact]
    public void Explain_OfWhatABindingCouldAllow_ProposesAChange() => PolicyCases.Hold(c =>
        c.Demand.Namespace is null || c.Demand.ClusterScope != (c.Demand.Permission == Permission.NamespaceCreate)
        || new Explainer(new PolicySet(c.Document)).Explain(c.Caller, c.Demand, c.Circumstances).Change is { Edits: > 0, Text.Length: > 0 });

    private static int Rank(Decision decision) => decision.Kind switch { DecisionKind.Deny => 0, DecisionKind.CannotTell => 1, _ => 2 };

    private static int Best(Explanation explanation, string kind) =>
        explanation.Rules.Where(r => r.Rule.StartsWith(kind, StringComparison.Ordinal)).Select(r => r.Matches switch { "yes" => 2, "unknown" => 1, _ => 0 }).DefaultIfEmpty(0).Max();
}
