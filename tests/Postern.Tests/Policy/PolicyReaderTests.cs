using Postern.Configuration;
using Postern.Model;
using Postern.Policy;
using Postern.Policy.Conditions;
using Postern.Tests.Configuration;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class PolicyReaderTests
{
    [Fact]
    public void Example_OfTheDesign_IsReadAndDecides()
    {
        var set = Of("""
            roles:
              payments-oncall: { extends: operator, without: [workflow.delete] }
            bindings:
              - who:   [group:payments]
                role:  developer
                where: { temporal: [payments, "payments-*"] }
              - who:   [account:payroll-worker]
                role:  worker
                where: { temporal: payroll, taskQueue: "payroll*" }
              - who:   [agent:*]
                role:  runner
                where: { temporal: "*", workflowType: [Report, Refund] }
                when:  { hours: "08:00-18:00 Europe/Berlin", from: [10.0.0.0/8] }
              - { who: [group:oncall], role: payments-oncall, where: { temporal: payments } }
            deny:
              - what:  [workflow.terminate, workflow.delete, batch.run]
                where: { temporal: "*-prod" }
                unless: [group:sre]
            tests:
              - caller: { user: alice@example.com, groups: [payments] }
                call:   temporal/StartWorkflowExecution
                with:   { namespace: payments, workflowType: Refund, taskQueue: payments }
                expect: allow
              - caller: { user: eve@example.com, groups: [oncall] }
                call:   temporal/TerminateWorkflowExecution
                with:   { namespace: payments, workflowId: refund-1 }
                expect: allow
              - caller: { agent: reporter }
                call:   temporal/StartWorkflowExecution
                with:   { namespace: any, workflowType: Report, taskQueue: q, workflowId: r }
                from:   10.9.9.9
                at:     2026-03-02T18:00+01:00
                expect: deny
            """);
        Assert.True(set.For(User("eve", "oncall")).Decide(On(Permission.WorkflowTerminate), Monday).IsAllowed);
        Assert.False(set.For(User("eve", "oncall")).Decide(On(Permission.WorkflowDelete), Monday).IsAllowed);
        Assert.True(set.For(Make(CallerKind.Agent, "reporter", [])).Decide(Start("x", "Report"), Monday).IsAllowed);
        Assert.Matches("^[0-9a-f]{12}$", set.Version);
    }

    [Fact]
    public void Examples_OfTheDocument_LoadWithoutAnError()
    {
        var document = Repository.Read("docs/policy.md");
        string[] examples = [.. document.Split("```yaml\n").Skip(1).Select(rest => rest[..rest.IndexOf("```", StringComparison.Ordinal)])];
        Assert.Equal(2, examples.Length);
        Assert.All(examples, example => Of(example));
        Assert.All(BuiltInRoles.All, r => Assert.Contains($"`{r.Name}`", document));
        Assert.All(DimensionNames.All.Skip(1), d => Assert.Contains($"`{d.Name()}`", document));
        Assert.All(ConditionKinds.ByKey.Keys, k => Assert.Contains($"| `{k}` |", document));
    }

    [Fact]
    public void Everything_ThatIsWrong_IsReportedWithPathAndLine()
    {
        var problems = Errors("""
            rolls: {}
            bindings:
              - { who: [grup:payments], role: viewer, where: { temporal: payments } }
              - { who: [], role: vewer, where: { temporal: payments, taskqueue: x } }
              - { role: viewer, where: { temporal: payments } }
              - { who: [anyone], role: viewer }
              - { who: [anyone], role: viewer, where: { temporal: [] } }
              - { who: [anyone], role: viewer, where: { temporal: a }, when: {} }
              - { who: [anyone], role: viewer, where: { temporal: a }, scope: clusters }
              - just a text
            deny:
              - { what: [workflow.terminat] }
              - { what: ["nothing.*"], where: { temporal: x } }
              - { what: [workflow.list], where: { workflowId: payroll } }
              - { what: [worker.complete], where: { taskQueue: payroll } }
            tests:
              - { caller: { user: a, account: b }, call: temporal/StartWorkflowExecution, expect: maybe }
            """);
        var shown = problems.Select(p => p.ToString()).ToArray();
        string[] expected =
        [
            "policy.yaml:1: rolls: the key is unknown; did you mean 'roles'?",
            "policy.yaml:3: bindings[0].who[0]: 'grup:payments' names nobody; did you mean 'group:'?",
            "policy.yaml:4: bindings[1].where.taskqueue: the key is unknown; did you mean 'taskQueue'?",
            "policy.yaml:4: bindings[1].role: no role is named 'vewer'; did you mean 'viewer'?",
            "policy.yaml:4: bindings[1].who: the list is empty and would match nothing; name something or leave the key out",
            "policy.yaml:5: bindings[2]: 'who' is missing; write who: [group:payments]",
            "policy.yaml:6: bindings[3]: it doesn't say where; write where: { temporal: [payments, \"payments-*\"] } for namespaces, where: { prefect: main } for a Prefect server, or scope: cluster",
            "policy.yaml:8: bindings[5].when: it names nothing; name something or leave the key out",
            "policy.yaml:9: bindings[6].scope: 'clusters' is no scope; write cluster, or leave the key out and name namespaces, or a Prefect server, under where",
            "policy.yaml:12: deny[0].what[0]: no permission is named 'workflow.terminat'; did you mean 'workflow.terminate'?",
            "policy.yaml:13: deny[1].what[0]: no permission matches 'nothing.*'; `postern policy matrix` prints them all",
            "policy.yaml:14: deny[2].what[0]: workflow.list can't be conditioned on the workflow id, so the deny would never reach it; put it into a deny without that condition",
            "policy.yaml:15: deny[3].what: an answer to a task names no task queue, so only a deny of worker.poll keeps it from being given; add worker.poll",
            "policy.yaml:17: tests[0].caller: a caller is one of user, account and agent; write { user: alice@example.com }",
            "policy.yaml:17: tests[0].expect: 'maybe' is no outcome; known here: allow, deny, cannot-tell",
        ];
        Assert.All(expected, e => Assert.Contains(e, shown));
        Assert.Contains(problems, p => p is { Path: "bindings[7]", Line: 10 });
    }

    [Theory]
    [InlineData("""{ a: { extends: b }, b: { extends: [viewer, a] } }""", "roles.a: the role extends itself: a → b → a")]
    [InlineData("""{ viewer: { with: [workflow.start] } }""", "roles.viewer: this is a built-in role, which has one meaning everywhere; give yours another name and extend it")]
    [InlineData("""{ a: { extends: operatr } }""", "roles.a.extends: no role is named 'operatr'; did you mean 'operator'?")]
    [InlineData("""{ a: { } }""", "roles.a: the role grants nothing; name what it extends, or permissions under 'with'")]
    [InlineData("""{ a: { with: [cluster.remote] } }""", "roles.a.with[0]: no call of any engine asks for cluster.remote; remove it")]
    public void Role_ThatMakesNoSense_IsAnError(string roles, string expected) =>
        Assert.Contains(expected, Errors($"roles: {roles}\nbindings: []").Select(p => $"{p.Path}: {p.Text}"));

    [Fact]
    public void Role_ExtendsWithWithout_AddsUp()
    {
        var role = Of("""
            roles:
              b: { extends: [a, auditor], without: ["schedule.*"] }
              a: { extends: viewer, with: [workflow.start, "activity.*"], without: workflow.query }
            bindings: [ { who: [anyone], role: [a, b], where: { temporal: "*" } } ]
            """).Document.Roles.Single(r => r.Role.Name == "b").Role;
        Assert.Equal(UInt128.Zero, role.Permissions & (Permission.WorkflowQuery.Bit() | Permission.ScheduleRead.Bit() | Permission.ScheduleList.Bit()));
        var has = Permission.WorkflowStart.Bit() | Permission.ActivityDelete.Bit() | Permission.ClusterRead.Bit() | Permission.WorkflowRead.Bit();
        Assert.Equal(has, role.Permissions & has);
    }

    [Fact]
    public void SeveralFiles_MergeAndNameTheirRules()
    {
        PolicySource[] sources =
        [
            new("/etc/postern/base.yaml", "roles: { oncall: { extends: operator } }\nbindings: [ { who: [anyone], role: viewer, where: { temporal: a } } ]"),
            new("/etc/postern/payments.yaml", "bindings:\n  - { who: [anyone], role: oncall, where: { temporal: b } }\ndeny:\n  - { what: [batch.run] }"),
        ];
        var result = PolicyLoader.Parse(sources, ["okta"], Catalogue);
        var policy = result.Set!.For(User("alice"));
        Assert.Equal("base.yaml:bindings[0]", policy.Decide(On(Permission.WorkflowRead, "a"), Monday).Rule);
        Assert.Equal("payments.yaml:bindings[0]", policy.Decide(On(Permission.WorkflowRead, "b"), Monday).Rule);
        Assert.Equal("payments.yaml:deny[0]", policy.Decide(On(Permission.BatchRun, "b"), Monday).Rule);
        var moved = PolicyLoader.Parse([sources[1], sources[0]], ["okta"], Catalogue).Set!.Version;
        Assert.NotEqual(result.Set.Version, moved);
    }

    [Fact]
    public void Load_OfFilesAndFolders_ReadsYamlInNameOrder()
    {
        var folder = Directory.CreateTempSubdirectory("postern-policy-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "b.yaml"), "bindings: [ { who: [anyone], role: viewer, where: { temporal: b } } ]");
            File.WriteAllText(Path.Combine(folder, "a.yaml"), "bindings: [ { who: [anyone], role: viewer, where: { temporal: a } } ]");
            File.WriteAllText(Path.Combine(folder, "notes.txt"), "not a policy");
            var result = PolicyLoader.Load([folder], ["okta"], Catalogue);
            Assert.Equal(["a.yaml:bindings[0]", "b.yaml:bindings[0]"], result.Set!.Document.Bindings.Select(b => b.Id));

            var broken = PolicyLoader.Load([folder, Path.Combine(folder, "missing.yaml")], ["okta"], Catalogue);
            Assert.Null(broken.Set);
            Assert.Contains(broken.Problems, p => p.Text == "there is no such file");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("bindings: [")]
    [InlineData("- a\n- b")]
    [InlineData("bindings: { a: b }")]
    public void Unreadable_GivesNoPolicy(string yaml) => Assert.NotEmpty(Errors(yaml));

    [Fact]
    public void Test_ThatFails_KeepsThePolicyOut()
    {
        var problem = Assert.Single(Errors("""
            bindings:
              - { who: [group:payments], role: viewer, where: { temporal: payments } }
            tests:
              - caller: { user: alice, groups: [payments] }
                call: temporal/StartWorkflowExecution
                with: { namespace: payments, workflowType: Refund }
                expect: allow
            """));
        Assert.Equal("policy.yaml:4: tests[0]: the test fails: expected allow, but the policy says deny by none (no binding allows it)", problem.ToString());
    }

    [Theory]
    [InlineData("{ caller: { user: a }, call: temporal/StartWorkflowExecutio, expect: deny }", "tests[0].call: no call is named 'temporal/StartWorkflowExecutio'; did you mean 'temporal/StartWorkflowExecution'?")]
    [InlineData("{ caller: { user: a }, call: temporal/TerminateWorkflowExecution, with: { taskQueue: q }, expect: deny }", "tests[0].with.taskQueue: temporal/TerminateWorkflowExecution carries no taskQueue; it carries namespace, workflowType, workflowId")]
    public void Test_OfACallThatIsNotSo_IsAnError(string test, string expected) =>
        Assert.Contains(expected, Errors($"bindings: []\ntests:\n  - {test}").Select(p => $"{p.Path}: {p.Text}"));

    [Fact]
    public void Test_CanExpectCannotTell_AndGiveWhatIsLookedUp() => Of("""
        bindings:
          - { who: [anyone], role: operator, where: { temporal: payments, workflowType: Refund } }
        tests:
          - { caller: { user: a }, call: temporal/TerminateWorkflowExecution, with: { namespace: payments, workflowId: w }, expect: cannot-tell }
          - { caller: { user: a }, call: temporal/TerminateWorkflowExecution, with: { namespace: payments, workflowId: w, workflowType: Refund }, expect: allow }
          - { caller: { user: a }, call: temporal/TerminateWorkflowExecution, with: { namespace: payments, workflowId: w, workflowType: Payout }, expect: deny }
          - { caller: { user: a }, call: temporal/SignalWithStartWorkflowExecution, with: { namespace: payments, workflowType: Refund, signal: s }, expect: allow }
        """);

    [Fact]
    public void Test_WhoseOutcomeDependsOnTheClock_CannotTellWithoutATime()
    {
        var problem = Assert.Single(Errors("""
            bindings:
              - { who: [anyone], role: viewer, where: { temporal: a }, when: { hours: "08:00-18:00 UTC" } }
            tests:
              - { caller: { user: a }, call: test/workflow.read, with: { namespace: a }, expect: allow }
            """));
        Assert.EndsWith("(it depends on the time or on the source address, which aren't known); a test says where and when with from: 10.1.2.3 and at: 2026-03-02T09:30Z", problem.Text);
    }

    [Fact]
    public void Check_WarnsOfWhatARuleDoesNotReach()
    {
        var result = Load("""
            roles: { unused: { extends: viewer } }
            bindings:
              - { who: [anyone], role: runner, where: { temporal: a, taskQueue: q } }
            deny:
              - { what: ["workflow.*"], where: { workflowId: secret } }
            """);
        Assert.NotNull(result.Set);
        var warnings = result.Problems.Select(p => p.ToString()).ToArray();
        Assert.Equal(3, warnings.Length);
        Assert.Contains("policy.yaml:1: roles.unused: no binding uses the role", warnings);
        Assert.Contains(warnings, w => w.StartsWith("policy.yaml:3: bindings[0]: its conditions on taskQueue keep it from granting workflow.signal, workflow.update", StringComparison.Ordinal));
        Assert.Contains(warnings, w => w.StartsWith("policy.yaml:5: deny[0]: its conditions on workflowId keep it from reaching workflow.list", StringComparison.Ordinal));
    }

    [Fact]
    public void Worker_BoundToAQueue_IsNoCauseForAWarning() =>
        Assert.Empty(Load("bindings: [ { who: [\"account:w\"], role: worker, where: { temporal: a, taskQueue: q } } ]").Problems);

    [Fact]
    public void Check_ConditionThatNothingConsults_IsAnError()
    {
        Assert.Contains("it would never match", Assert.Single(Errors("bindings: [ { who: [anyone], role: worker, where: { temporal: a, workflowType: x, schedule: s } } ]")).Text);
        var catalogue = new CallCatalogue([Call("temporal/StartWorkflowExecution", new CatalogueDemand(Permission.WorkflowStart, Dimensions.Namespace))]);
        var result = PolicyLoader.Parse(
            [new("p.yaml", "bindings: [ { who: [anyone], role: runner, where: { temporal: a, workflowType: x } } ]\ndeny: [ { what: [batch.run] } ]")], ["okta"], catalogue);
        Assert.Contains(result.Problems, p => p is { Severity: Severity.Error, Path: "bindings[0]" } && p.Text.Contains("comes with the workflow type"));
        Assert.Contains(result.Problems, p => p is { Severity: Severity.Error, Path: "deny[0]" } && p.Text.Contains("batch.run"));
    }
}
