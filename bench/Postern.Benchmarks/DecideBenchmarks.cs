using System.Collections.Immutable;
using System.Net;
using BenchmarkDotNet.Attributes;
using Postern.Model;
using Postern.Policy;

namespace Postern.Benchmarks;

/// <summary>What one decision costs, from ten bindings to a hundred thousand, whether few of them concern the caller or all do.</summary>
[MemoryDiagnoser]
public class DecideBenchmarks
{
    private const int Questions = 64;

    private readonly Demand[] _demands = new Demand[Questions];
    private readonly Circumstances _circumstances = new(IPAddress.Parse("10.1.2.3"), new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));
    private CallerPolicy _policy = null!;

    [Params(10, 100_000)]
    public int Bindings { get; set; }

    /// <summary>few: ten bindings name the caller. exact, glob: all do, each with namespaces of its own. same: all do, on one namespace, each with its own workflow type.</summary>
    [Params("few", "exact", "glob", "same")]
    public string Match { get; set; } = "few";

    [GlobalSetup]
    public void Setup()
    {
        var caller = new Caller { Kind = CallerKind.Human, Issuer = "okta", Subject = "alice", Name = "okta/alice", DisplayName = "alice", Groups = ["payments"] };
        var bindings = Enumerable.Range(0, Bindings).Select(Binding).ToImmutableArray();
        var deny = new PolicyRule
        {
            Id = "deny[0]", IsDeny = true, Who = [Who("*", WhoKind.Anyone)], Permissions = Permission.WorkflowTerminate.Bit(), Scope = RuleScope.Both,
            Where = [new NameCondition(Dimensions.Namespace, [new Glob("*-prod")])],
        };
        _policy = new PolicySet(new PolicyDocument { Bindings = bindings, Denies = [deny] }).For(caller);

        // Spread over the bindings, so that the caches of the machine don't hide what a large policy costs.
        for (var i = 0; i < Questions; i++)
        {
            var n = (int)((long)i * Math.Min(Bindings, Match == "few" ? 10 : Bindings) / Questions);
            _demands[i] = new Demand
            {
                Permission = Permission.WorkflowStart,
                Namespace = Match switch { "glob" => $"team-{n}-eu-west", "same" => "payments", _ => $"team-{n}" },
                WorkflowType = Match == "same" ? $"Refund{n}" : "Refund", WorkflowId = "refund-4711", TaskQueue = "payments",
            };
            if (!_policy.Decide(_demands[i], _circumstances).IsAllowed)
            {
                throw new InvalidOperationException($"Expected to be allowed: {_demands[i]}");
            }
        }
    }

    [Benchmark(OperationsPerInvoke = Questions)]
    public int Allowed()
    {
        var allowed = 0;
        foreach (ref readonly var demand in _demands.AsSpan())
        {
            allowed += _policy.Decide(demand, _circumstances).IsAllowed ? 1 : 0;
        }

        return allowed;
    }

    private PolicyRule Binding(int n)
    {
        var role = BuiltInRoles.All.Single(r => r.Name == "developer");
        var mine = Match != "few" || n < 10;
        var ns = Match switch { "glob" => $"team-{n}-*", "same" => "payments", _ => $"team-{n}" };
        var where = new List<NameCondition> { new(Dimensions.Namespace, [new Glob(ns)]) };
        if (Match == "same")
        {
            where.Add(new NameCondition(Dimensions.WorkflowType, [new Glob($"Refund{n}")]));
        }

        return new PolicyRule
        {
            Id = $"bindings[{n}]", Who = [Who(mine ? "payments" : $"group-{n}", WhoKind.Group)], Permissions = role.Permissions, Companions = role.Companions, Where = [.. where],
        };
    }

    private static Who Who(string name, WhoKind kind) => new(kind, kind == WhoKind.Anyone ? null : "okta", new Glob(name)) { Text = name };
}
