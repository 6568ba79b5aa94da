using System.Collections.Immutable;
using Postern.Model;
using Postern.Policy;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class NarrowingTests
{
    private const string Everything = """
        bindings:
          - { who: [anyone], role: [developer, worker], where: { temporal: "*" } }
          - { who: [anyone], role: admin, scope: cluster }
          - { who: [anyone], role: viewer, where: { temporal: "*" } }
        """;

    [Theory]
    [InlineData("payments", true)]
    [InlineData("payments-eu", true)]
    [InlineData("payroll", false)]
    [InlineData("", false)]
    public void Namespace_MustBeWithinEveryBound(string ns, bool allowed)
    {
        var caller = User("alice").NarrowedTo(["pay*"], []).NarrowedTo(["payments*", "x"], []);

        Assert.Equal(allowed, Of(Everything).For(caller).Decide(Start(ns), Monday).IsAllowed);
    }

    [Fact]
    public void NarrowedCredential_HasNothingOfTheCluster_AndStillTheList()
    {
        var policy = Of(Everything).For(User("alice").NarrowedTo(["payments"], []));

        Assert.Equal(DecisionKind.Deny, policy.Decide(new Demand { Permission = Permission.ClusterAdmin, ClusterScope = true }, Monday).Kind);
        Assert.True(policy.DecideDenied(new Demand { Permission = Permission.NamespaceList, ClusterScope = true, UnlessDenied = true }, Monday).IsAllowed);
        Assert.Equal(DecisionKind.Deny, policy.Decide(new Demand { Permission = Permission.WorkflowStart }, Monday).Kind);
        Assert.Equal(DecisionKind.CannotTell, policy.Decide(new Demand { Permission = Permission.WorkflowStart, Unknown = Dimensions.Namespace }, Monday).Kind);
    }

    [Fact]
    public void WhatAWorkersAnswerCommands_IsBoundToo()
    {
        var policy = Of(Everything).For(User("alice").NarrowedTo(["payments"], []));

        Assert.True(policy.DecideDenied(Start("payments"), Monday).IsAllowed);
        Assert.False(policy.DecideDenied(Start("payroll"), Monday).IsAllowed);
    }

    [Fact]
    public void Roles_LeaveOnlyBindingsAllOfWhoseRolesAreNamed()
    {
        var set = Of(Everything);
        bool MayStart(params ImmutableArray<string> roles) => set.For(User("alice").NarrowedTo([], roles)).Decide(Start("payments"), Monday).IsAllowed;

        Assert.True(MayStart());
        Assert.True(MayStart("developer", "worker"));
        Assert.False(MayStart("worker"));
        Assert.False(MayStart("viewer"));
        Assert.True(set.For(User("alice").NarrowedTo([], ["viewer"])).Decide(On(Permission.WorkflowRead, "payments"), Monday).IsAllowed);
        Assert.False(set.For(User("alice").NarrowedTo([], ["viewer"]).NarrowedTo([], ["worker"])).Decide(On(Permission.WorkflowRead, "payments"), Monday).IsAllowed);
    }

    [Fact]
    public void Deny_HoldsForNarrowedCredentialsToo()
    {
        var set = Of(Everything + "\n" + """
            deny:
              - { what: [workflow.start], where: { temporal: payments } }
            """);

        Assert.False(set.For(User("alice").NarrowedTo([], ["developer", "worker"])).Decide(Start("payments"), Monday).IsAllowed);
    }

    [Fact]
    public void Namespace_TakesOnlyTheCredentialsThatItAccepts()
    {
        var set = Of(Everything).Taking([new AcceptedCredentials(Dimensions.Namespace, new Glob("*-prod"), caller => caller.Credential == CredentialKind.Certificate)]);
        var key = User("alice") with { Credential = CredentialKind.ApiKey };
        var certificate = User("alice") with { Credential = CredentialKind.Certificate };

        Assert.False(set.For(key).Decide(Start("payments-prod"), Monday).IsAllowed);
        Assert.True(set.For(key).Decide(Start("payments"), Monday).IsAllowed);
        Assert.True(set.For(certificate).Decide(Start("payments-prod"), Monday).IsAllowed);
        Assert.Contains("kind of credential", set.For(key).Decide(Start("payments-prod"), Monday).Reason, StringComparison.Ordinal);
    }
}
