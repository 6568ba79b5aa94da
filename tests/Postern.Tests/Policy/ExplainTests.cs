using System.Text.Json;
using Postern.Model;
using Postern.Policy;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class ExplainTests
{
    private const string Yaml = """
        bindings:
          - { who: [group:payments], role: developer, where: { temporal: [payments, "payments-*"] } }
          - { who: ["account:w"], role: worker, where: { temporal: payroll } }
          - { who: [group:payments], role: viewer, where: { temporal: payroll } }
        deny:
          - { what: [workflow.terminate], where: { temporal: "*-prod" }, unless: [group:sre] }
        """;

    [Fact]
    public void Explain_OfADenial_SaysWhyAndWhatWouldHelp()
    {
        var text = new Explainer(Of(Yaml)).Explain(User("alice", "payments"), Start("payroll"), Monday).ToText();
        Assert.StartsWith("okta/alice (human): workflow.start, namespace payroll, taskQueue payments, workflowId refund-1, workflowType Refund\ndecision: deny, by none: no binding allows it  [policy ", text);
        Assert.Contains("    bindings[0] (policy.yaml:2) doesn't match: namespace: payments, payments-* doesn't match payroll\n", text);
        Assert.Contains("    bindings[1] (policy.yaml:3) doesn't match: it names account:w, not this caller; worker doesn't include workflow.start\n", text);
        Assert.EndsWith("to allow it: add \"payroll\" to where.temporal of bindings[0] (policy.yaml:2); that reaches everybody whom it names\n", text);
    }

    [Fact]
    public void Explain_OfADeny_ProposesToSpareTheCaller()
    {
        var explanation = new Explainer(Of(Yaml)).Explain(User("alice", "payments"), On(Permission.WorkflowTerminate, "payments-prod"), Monday);
        Assert.Equal(("deny", "deny[0]"), (explanation.Decision, explanation.Rule));
        Assert.Equal("add user:okta/alice to unless of deny[0] (policy.yaml:6)", explanation.Change!.Text);
        Assert.True(explanation.Rules[0].Decides);
    }

    [Fact]
    public void Explain_OfAnAllow_ProposesToRemoveItsOnlyBinding()
    {
        var explanation = new Explainer(Of(Yaml)).Explain(User("alice", "payments"), Start("payments"), Monday);
        Assert.Equal(("allow", "bindings[0]"), (explanation.Decision, explanation.Rule));
        Assert.Equal("remove bindings[0] (policy.yaml:2); that ends what it grants to others too", explanation.Change!.Text);
    }

    [Fact]
    public void Explain_WhereNoRuleIsNear_ProposesABindingThatWorks()
    {
        var alice = User("alice@example.com");
        var change = new Explainer(Of("bindings: []")).Explain(alice, Start("payroll"), Monday).Change!;
        Assert.Equal("- { who: [\"user:okta/alice@example.com\"], role: runner, where: { temporal: \"payroll\" } }", change.Yaml);
        Assert.True(Of("bindings:\n  " + change.Yaml).For(alice).Decide(Start("payroll"), Monday).IsAllowed);

        var create = On(Permission.NamespaceCreate, "new") with { ClusterScope = true };
        var cluster = new Explainer(Of("bindings: []")).Explain(alice, create, Monday).Change!;
        Assert.True(Of("bindings:\n  " + cluster.Yaml).For(alice).Decide(create, Monday).IsAllowed);
    }

    [Fact]
    public void Explain_OfAnAllowBySeveral_ProposesADenyThatWorks()
    {
        const string several = "bindings: [ { who: [anyone], role: viewer, where: { temporal: \"*\" } }, { who: [anyone], role: viewer, where: { temporal: payments } } ]\n";
        var read = On(Permission.WorkflowRead);
        var change = new Explainer(Of(several)).Explain(User("alice"), read, Monday).Change!;
        Assert.False(Of(several + "deny:\n  " + change.Yaml).For(User("alice")).Decide(read, Monday).IsAllowed);
        Assert.True(Of(several + "deny:\n  " + change.Yaml).For(User("bob")).Decide(read, Monday).IsAllowed);
    }

    [Fact]
    public void Explain_AsJson_ReadsBack()
    {
        var explanation = new Explainer(Of(Yaml)).Explain(User("alice", "payments"), Start("payroll"), Monday);
        var json = JsonSerializer.SerializeToElement(explanation);
        Assert.Equal("deny", json.GetProperty("Decision").GetString());
        Assert.Equal("payroll", json.GetProperty("Names").GetProperty("namespace").GetString());
        Assert.Equal(4, json.GetProperty("Rules").GetArrayLength());
    }

    [Fact]
    public void Matrix_SaysOfEveryRoleAndCallWhatTheDecisionSays()
    {
        var matrix = RoleMatrix.Of(Catalogue);
        Assert.Equal(Catalogue.Calls.Length, matrix.Rows.Length);
        Assert.Equal(9, matrix.Roles.Length);
        foreach (var role in BuiltInRoles.All)
        {
            var policy = Of($"bindings: [ {{ who: [anyone], role: {role.Name}, where: {{ temporal: \"*\" }} }}, {{ who: [anyone], role: {role.Name}, scope: cluster }} ]").For(User("alice"));
            var names = DimensionNames.All.Aggregate(new Demand { Permission = Permission.None }, (d, dimension) => d.WithName(dimension, "n"));
            foreach (var call in Catalogue.Calls)
            {
                // A permission without a namespace is only granted by scope: cluster.
                var demands = PolicyTestRunner.Demands(call, names).Select(d => d.Namespace is null ? d with { ClusterScope = true } : d).ToArray();
                Assert.Equal(policy.DecideAll(demands, Monday, out _).IsAllowed, matrix.Rows.Single(r => r.Call == call.Name).Roles.Contains(role.Name));
            }
        }
    }

    [Fact]
    public void Matrix_AsMarkdown_HasARowPerCallAndAColumnPerRole()
    {
        var lines = RoleMatrix.Of(Catalogue).ToMarkdown().Split('\n');
        Assert.StartsWith("| call | needs | may also need | scope | can be conditioned on | viewer | runner |", lines[0]);
        Assert.Equal("|" + string.Concat(Enumerable.Repeat("---|", 14)), lines[1]);
        Assert.Contains("| temporal/TerminateWorkflowExecution | workflow.terminate |  | namespace | namespace, workflowType?, workflowId |  |  | ✓ | ✓ |  |  | ✓ | ✓ |  |", lines);
        Assert.Equal(Catalogue.Calls.Length + 1, lines.Count(l => l.StartsWith("| ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Roles_AreALadderWhereTheyShouldBe()
    {
        UInt128 Of(string name) => BuiltInRoles.All.Single(r => r.Name == name).Permissions;
        string[] ladder = ["viewer", "runner", "operator", "developer", "namespace-admin", "admin"];
        foreach (var (less, more) in ladder.Zip(ladder.Skip(1)))
        {
            Assert.Equal(Of(less), Of(less) & Of(more));
            Assert.NotEqual(Of(less), Of(more));
        }

        var worker = BuiltInRoles.Set(
            [Permission.WorkerPoll, Permission.WorkerComplete, Permission.WorkerHeartbeat, Permission.ClusterInfo, Permission.NamespaceRead, Permission.WorkflowRead, Permission.NexusCall]);
        Assert.Equal(worker, Of("worker") & BuiltInRoles.Set(Permissions.All.Where(p => (PermissionDimensions.Of(p) & PermissionDimensions.Places) != Dimensions.Server)));
        Assert.Equal(UInt128.Zero, Of("auditor") & (Permission.WorkflowRead.Bit() | Permission.WorkflowQuery.Bit()));
    }
}
