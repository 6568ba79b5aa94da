using Postern.Model;
using Postern.Policy;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class DecisionTests
{
    private const string Worker = """
        bindings:
          - { who: ["account:payroll-worker"], role: worker, where: { temporal: payroll, taskQueue: "payroll*" } }
        """;

    private static readonly Caller PayrollWorker = Make(CallerKind.Service, "payroll-worker", []);

    [Fact]
    public void Decide_WithoutRules_Denies() =>
        Assert.Equal(new Decision(DecisionKind.Deny, "none", "no binding allows it"), PolicySet.Empty.For(User("alice")).Decide(Start("payments"), Monday));

    [Fact]
    public void Default_OfDecision_Denies() => Assert.False(default(Decision).IsAllowed);

    [Theory]
    [InlineData("payments", true)]
    [InlineData("payments-eu", true)]
    [InlineData("payments-", true)]
    [InlineData("paymentsx", false)]
    [InlineData("Payments", false)]
    [InlineData("my-payments", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Namespace_IsComparedWholeAndExactly(string? ns, bool allowed)
    {
        var policy = Of("""
            bindings:
              - { who: ["group:payments"], role: developer, where: { temporal: [payments, "payments-*"] } }
            """).For(User("alice", "payments"));
        Assert.Equal(allowed, policy.Decide(On(Permission.WorkflowList, ns), Monday).IsAllowed);
    }

    [Fact]
    public void Deny_BeatsAllow_AndSparesWhomItNames()
    {
        var set = Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: "*" } }
            deny:
              - { what: [workflow.terminate, batch.run], where: { temporal: "*-prod" }, unless: ["group:sre"] }
            """);
        var terminate = On(Permission.WorkflowTerminate, "payments-prod");
        Assert.Equal(new Decision(DecisionKind.Deny, "deny[0]", "a deny rule forbids it"), set.For(User("bob")).Decide(terminate, Monday));
        Assert.Equal(new Decision(DecisionKind.Allow, "bindings[0]", ""), set.For(User("eve", "sre")).Decide(terminate, Monday));
        Assert.True(set.For(User("bob")).Decide(On(Permission.WorkflowTerminate, "payments-test"), Monday).IsAllowed);
        Assert.True(set.For(User("bob")).Decide(On(Permission.WorkflowCancel, "payments-prod"), Monday).IsAllowed);
    }

    [Fact]
    public void Deny_ToWhomNoBindingAllowsAnyway_SaysNothingOfTheDeny()
    {
        var set = Of("""
            bindings: []
            deny:
              - { what: ["*"], where: { temporal: secret } }
            """);
        Assert.Equal(new Decision(DecisionKind.Deny, "deny[0]", "no binding allows it"), set.For(User("bob")).Decide(On(Permission.WorkflowRead, "secret"), Monday));
        Assert.Equal(new Decision(DecisionKind.Deny, "none", "no binding allows it"), set.For(User("bob")).Decide(On(Permission.WorkflowRead, "other"), Monday));
    }

    [Fact]
    public void EveryNamespace_IsNoClusterPermission()
    {
        var everywhere = Of("""
            bindings:
              - { who: [anyone], role: admin, where: { temporal: "*" } }
            """).For(User("alice"));
        var cluster = Of("""
            bindings:
              - { who: [anyone], role: admin, scope: cluster }
            """).For(User("alice"));
        var create = On(Permission.NamespaceCreate, "new") with { ClusterScope = true };
        Assert.False(everywhere.Decide(create, Monday).IsAllowed);
        Assert.True(cluster.Decide(create, Monday).IsAllowed);
        Assert.False(cluster.Decide(Start("payments"), Monday).IsAllowed);
    }

    [Fact]
    public void RemoteCluster_IsInNoBuiltInRole_AndInNoGlob()
    {
        var remote = new Demand { Permission = Permission.ClusterRemote, ClusterScope = true };
        Assert.All(BuiltInRoles.All, r => Assert.Equal(UInt128.Zero, r.Permissions & Permission.ClusterRemote.Bit()));
        var glob = Of("""
            roles: { everything: { with: ["*"] } }
            bindings: [ { who: [anyone], role: everything, scope: cluster } ]
            """);
        Assert.False(glob.For(User("alice")).Decide(remote, Monday).IsAllowed);
    }

    [Fact]
    public void Condition_OnDimensionThatPermissionLacks_DoesNotMatch()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: developer, where: { temporal: payments, taskQueue: payments } }
            """).For(User("alice"));
        Assert.True(policy.Decide(Start("payments"), Monday).IsAllowed);
        Assert.False(policy.Decide(On(Permission.WorkflowList), Monday).IsAllowed);
        Assert.False(policy.Decide(On(Permission.WorkflowTerminate), Monday).IsAllowed);
    }

    [Fact]
    public void Worker_BoundToOneQueue_HasWhatAWorkerNeedsAndNothingElse()
    {
        var policy = Of(Worker).For(PayrollWorker);
        Assert.True(policy.Decide(On(Permission.WorkerPoll, "payroll") with { TaskQueue = "payroll-eu" }, Monday).IsAllowed);
        Assert.True(policy.Decide(On(Permission.WorkerComplete, "payroll") with { Waived = Dimensions.TaskQueue }, Monday).IsAllowed);
        Assert.True(policy.Decide(new Demand { Permission = Permission.ClusterInfo, ClusterScope = true }, Monday).IsAllowed);
        Assert.True(policy.Decide(new Demand { Permission = Permission.ClusterInfo }, Monday).IsAllowed);
        Assert.True(policy.Decide(On(Permission.NamespaceRead, "payroll"), Monday).IsAllowed);
        Assert.True(policy.Decide(On(Permission.WorkflowRead, "payroll") with { WorkflowId = "w", Unknown = Dimensions.WorkflowType }, Monday).IsAllowed);
        Assert.True(policy.Decide(On(Permission.NexusCall, "payroll") with { NexusEndpoint = "any" }, Monday).IsAllowed);

        Assert.False(policy.Decide(On(Permission.WorkerPoll, "payroll") with { TaskQueue = "payments" }, Monday).IsAllowed);
        Assert.False(policy.Decide(On(Permission.WorkerPoll, "payments") with { TaskQueue = "payroll" }, Monday).IsAllowed);
        Assert.False(policy.Decide(On(Permission.NamespaceRead, "payments"), Monday).IsAllowed);
        Assert.False(policy.Decide(Start("payroll", queue: "payroll"), Monday).IsAllowed);
        Assert.False(policy.Decide(On(Permission.WorkflowList, "payroll"), Monday).IsAllowed);
        Assert.False(policy.Decide(On(Permission.WorkerComplete, "payroll"), Monday).IsAllowed);
    }

    [Fact]
    public void Waived_WithANameThereAfterAll_IsJudged()
    {
        var answer = On(Permission.WorkerComplete, "payroll") with { TaskQueue = "payments", Waived = Dimensions.TaskQueue };
        Assert.False(Of(Worker).For(PayrollWorker).Decide(answer, Monday).IsAllowed);
    }

    [Fact]
    public void Waived_ConditionOfADeny_SpokeWhenTheTaskWasHandedOut()
    {
        var set = Of("""
            bindings:
              - { who: ["account:*"], role: worker, where: { temporal: "*" } }
            deny:
              - { what: [worker.*], where: { taskQueue: payroll } }
            """);
        var policy = set.For(Make(CallerKind.Service, "w", []));
        Assert.False(policy.Decide(On(Permission.WorkerPoll) with { TaskQueue = "payroll" }, Monday).IsAllowed);
        Assert.True(policy.Decide(On(Permission.WorkerComplete) with { Waived = Dimensions.TaskQueue }, Monday).IsAllowed);
    }

    [Fact]
    public void Unknown_WhereTheOutcomeHingesOnIt_CannotTell()
    {
        var terminate = On(Permission.WorkflowTerminate) with { WorkflowId = "refund-1", Unknown = Dimensions.WorkflowType };
        var allow = Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: payments, workflowType: Refund, workflowId: "refund-*" } }
            """).For(User("alice"));
        Assert.Equal(new Decision(DecisionKind.CannotTell, "bindings[0]", "it depends on the workflow type, which the call doesn't name"), allow.Decide(terminate, Monday));
        Assert.Equal(DecisionKind.Deny, allow.Decide(terminate with { WorkflowId = "payout-1" }, Monday).Kind);
        Assert.Equal(DecisionKind.Deny, allow.Decide(terminate with { Namespace = "payroll" }, Monday).Kind);
        Assert.Equal(DecisionKind.Allow, allow.Decide(terminate with { WorkflowType = "Refund" }, Monday).Kind);
        Assert.Equal(DecisionKind.Deny, allow.Decide(terminate with { WorkflowType = "Payout" }, Monday).Kind);
        Assert.Equal(DecisionKind.Deny, allow.Decide(terminate with { Unknown = Dimensions.None }, Monday).Kind);

        var deny = Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: payments } }
            deny:
              - { what: [workflow.terminate], where: { workflowType: Payout } }
            """).For(User("alice"));
        Assert.Equal(new Decision(DecisionKind.CannotTell, "deny[0]", "it depends on the workflow type, which the call doesn't name"), deny.Decide(terminate, Monday));
        Assert.Equal(DecisionKind.Allow, deny.Decide(terminate with { WorkflowType = "Refund" }, Monday).Kind);
        Assert.Equal(DecisionKind.Deny, deny.Decide(terminate with { Namespace = "payroll" }, Monday).Kind);
    }

    [Fact]
    public void Unknown_WhereNothingHingesOnIt_IsDecided()
    {
        var set = Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: payments, workflowType: Refund } }
              - { who: ["group:sre"], role: operator, where: { temporal: payments } }
              - { who: ["group:any"], role: operator, where: { temporal: payments, workflowType: "*" } }
            deny:
              - { what: [workflow.terminate], where: { temporal: payments }, who: ["user:mallory"] }
            """);
        var terminate = On(Permission.WorkflowTerminate) with { WorkflowId = "w", Unknown = Dimensions.WorkflowType };
        Assert.Equal("bindings[1]", set.For(User("eve", "sre")).Decide(terminate, Monday).Rule);
        Assert.Equal("bindings[2]", set.For(User("eve", "any")).Decide(terminate, Monday).Rule);
        Assert.Equal(new Decision(DecisionKind.Deny, "deny[0]", "a deny rule forbids it"), set.For(User("mallory")).Decide(terminate, Monday));
    }

    [Fact]
    public void DecideAll_TakesTheWorst()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: payments, workflowType: Refund } }
            """).For(User("alice"));
        var ok = Start("payments");
        var unsure = On(Permission.WorkflowTerminate) with { WorkflowId = "w", Unknown = Dimensions.WorkflowType };
        var no = Start("payroll");
        Assert.Equal(DecisionKind.Allow, policy.DecideAll([ok, ok], Monday, out _).Kind);
        Assert.Equal(DecisionKind.CannotTell, policy.DecideAll([ok, unsure, ok], Monday, out var decisive).Kind);
        Assert.Equal(1, decisive);
        Assert.Equal(DecisionKind.Deny, policy.DecideAll([unsure, ok, no], Monday, out decisive).Kind);
        Assert.Equal(2, decisive);
        Assert.Equal(DecisionKind.Deny, policy.DecideAll([], Monday, out _).Kind);
    }

    [Fact]
    public void DecideDenied_AsksDeniesOnly()
    {
        var policy = Of("""
            bindings: []
            deny:
              - { what: [workflow.start], where: { workflowType: Payout } }
            """).For(User("alice"));
        Assert.True(policy.DecideDenied(Start("payments"), Monday).IsAllowed);
        Assert.Equal("deny[0]", policy.DecideDenied(Start("payments", "Payout"), Monday).Rule);
    }

    [Fact]
    public void DecideAll_OfAnOperation_LetsADenyWinWhicheverDemandComesFirst()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: payments, workflowType: Refund } }
            """).For(User("alice"));
        var unsure = On(Permission.WorkflowTerminate) with { WorkflowId = "w", Unknown = Dimensions.WorkflowType };
        var no = Start("payroll");
        Assert.Equal(DecisionKind.Deny, policy.DecideAll(Asks(unsure, Start("payments"), no), Monday, out var decisive).Kind);
        Assert.Equal(2, decisive);
        Assert.Equal(DecisionKind.Deny, policy.DecideAll(Asks(no, unsure), Monday, out decisive).Kind);
        Assert.Equal(0, decisive);
        Assert.Equal(DecisionKind.CannotTell, policy.DecideAll(Asks(Start("payments"), unsure), Monday, out decisive).Kind);
        Assert.Equal(1, decisive);
        Assert.Equal("bindings[0]", policy.DecideAll(Asks(Start("payments"), Start("payments")), Monday, out _).Rule);
    }

    [Fact]
    public void DecideAll_OfWhatAnotherPermissionCovers_AsksDeniesOnly()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: worker, where: { temporal: payments } }
            deny:
              - { what: [workflow.start], where: { workflowType: Payout } }
              - { what: [workflow.signal], where: { workflowType: Payout } }
            """).For(User("alice"));
        var answer = On(Permission.WorkerComplete);
        Assert.True(policy.DecideAll(Asks(answer, Start("payments") with { UnlessDenied = true }), Monday, out _).IsAllowed);
        Assert.Equal("deny[0]", policy.DecideAll(Asks(answer, Start("payments", "Payout") with { UnlessDenied = true }), Monday, out var decisive).Rule);
        Assert.Equal(1, decisive);
        Assert.Equal(DecisionKind.CannotTell, policy.DecideAll(Asks(answer, On(Permission.WorkflowSignal) with { Unknown = Dimensions.WorkflowType, UnlessDenied = true }), Monday, out _).Kind);
        Assert.False(policy.DecideAll(Asks(answer, Start("payments")), Monday, out _).IsAllowed);
    }

    [Fact]
    public void Refusal_ReadsAsPromised()
    {
        var policy = Of("bindings: []").For(User("alice@example.com"));
        var demand = Start("payroll");
        var refusal = PolicyRefusal.For(policy.Caller, demand, policy.Decide(demand, Monday));
        Assert.Equal(RefusalReason.NotAllowed, refusal.Reason);
        Assert.Equal("Request unauthorized. alice@example.com may not workflow.start in namespace payroll: no binding allows it.", refusal.Text);
    }

    [Fact]
    public void Refusal_OfAHugeOrHostileName_StaysShortAndPrintable()
    {
        var policy = Of("bindings: []").For(User("alice"));
        var demand = Start("a\r\n\u001b[31m" + new string('x', 1_000_000));
        var refusal = PolicyRefusal.For(policy.Caller, demand, policy.Decide(demand, Monday));
        Assert.True(refusal.Text.Length < 300);
        Assert.DoesNotContain(refusal.Text, char.IsControl);
    }

    [Fact]
    public void Decide_AllocatesNothing()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: ["pay*", x], workflowType: [Refund, Payout] }, when: { hours: "Mon-Fri 08:00-18:00 Europe/Berlin", from: 10.0.0.0/8 } }
            deny:
              - { what: [workflow.terminate], where: { temporal: "*-prod", workflowType: Payout } }
            """).For(User("alice"));
        Demand[] demands =
        [
            Start("payments"), Start("payroll", "Other"), On(Permission.WorkflowTerminate, "pay-prod") with { Unknown = Dimensions.WorkflowType },
            On(Permission.WorkerComplete) with { Waived = Dimensions.TaskQueue },
        ];
        var operation = Asks(demands[0], demands[0], On(Permission.WorkflowTerminate, "pay-prod") with { Unknown = Dimensions.WorkflowType, UnlessDenied = true });
        policy.DecideAll(operation, Monday, out _);
        foreach (ref readonly var demand in demands.AsSpan())
        {
            policy.Decide(demand, Monday);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (ref readonly var demand in demands.AsSpan())
        {
            policy.Decide(demand, Monday);
        }

        policy.DecideAll(operation, Monday, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static Operation Asks(Demand first, params Demand[] more) => new() { Method = "Test", First = first, More = more };
}
