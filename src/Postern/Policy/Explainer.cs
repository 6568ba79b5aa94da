using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Policy;

/// <summary>Explains decisions: makes the decision itself, listening, and then asks of each rule what kept it from matching.</summary>
internal sealed class Explainer(PolicySet set)
{
    // More than anybody reads, less than a policy of a hundred thousand.
    private const int MostRules = 200;

    private static readonly string[] Kinds = ["human", "service", "agent"];
    private static readonly string[] Outcomes = ["deny", "allow", "cannot-tell"];

    public Explanation Explain(Caller caller, in Demand demand, in Circumstances circumstances)
    {
        var trace = new Listener([]);
        var policy = set.For(caller);
        var decision = demand.UnlessDenied ? policy.DecideDenied(demand, circumstances) : policy.Decide(demand, circumstances, ref trace);
        var findings = Findings(caller, demand, circumstances);
        var tested = trace.Tested.SelectMany(e => e.Rules).ToHashSet();
        var listed = findings.OrderByDescending(f => f.Rule.Id == decision.Rule).ThenByDescending(f => f.Truth).ThenBy(f => f.Obstacles.Length).Take(MostRules);
        return new Explanation
        {
            Caller = caller.Name,
            Kind = Kinds[(int)caller.Kind],
            Permission = demand.Permission.Name(),
            Names = Names(demand),
            Decision = Outcomes[(int)decision.Kind],
            Rule = decision.Rule,
            Reason = decision.Reason,
            PolicyVersion = set.Version,
            Rules =
            [
                .. listed.Select(f => new ExplainedRule(
                    f.Rule.Id, f.Rule.File, f.Rule.Line, f.Truth switch { Truth.Yes => "yes", Truth.No => "no", _ => "unknown" },
                    tested.Contains(f.Rule), f.Rule.Id == decision.Rule, [.. f.Obstacles.Select(o => o.Text)])),
            ],
            OtherRules = Math.Max(0, findings.Count - MostRules),
            Change = new ChangeFinder(set.Document, caller, demand, circumstances).Find(decision, findings),
        };
    }

    private List<RuleFinding> Findings(Caller caller, in Demand demand, in Circumstances circumstances)
    {
        var findings = new List<RuleFinding>();
        foreach (var rule in set.Document.Denies.Concat(set.Document.Bindings))
        {
            findings.Add(RuleFinding.Of(rule, caller, demand, circumstances));
        }

        return findings;
    }

    private static ImmutableSortedDictionary<string, string> Names(in Demand demand)
    {
        var names = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var dimension in DimensionNames.All)
        {
            if (demand.ShownIn(dimension) is { } name)
            {
                names[dimension.Name()] = name;
            }
        }

        return names.ToImmutable();
    }

    private readonly struct Listener(List<RuleEntry> tested) : IDecisionTrace
    {
        public List<RuleEntry> Tested => tested;

        void IDecisionTrace.Tested(RuleEntry entry, Truth truth) => tested.Add(entry);
    }
}
