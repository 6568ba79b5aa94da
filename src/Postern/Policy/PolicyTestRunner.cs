using Postern.Configuration;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Runs the <c>tests:</c> of a policy. One that fails keeps the policy from being used.</summary>
internal static class PolicyTestRunner
{
    private static readonly string[] Words = ["deny", "allow", "cannot-tell"];

    public static IEnumerable<Problem> Run(PolicySet set, CallCatalogue catalogue) => set.Document.Tests.SelectMany(t => Run(set, t, catalogue));

    /// <summary>The demands of a call that carries the given names: those that every such call makes.</summary>
    public static Demand[] Demands(CatalogueCall call, in Demand names)
    {
        var demands = new List<Demand>();
        foreach (var demand in call.Demands.Where(d => !d.Sometimes))
        {
            demands.Add(demand.Fill(names));
        }

        return [.. demands];
    }

    private static IEnumerable<Problem> Run(PolicySet set, PolicyTest test, CallCatalogue catalogue)
    {
        if (catalogue.Find(test.Call) is not { } call)
        {
            var near = NearestName.Of(test.Call, catalogue.Calls.Select(c => c.Name));
            yield return Error(test, ".call", $"no call is named '{test.Call}'{(near is null ? "; write one such as temporal/StartWorkflowExecution" : $"; did you mean '{near}'?")}");
            yield break;
        }

        var known = call.Demands.Aggregate(Dimensions.None, (set, d) => set | d.Carried | d.Unknown);
        foreach (var dimension in DimensionNames.All.Where(d => (known & d) == Dimensions.None && test.With.NameIn(d) is not null))
        {
            yield return Error(test, $".with.{dimension.Name()}", $"{call.Name} carries no {dimension.Name()}; it carries {string.Join(", ", known.Each().Select(d => d.Name()))}");
        }

        var demands = Demands(call, test.With);
        var circumstances = new Circumstances(test.From, test.At);
        var policy = set.For(test.Caller);
        var decision = policy.DecideAll(demands, circumstances, out var decisive);
        if (decision.Kind == DecisionKind.CannotTell && call.IsNarrowable)
        {
            decision = demands[0].Prefect is null ? policy.DecideByType(demands, circumstances, out _) : policy.DecideByReach(demands, circumstances, out _);
        }

        if (decision.Kind != test.Expect)
        {
            var where = demands.Length > 1 ? $" for {demands[decisive].Permission.Name()}" : "";
            var why = decision.IsAllowed ? "" : $" ({decision.Reason})";
            var hint = decision.Kind == DecisionKind.CannotTell && (test.From is null || test.At == default)
                ? "; a test says where and when with from: 10.1.2.3 and at: 2026-03-02T09:30Z" : "";
            yield return Error(test, "", $"the test fails: expected {Words[(int)test.Expect]}, but the policy says {Words[(int)decision.Kind]} by {decision.Rule}{where}{why}{hint}");
        }
    }

    private static Problem Error(PolicyTest test, string below, string text) => new(test.Path + below, test.Line, text) { File = test.File };
}
