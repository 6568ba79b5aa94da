using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Postern.Configuration;
using Postern.Model;
using Postern.Policy;
using Postern.Policy.Conditions;

namespace Postern.Tests.Policy;

/// <summary>A policy and a question to it.</summary>
internal sealed record PolicyCase(PolicyDocument Document, PolicyRule Extra, Caller Caller, Demand Demand, Circumstances Circumstances)
{
    public Decision Decision => Decide(Document);

    public Decision Decide(PolicyDocument document) => new PolicySet(document).For(Caller).Decide(Demand, Circumstances);

    public override string ToString() => $"""
        {string.Join('\n', Document.Bindings.Concat(Document.Denies).Append(Extra).Select(Show))}
        {Caller} asks {Demand} at {Circumstances}
        """;

    private static string Show(PolicyRule rule) =>
        $"{rule.Id}: {string.Join(' ', rule.Who)} unless {string.Join(' ', rule.Unless)} {string.Join(' ', BuiltInRoles.Each(rule.Permissions).Select(p => p.Name()))} {rule.Scope} where {string.Join(' ', rule.Where)} when {string.Join(' ', rule.When)}";
}

/// <summary>Small alphabets, so that rules and questions meet often.</summary>
internal static class PolicyCases
{
    // A rule and a question are of one engine each, and not always of the same.
    private static readonly Gen<Dimensions[]> Engines = Gen.Elements<Dimensions[]>(
        [Dimensions.Namespace, Dimensions.TaskQueue, Dimensions.WorkflowType, Dimensions.WorkflowId],
        [Dimensions.Server, Dimensions.WorkPool, Dimensions.Flow, Dimensions.Tag]);

    private static readonly Permission[] Asked =
    [
        Permission.WorkflowStart, Permission.WorkflowStart, Permission.WorkflowTerminate, Permission.WorkflowList, Permission.WorkerPoll, Permission.WorkerComplete,
        Permission.WorkflowRead, Permission.NamespaceRead, Permission.NamespaceCreate, Permission.ClusterInfo, Permission.NexusCall,
        Permission.FlowRunRead, Permission.FlowRunRead, Permission.FlowRead, Permission.DeploymentRun, Permission.WorkPoolPoll, Permission.EventWrite, Permission.ServerInfo,
        Permission.WorkerHeartbeat,
    ];

    private static readonly Gen<Who> Whom = Gen.Elements(
        Who(WhoKind.Anyone, "*"), Who(WhoKind.User, "alice"), Who(WhoKind.User, "a*"), Who(WhoKind.User, "bob"), Who(WhoKind.Group, "g"), Who(WhoKind.Group, "h"), Who(WhoKind.Account, "*"));

    private static readonly Gen<Caller> Callers = Gen.Elements(
        TestPolicy.User("alice"), TestPolicy.User("alice", "g"), TestPolicy.User("bob", "g", "h"), TestPolicy.Make(CallerKind.Service, "worker", ["h"]));

    private static readonly Gen<ImmutableArray<Glob>> Patterns = Some("a", "b", "ab", "a*", "ab*", "*b", "a*b", "*a*", "*", "aab", "bab");

    private static readonly Gen<ImmutableArray<Glob>> TagPatterns = Some("a", "b", "ab", "a*", "ab*", "*b", "*", "aab");

    private static readonly Gen<string?> Names = Gen.Elements<string?>("a", "b", "ab", "aab", "", null, null);

    // None, one or two tags, or none that is known.
    private static readonly Gen<string?> Tags = Gen.Elements<string?>(null, null, "", "a", "b", "ab", "aab|b", "b|a", "ba|ab").Select(t => t is null ? null : PrefectNames.Write(t.Split('|', StringSplitOptions.RemoveEmptyEntries)));
    private static readonly Gen<ImmutableArray<WhenCondition>> When = Gen.Frequency(
        (4, Gen.Constant(ImmutableArray<WhenCondition>.Empty)),
        (1, Gen.Elements("from: 10.0.0.0/8", "from: 192.168.0.0/16", "hours: \"08:00-18:00 UTC\"", "hours: \"18:00-08:00 UTC\"", "kind: human").SubListOf(ReadWhen)));

    private static readonly Gen<(UInt128 Permissions, UInt128 Companions)> Granted = Gen.OneOf(
        Gen.Elements(BuiltInRoles.All.ToArray()).Select(r => (r.Permissions, r.Companions)),
        Gen.Elements(Asked).NonEmptyListOf().Resize(3).Select(p => (BuiltInRoles.Set(p), UInt128.Zero)));

