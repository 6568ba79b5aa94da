using Postern.Model;
using Postern.Policy;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class ReachTests
{
    private static readonly Circumstances Night = Monday with { Now = Monday.Now.AddHours(14) };

    [Fact]
    public void Reach_AdmitsWhatADecisionAllows() => PolicyCases.Hold(c =>
    {
        var given = c.Demand.Prefect ?? new PrefectNames { Flow = "ab" };
        var server = given.Server ?? "a";
        var names = given with { Server = server };
        var demand = new Demand { Permission = c.Demand.Permission, Prefect = names };
        var policy = new PolicySet(c.Document).For(c.Caller);
        var reach = policy.ReachOf(demand.Permission, server, c.Circumstances);
        var decision = policy.Decide(demand, c.Circumstances);
        var isKnown = c.Circumstances.Source is not null && c.Circumstances.Now != default;
        return reach.Kind == ReachKind.CannotTell ? !isKnown : decision.IsAllowed == reach.Admits(names) && decision.Kind != DecisionKind.CannotTell;
    });

    [Fact]
    public void Reach_AskedAgain_UnderOtherCircumstances_StillAgrees() => PolicyCases.Hold(c =>
    {
        var names = new PrefectNames { Server = "a", WorkPool = "b", Flow = "ab", Tags = PrefectNames.Write(["a", "ab"]) };
        var policy = new PolicySet(c.Document).For(c.Caller);
        return new[] { Monday, Night, Monday with { Source = System.Net.IPAddress.Parse("192.168.3.4") }, Monday }.All(circumstances =>
            policy.Decide(new Demand { Permission = c.Demand.Permission, Prefect = names }, circumstances).IsAllowed == policy.ReachOf(c.Demand.Permission, "a", circumstances).Admits(names));
    });

    [Theory]
    [InlineData("role: viewer, where: { prefect: main }", "All")]
    [InlineData("role: viewer, where: { prefect: \"*\", flow: \"*\" }", "All")]
    [InlineData("role: viewer, where: { prefect: other }", "None")]
    [InlineData("role: deployer, where: { prefect: main }", "None")]
    [InlineData("role: viewer, where: { prefect: main, variable: x }", "None")]
    [InlineData("role: viewer, where: { temporal: \"*\" }", "None")]
    [InlineData("role: admin, scope: cluster", "None")]
    [InlineData("role: viewer, where: { prefect: main, tag: [prod, \"team-*\"], flow: refund }", "flow: refund and tag: prod, team-*")]
    public void Reach_OfOneBinding(string binding, string expected) =>
        Assert.Equal(expected, Of($"bindings: [{{ who: [anyone], {binding} }}]").For(User("alice")).ReachOf(Permission.FlowRunRead, "main", Monday).ToString());

    [Fact]
    public void Permission_OfBothEngines_IsReachedByBindingsOfThisOneOnly()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: worker, where: { temporal: "*" } }
              - { who: [anyone], role: worker, where: { prefect: other } }
            deny:
              - { what: [worker.heartbeat], where: { temporal: "*" } }
            """).For(User("alice"));

        Assert.Equal(ReachKind.None, policy.ReachOf(Permission.WorkerHeartbeat, "main", Monday).Kind);
        Assert.Equal(ReachKind.All, policy.ReachOf(Permission.WorkerHeartbeat, "other", Monday).Kind);
    }

    [Fact]
    public void Bindings_WithOneConditionEach_AreOneList_AndDeniesStayApart()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: viewer, where: { prefect: main, flow: a } }
              - { who: [anyone], role: viewer, where: { prefect: "m*", flow: [b, a] } }
              - { who: [anyone], role: viewer, where: { prefect: main, workPool: p, tag: eu } }
              - { who: [anyone], role: worker, where: { prefect: main, workPool: p } }
            deny:
              - { what: [flow-run.read], where: { tag: secret } }
              - { what: [flow-run.delete], where: { tag: x } }
            """).For(User("alice"));

        Assert.Equal("workPool: p or flow: a, b or workPool: p and tag: eu but not tag: secret", policy.ReachOf(Permission.FlowRunRead, "main", Monday).ToString());
        Assert.Equal("All", policy.ReachOf(Permission.FlowWrite, "main", Monday).ToString());
        Assert.Same(policy.ReachOf(Permission.FlowRunRead, "main", Monday), policy.ReachOf(Permission.FlowRunRead, "main", Night));
        Assert.Equal(ReachKind.None, policy.ReachOf(Permission.FlowRunRead, "other", Monday).Kind);
    }

    [Fact]
    public void Circumstances_DecideWhichRulesCount()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: viewer, where: { prefect: main, flow: a } }
              - { who: [anyone], role: viewer, where: { prefect: main }, when: { hours: "08:00-18:00 UTC" } }
            """).For(User("alice"));

        Assert.Equal("All", policy.ReachOf(Permission.FlowRead, "main", Monday).ToString());
        Assert.Equal("flow: a", policy.ReachOf(Permission.FlowRead, "main", Night).ToString());
        Assert.Equal("CannotTell", policy.ReachOf(Permission.FlowRead, "main", default).ToString());
        Assert.False(policy.ReachOf(Permission.FlowRead, "main", default).Admits(new PrefectNames { Server = "main", Flow = "a" }));
    }

    [Theory]
    [InlineData("deny: [{ what: [flow.read] }]", "None")]
    [InlineData("deny: [{ what: [flow.read], where: { prefect: other } }]", "All")]
    [InlineData("deny: [{ what: [flow.read], where: { flow: \"x*\" } }]", "all but not flow: x*")]
    [InlineData("deny: [{ what: [flow.read], who: [\"user:bob\"] }]", "All")]
    [InlineData("deny: [{ what: [flow.read], when: { from: 10.0.0.0/8 } }]", "None")]
    [InlineData("deny: [{ what: [flow.read], when: { from: 11.0.0.0/8 } }]", "All")]
    public void Denies_TakeAway(string deny, string expected) =>
        Assert.Equal(expected, Of("bindings: [{ who: [anyone], role: viewer, where: { prefect: main } }]\n" + deny).For(User("alice")).ReachOf(Permission.FlowRead, "main", Monday).ToString());

    [Theory]
    [InlineData("flow: a", "prefect: main", "allow")]
    [InlineData("flow: a", "prefect: other", "deny")]
    [InlineData("flow: a", "prefect: main, flow: a", "allow")]
    [InlineData("variable: a", "prefect: main", "deny")]
    public void Test_OfAList_SaysWhatTheGateDoesAfterNarrowingIt(string where, string with, string expected) => Of($$"""
            bindings: [{ who: [anyone], role: viewer, where: { prefect: main, {{where}} } }]
            tests: [{ caller: { user: alice }, call: prefect/read_flow_runs, with: { {{with}} }, expect: {{expected}} }]
            """);

    [Fact]
    public void List_IsAllowedForWhatIsReached_WhereAllElseIsAllowed()
    {
        var policy = Of("""
            bindings: [{ who: [anyone], role: viewer, where: { prefect: main, flow: a } }]
            """).For(User("alice"));
        var list = new Demand { Permission = Permission.FlowRunRead, Prefect = new PrefectNames { Server = "main" }, Unknown = Dimensions.Flow | Dimensions.Tag };

        Assert.True(policy.DecideByReach([list], Monday, out var reach).IsAllowed);
        Assert.Equal("flow: a", reach!.ToString());
        Assert.Equal(DecisionKind.CannotTell, policy.DecideByReach([list, list with { Permission = Permission.LogRead }], Monday, out reach).Kind);
        Assert.Equal(DecisionKind.Deny, policy.DecideByReach([list, list with { Permission = Permission.FlowRunDelete }], Monday, out _).Kind);
        Assert.True(policy.DecideByReach([list, list with { Permission = Permission.ServerInfo }], Monday, out reach).IsAllowed);
        Assert.NotNull(reach);
    }

    [Fact]
    public void Bound_OfTheCredential_EndsIt()
    {
        var set = Of("bindings: [{ who: [anyone], role: viewer, where: { prefect: \"*\" } }]");

        Assert.Equal(ReachKind.None, set.For(User("alice").NarrowedTo(["payments"], [])).ReachOf(Permission.FlowRead, "main", Monday).Kind);
        Assert.Equal(ReachKind.All, set.For(User("alice").NarrowedTo(["prefect/main"], [])).ReachOf(Permission.FlowRead, "main", Monday).Kind);
    }
}
