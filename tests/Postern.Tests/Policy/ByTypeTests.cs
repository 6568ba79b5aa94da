using Postern.Model;
using Postern.Policy;

namespace Postern.Tests.Policy;

/// <summary>Calls that act on what a query finds: for which workflow types they are allowed.</summary>
public sealed class ByTypeTests
{
    private static readonly Demand s_list = TestPolicy.On(Permission.WorkflowList) with { Unknown = Dimensions.WorkflowType };
    private static readonly Demand s_batch = TestPolicy.On(Permission.BatchRun) with { Unknown = Dimensions.WorkflowType };
    private static readonly Demand s_terminate = TestPolicy.On(Permission.WorkflowTerminate) with { Unknown = Dimensions.WorkflowType | Dimensions.WorkflowId | Dimensions.TaskQueue };

    [Theory]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [Report, Refund] } }", "Refund, Report")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: \"*\", workflowType: Report } }\n- { who: [\"user:a\"], role: viewer, where: { temporal: payments, workflowType: Refund } }", "Refund, Report")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: Report } }\n- { who: [anyone], role: viewer, where: { temporal: payroll, workflowType: Secret } }", "Report")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [Report, Secret] } }\ndeny:\n- { what: [\"workflow.*\"], where: { workflowType: Secret } }", "Report")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments } }\ndeny:\n- { what: [workflow.list], where: { workflowType: Secret } }", "all but Secret")]
    // Patterns with a * at their end.
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: \"billing-*\" } }", "billing-*")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [Report, \"Pay*\", \"Pay**\", Payout] } }", "Report; Pay*")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [\"b*\", \"a*\"] } }", "a*; b*")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments } }\ndeny:\n- { what: [workflow.list], where: { workflowType: [\"secret-*\", Hidden] } }", "all but Hidden, secret-*")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: \"billing-*\" } }\ndeny:\n- { what: [workflow.list], where: { workflowType: [\"billing-secret-*\", billing-x] } }", "billing-* but billing-x, billing-secret-*")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [Report, Refund] } }\ndeny:\n- { what: [workflow.list], where: { workflowType: \"Rep*\" } }", "Refund")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [\"a*\", \"abc*\"] } }\ndeny:\n- { what: [workflow.list], where: { workflowType: \"ab*\" } }", "a* but ab*")]
    // What another rule's condition keeps apart doesn't count.
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: Report } }\n- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: \"*S\" }, when: { from: 192.0.2.0/24 } }", "Report")]
    public void List_UnderExactTypes_IsNarrowedToThem(string bindings, string expected)
    {
        var policy = TestPolicy.Of("bindings:\n" + bindings).For(TestPolicy.User("a"));
        Assert.Equal(DecisionKind.CannotTell, policy.Decide(s_list, TestPolicy.Monday).Kind);

        var decision = policy.DecideByType([s_list], TestPolicy.Monday, out var types);

        Assert.True(decision.IsAllowed);
        Assert.Equal(expected, types!.ToString());
    }

    [Theory]
    // What no query can say.
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [Report, \"*Pay\"] } }", "CannotTell")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: [Report, \"P*y\"] } }", "CannotTell")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: \"*Pay*\" } }", "CannotTell")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: Report } }\ndeny:\n- { what: [\"workflow.*\"], where: { workflowType: \"*t\" } }", "CannotTell")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: \"R*\" } }\ndeny:\n- { what: [\"workflow.*\"], where: { workflowType: \"R*t\" } }", "CannotTell")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: Report } }\ndeny:\n- { what: [\"workflow.*\"], where: { workflowType: \"R*\" } }", "Deny")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payments, workflowType: Report } }\ndeny:\n- { what: [\"workflow.*\"], where: { workflowType: Report } }", "Deny")]
    [InlineData("- { who: [anyone], role: developer, where: { temporal: payments, workflowType: Report, taskQueue: q } }", "Deny")]
    [InlineData("- { who: [anyone], role: viewer, where: { temporal: payroll, workflowType: Report } }", "Deny")]
    [InlineData("- { who: [anyone], role: worker, where: { temporal: payments } }", "Deny")]
    public void List_OtherwiseConditioned_IsNotNarrowed(string bindings, string expected)
    {
        var policy = TestPolicy.Of("bindings:\n" + bindings).For(TestPolicy.User("a"));

        var decision = policy.DecideByType([s_list], TestPolicy.Monday, out var types);

        Assert.Equal(expected, decision.Kind.ToString());
        Assert.Null(types);
    }

    [Fact]
    public void Batch_IsNarrowedToWhatAllOfItAllows()
    {
        var policy = TestPolicy.Of("""
            roles:
              batcher: { with: [batch.run, cluster.info, namespace.read] }
              ender: { with: [workflow.terminate, cluster.info, namespace.read] }
            bindings:
              - { who: [anyone], role: batcher, where: { temporal: payments, workflowType: [Report, Refund, Payout] } }
              - { who: [anyone], role: ender, where: { temporal: payments, workflowType: [Refund, Payout, Secret] } }
            """).For(TestPolicy.User("a"));

        Assert.True(policy.DecideByType([s_batch, s_terminate], TestPolicy.Monday, out var types).IsAllowed);
        Assert.Equal("Payout, Refund", types!.ToString());
    }

    [Fact]
    public void Batch_WhoseDenyDependsOnMoreThanTheType_CannotBeTold()
    {
        var policy = TestPolicy.Of("""
            bindings:
              - { who: [anyone], role: operator, where: { temporal: payments, workflowType: Report } }
            deny:
              - { what: [workflow.terminate], where: { workflowId: w } }
            """).For(TestPolicy.User("a"));

        Assert.Equal(DecisionKind.CannotTell, policy.DecideByType([s_batch, s_terminate], TestPolicy.Monday, out var types).Kind);
        Assert.Null(types);
    }

    [Theory]
    [InlineData(2000, "T", true)]
    [InlineData(2001, "T", false)]
    [InlineData(200, "\"T*\"", true)]
    [InlineData(201, "\"T*\"", false)]
    public void Types_MoreThanAQueryShouldHold_AreNotNarrowedTo(int count, string pattern, bool narrowed)
    {
        var types = string.Join(", ", Enumerable.Range(0, count).Select(i => pattern.Replace("T", $"T{i}-", StringComparison.Ordinal)));
        var policy = TestPolicy.Of($"bindings: [ {{ who: [anyone], role: viewer, where: {{ temporal: payments, workflowType: [{types}] }} }} ]").For(TestPolicy.User("a"));

        Assert.Equal(narrowed ? DecisionKind.Allow : DecisionKind.CannotTell, policy.DecideByType([s_list], TestPolicy.Monday, out var found).Kind);
        Assert.Equal(narrowed ? count : 0, found is null ? 0 : found.Names.Length + found.Ranges.Length);
    }

    [Fact]
    public void ListOfANamedType_IsDecidedByIt()
    {
        var policy = TestPolicy.Of("bindings: [ { who: [anyone], role: viewer, where: { temporal: payments, workflowType: \"Rep*\" } } ]").For(TestPolicy.User("a"));

        Assert.True(policy.Decide(s_list with { WorkflowType = "Report" }, TestPolicy.Monday).IsAllowed);
        Assert.Equal(DecisionKind.Deny, policy.Decide(s_list with { WorkflowType = "Secret" }, TestPolicy.Monday).Kind);
    }

    [Fact]
    public void Types_AreThoseForWhichTheCallWouldBeAllowed() => PolicyCases.Hold(c =>
    {
        var policy = new PolicySet(c.Document).For(c.Caller);
        Demand[] demands =
        [
            c.Demand with { Permission = Permission.WorkflowList, WorkflowType = null, Unknown = c.Demand.Unknown | Dimensions.WorkflowType, Waived = Dimensions.None },
            c.Demand with { Permission = Permission.WorkflowTerminate, WorkflowType = null, Unknown = c.Demand.Unknown | Dimensions.WorkflowType, Waived = Dimensions.None },
        ];
        var decision = policy.DecideByType(demands, c.Circumstances, out var types);
        if (types is null)
        {
            return !decision.IsAllowed || policy.DecideAll(demands, c.Circumstances, out _).IsAllowed;
        }

        return decision.IsAllowed && new[] { "a", "b", "ab", "aa", "aab", "aba", "abab", "ba", "bab", "bb", "other" }.All(type =>
            Holds(types, type)
            == policy.DecideAll([demands[0] with { WorkflowType = type }, demands[1] with { WorkflowType = type }], c.Circumstances, out _).IsAllowed);
    });

    private static bool Holds(WorkflowTypes types, string type) => types.Names.Contains(type) || types.Ranges.Any(r =>
        type.StartsWith(r.Prefix, StringComparison.Ordinal) && !r.ButNames.Contains(type) && !r.ButPrefixes.Any(p => type.StartsWith(p, StringComparison.Ordinal)));
}