    private static readonly Gen<PolicyRule> Binding =
        from id in Gen.Choose(0, int.MaxValue)
        from who in Whom.NonEmptyListOf().Resize(2)
        from granted in Granted
        from scope in Gen.Frequency((4, Gen.Constant(RuleScope.Namespaces)), (1, Gen.Constant(RuleScope.Cluster)))
        from places in Where()
        from when in When
        select new PolicyRule
        {
            Id = $"bindings[{id}]", Who = [.. who], Permissions = granted.Permissions, Companions = granted.Companions, Scope = scope, Where = places, When = when,
        };

    private static readonly Gen<PolicyRule> Deny =
        from id in Gen.Choose(0, int.MaxValue)
        from who in Whom.NonEmptyListOf().Resize(2)
        from unless in Whom.ListOf().Resize(1)
        from what in Gen.Elements(Asked).NonEmptyListOf().Resize(3)
        from scope in Gen.Elements(RuleScope.Both, RuleScope.Both, RuleScope.Cluster)
        from places in Where()
        from when in When
        select new PolicyRule
        {
            Id = $"deny[{id}]", IsDeny = true, Who = [.. who], Unless = [.. unless], Permissions = BuiltInRoles.Set(what), Scope = scope, Where = places, When = when,
        };

    private static readonly Gen<Demand> Demands =
        from permission in Gen.Elements(Asked)
        from cluster in Gen.Elements(false, false, false, true)
        from used in Engines
        from names in Names.ArrayOf(used.Length)
        from tags in Tags
        from unknown in Gen.Elements(used).SubListOf(d => d)
        from waived in Gen.Elements(used).SubListOf(d => d)
        select used.Zip(names).Aggregate(
            new Demand
            {
                Permission = permission, ClusterScope = cluster,
                Unknown = unknown.Aggregate(Dimensions.None, (s, d) => s | d), Waived = waived.Aggregate(Dimensions.None, (s, d) => s | d),
            },
            (demand, name) => demand.WithName(name.First, name.First == Dimensions.Tag ? tags : name.Second));

    private static readonly Gen<Circumstances> Circumstance =
        from source in Gen.Elements("10.1.1.1", "10.1.1.1", "192.168.3.4", "::1", null)
        from now in Gen.Elements("2026-03-02T12:00Z", "2026-03-02T12:00Z", "2026-03-02T23:00Z", null)
        select new Circumstances(source is null ? null : IPAddress.Parse(source), now is null ? default : DateTimeOffset.Parse(now, CultureInfo.InvariantCulture));

    public static Arbitrary<PolicyCase> All { get; } = (
        from bindings in Binding.ListOf().Resize(6)
        from denies in Deny.ListOf().Resize(2)
        from extra in Binding
        from caller in Callers
        from demand in Demands
        from circumstances in Circumstance
        select new PolicyCase(new PolicyDocument { Bindings = [.. bindings], Denies = [.. denies] }, extra, caller, demand, circumstances)).ToArbitrary();

    public static void Hold(Func<PolicyCase, bool> property) => Prop.ForAll(All, property).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    private static Gen<ImmutableArray<NameCondition>> Where() =>
        from used in Engines
        from dimensions in Gen.Elements(used).SubListOf(d => d)
        from patterns in Patterns.ArrayOf(used.Length)
        from tags in TagPatterns
        select used.Zip(patterns).Where(u => dimensions.Contains(u.First)).Select(u => new NameCondition(u.First, u.First == Dimensions.Tag ? tags : u.Second)).ToImmutableArray();

    private static Gen<ImmutableArray<Glob>> Some(params string[] patterns) => Gen.Elements(patterns).Select(t => new Glob(t)).NonEmptyListOf().Resize(3).Select(l => l.ToImmutableArray());

    // Up to two different ones, in the order given.
    private static Gen<ImmutableArray<TTo>> SubListOf<TFrom, TTo>(this Gen<TFrom> gen, Func<TFrom, TTo> map) =>
        from few in gen.ListOf().Resize(2)
        select few.Distinct().Select(map).ToImmutableArray();

    private static WhenCondition ReadWhen(string yaml)
    {
        var problems = new Problems();
        var entry = ((ConfigMapping)YamlReader.Read(yaml, problems)!).Entries[0];
        return ConditionKinds.ByKey[entry.Key](new NodeReader(problems), entry.Value, entry.Key)!;
    }

    private static Who Who(WhoKind kind, string name) =>
        new(kind, kind == WhoKind.Anyone ? null : "okta", new Glob(name)) { Text = $"{kind}:{name}" };
}
