using Postern.Configuration;
using Postern.Model;
using Postern.Policy;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class WhoTests
{
    private const string Claims = """{ "department": "finance", "realm_access": { "roles": ["sre", "oncall"] }, "level": 3, "https://example.com/team": "a", "mfa": true }""";

    [Theory]
    [InlineData("anyone", "Human", true)]
    [InlineData("user:alice", "Human", true)]
    [InlineData("user:okta/alice", "Human", true)]
    [InlineData("user:al*", "Human", true)]
    [InlineData("user:Alice", "Human", false)]
    [InlineData("user:alice", "Service", false)]
    [InlineData("account:alice", "Service", true)]
    [InlineData("account:alice", "Human", false)]
    [InlineData("agent:*", "Agent", true)]
    [InlineData("agent:*", "Service", false)]
    [InlineData("group:payments", "Human", true)]
    [InlineData("group:okta/pay*", "Service", true)]
    [InlineData("group:team/eu", "Human", true)]
    [InlineData("group:/keycloak", "Human", true)]
    [InlineData("group:pay", "Human", false)]
    [InlineData("issuer:okta", "Human", true)]
    [InlineData("claim:department=fin*", "Human", true)]
    [InlineData("claim:okta/department=finance", "Human", true)]
    [InlineData("claim:department=hr", "Human", false)]
    [InlineData("claim:realm_access.roles=sre", "Human", true)]
    [InlineData("claim:realm_access.roles=dev", "Human", false)]
    [InlineData("claim:realm_access=*", "Human", false)]
    [InlineData("claim:https://example.com/team=a", "Human", true)]
    [InlineData("claim:level=3", "Human", true)]
    [InlineData("claim:mfa=true", "Human", true)]
    [InlineData("claim:none=*", "Human", false)]
    [InlineData("certificate:*", "Human", false)]
    public void Who_WithOneIssuer_Matches(string who, string kind, bool expected)
    {
        var set = Of($"bindings:\n  - {{ who: [\"{who}\"], role: viewer, where: {{ temporal: payments }} }}");
        var caller = Make(Enum.Parse<CallerKind>(kind), "alice", ["payments", "team/eu", "/keycloak"], claims: Claims);
        Assert.Equal(expected, set.For(caller).Decide(On(Permission.WorkflowRead), Monday).IsAllowed);
    }

    [Theory]
    [InlineData("user:okta/alice", true)]
    [InlineData("user:github/alice", false)]
    [InlineData("group:github/payments", false)]
    [InlineData("claim:github/department=finance", false)]
    [InlineData("issuer:github", false)]
    public void Who_OfAnotherIssuer_IsSomebodyElse(string who, bool expected)
    {
        var set = Of($"bindings:\n  - {{ who: [\"{who}\"], role: viewer, where: {{ temporal: payments }} }}", "okta", "github");
        Assert.Equal(expected, set.For(Make(CallerKind.Human, "alice", ["payments"], claims: Claims)).Decide(On(Permission.WorkflowRead), Monday).IsAllowed);
    }

    [Theory]
    [InlineData("user:alice", "write 'user:okta/alice'")]
    [InlineData("group:team/eu", "write 'group:okta/team/eu'")]
    [InlineData("agent:*", "write 'agent:okta/*'")]
    [InlineData("claim:department=x", "write 'claim:okta/department=x'")]
    public void BareName_WithTwoIssuers_IsAnError(string who, string advice) =>
        Assert.Contains(advice, Assert.Single(Errors($"bindings: [ {{ who: [\"{who}\"], role: viewer, where: {{ temporal: a }} }} ]", "okta", "github")).Text);

    [Theory]
    [InlineData("user:")]
    [InlineData("user:okta/")]
    [InlineData("everyone")]
    [InlineData("issuer:azure")]
    [InlineData("claim:department")]
    [InlineData("claim:=x")]
    [InlineData("claim:department=")]
    public void Who_ThatNamesNobody_IsAnError(string who) =>
        Assert.Single(Errors($"bindings: [ {{ who: [\"{who}\"], role: viewer, where: {{ temporal: a }} }} ]"));

    [Fact]
    public void Who_WithAMistypedIssuer_IsWarnedOf()
    {
        var problem = Assert.Single(Load("bindings: [ { who: [\"group:okt/payments\"], role: viewer, where: { temporal: a } } ]").Problems);
        Assert.Equal(Severity.Warning, problem.Severity);
        Assert.EndsWith("did you mean 'group:okta/payments'?", problem.Text);
    }

    [Fact]
    public void For_CallersWhomTheSameRulesConcern_KeepsThemApart()
    {
        var set = Of("bindings: [ { who: [group:payments], role: viewer, where: { temporal: payments } }, { who: [\"user:bob\"], role: admin, where: { temporal: b } } ]");
        var (alice, eve, bob) = (set.For(User("alice", "payments")), set.For(User("eve", "payments", "other")), set.For(User("bob", "payments")));
        Assert.Equal("okta/alice", alice.Caller.Name);
        Assert.Equal("okta/eve", eve.Caller.Name);
        Assert.True(eve.Decide(On(Permission.WorkflowRead), Monday).IsAllowed);
        Assert.False(eve.Decide(On(Permission.WorkflowRead, "b"), Monday).IsAllowed);
        Assert.True(bob.Decide(On(Permission.WorkflowRead, "b"), Monday).IsAllowed);
    }
}
