using Postern.Configuration;
using Postern.Model;
using Postern.Policy;
using static Postern.Tests.Policy.TestPolicy;

namespace Postern.Tests.Policy;

public sealed class PrefectPolicyTests
{
    [Theory]
    [InlineData("main", "procs", true)]
    [InlineData("main", "other", false)]
    [InlineData("Main", "procs", false)]
    [InlineData("main", null, false)]
    public void Binding_AtAServer_HoldsThereAndForItsPool(string server, string? pool, bool allowed)
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: worker, where: { prefect: main, workPool: procs } }
            """).For(User("w"));

        Assert.Equal(allowed, policy.Decide(At(Permission.WorkPoolPoll, server, new() { WorkPool = pool }), Monday).IsAllowed);
    }

    [Fact]
    public void OneEnginesBindings_GrantNothingOfTheOthers()
    {
        var temporal = Of("""
            bindings:
              - { who: [anyone], role: namespace-admin, where: { temporal: "*" } }
              - { who: [anyone], role: admin, scope: cluster }
            """).For(User("alice"));
        var prefect = Of("""
            bindings:
              - { who: [anyone], role: admin, where: { prefect: "*" } }
            """).For(User("alice"));

        foreach (var permission in Permissions.All.Where(p => PermissionDimensions.Of(p) != Dimensions.None))
        {
            Assert.Equal(DecisionKind.Deny, temporal.Decide(At(permission, "main"), Monday).Kind);
            Assert.Equal(DecisionKind.Deny, prefect.Decide(On(permission), Monday).Kind);
            Assert.Equal(DecisionKind.Deny, prefect.Decide(new Demand { Permission = permission, ClusterScope = true }, Monday).Kind);
            Assert.Equal((PermissionDimensions.Of(permission) & Dimensions.Server) != Dimensions.None, prefect.Decide(At(permission, "main"), Monday).IsAllowed);
        }
    }

    [Fact]
    public void Deny_WithoutAPlace_ReachesBothEngines()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: developer, where: { temporal: "*" } }
              - { who: [anyone], role: developer, where: { prefect: "*" } }
            deny:
              - { what: [worker.heartbeat] }
              - { what: ["*.delete"], where: { prefect: "*-prod" } }
            """).For(User("alice"));

        Assert.False(policy.Decide(On(Permission.WorkerHeartbeat), Monday).IsAllowed);
        Assert.False(policy.Decide(At(Permission.WorkerHeartbeat, "main"), Monday).IsAllowed);
        Assert.True(policy.Decide(At(Permission.FlowRunDelete, "main"), Monday).IsAllowed);
        Assert.False(policy.Decide(At(Permission.FlowRunDelete, "main-prod"), Monday).IsAllowed);
        Assert.True(policy.Decide(On(Permission.WorkflowDelete, "x-prod"), Monday).IsAllowed);
    }

    [Theory]
    [InlineData("prod", "prod", true)]
    [InlineData("prod", "eu prod team-a", true)]
    [InlineData("prod", "prod-eu", false)]
    [InlineData("prod", "non-prod", false)]
    [InlineData("prod", "Prod", false)]
    [InlineData("prod", "", false)]
    [InlineData("team-*", "eu team-a", true)]
    [InlineData("team-*", "steam-a", false)]
    [InlineData("team-*", "team-", true)]
    [InlineData("*-eu", "x team-eu y", true)]
    [InlineData("*-eu", "team-eur -eux", false)]
    [InlineData("*", "x", true)]
    [InlineData("*", "", true)]
    [InlineData("[a, b]", "b", true)]
    [InlineData("[a, b]", "ab", false)]
    public void Tag_MatchesWhereAnyOfThemDoes(string pattern, string tags, bool matches)
    {
        var where = $"where: {{ prefect: main, tag: {(pattern[0] == '[' ? pattern : $"\"{pattern}\"")} }}";
        var demand = At(Permission.FlowRunRead, "main", new() { Tags = PrefectNames.Write(tags.Split(' ', StringSplitOptions.RemoveEmptyEntries)) });
        var allow = Of($"bindings: [{{ who: [anyone], role: viewer, {where} }}]");
        var deny = Of($$"""
            bindings: [{ who: [anyone], role: viewer, where: { prefect: main } }]
            deny: [{ what: [flow-run.read], {{where}} }]
            """);

        Assert.Equal(matches, allow.For(User("alice")).Decide(demand, Monday).IsAllowed);
        Assert.Equal(!matches, deny.For(User("alice")).Decide(demand, Monday).IsAllowed);
    }

    [Fact]
    public void Tags_ThatArentKnown_CantBeTold()
    {
        var policy = Of("""
            bindings: [{ who: [anyone], role: viewer, where: { prefect: main } }]
            deny: [{ what: [flow-run.read], where: { prefect: main, tag: prod } }]
            """).For(User("alice"));

        var decision = policy.Decide(At(Permission.FlowRunRead, "main") with { Unknown = Dimensions.Tag }, Monday);

        Assert.Equal((DecisionKind.CannotTell, "deny[0]", "it depends on the tags, which the call doesn't name"), (decision.Kind, decision.Rule, decision.Reason));
    }

    [Theory]
    [InlineData("a*b", "write \"a*\" or \"*b\"")]
    [InlineData("*a*", "write \"*\"")]
    [InlineData("a*b*", "write \"a*\"")]
    [InlineData("**", "write \"*\"")]
    [InlineData("a\\u001fb", "U+001F")]
    public void Tag_PatternsThatCouldReachAcrossTags_AreErrors(string pattern, string advice)
    {
        var error = Assert.Single(Errors($"bindings: [{{ who: [anyone], role: viewer, where: {{ prefect: main, tag: \"{pattern}\" }} }}]"));

        Assert.StartsWith("bindings[0].where.tag", error.Path, StringComparison.Ordinal);
        Assert.Contains(advice, error.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bindings: [{ who: [anyone], role: viewer, where: { temporal: a, prefect: main } }]", "temporal is Temporal's and prefect Prefect's")]
    [InlineData("bindings: [{ who: [anyone], role: viewer, where: { prefect: main, taskQueue: q, workflowType: t } }]", "taskQueue, workflowType are Temporal's and prefect Prefect's")]
    [InlineData("bindings: [{ who: [anyone], role: viewer, where: { temporal: a, workPool: p } }]", "temporal is Temporal's and workPool Prefect's")]
    [InlineData("deny: [{ what: [flow-run.read], where: { taskQueue: a, flow: p } }]", "write a rule for each engine")]
    [InlineData("bindings: [{ who: [anyone], role: admin, scope: cluster, where: { prefect: main } }]", "belongs to no cluster")]
    [InlineData("bindings: [{ who: [anyone], role: viewer, where: { workPool: p } }]", "on which Prefect server; write where: { prefect: main }")]
    [InlineData("bindings: [{ who: [anyone], role: viewer, where: { taskQueue: p } }]", "in which namespaces; write where: { temporal:")]
    [InlineData("bindings: [{ who: [anyone], role: viewer }]", "where: { prefect: main } for a Prefect server")]
    [InlineData("roles: { r: { with: [flow.read] } }\nbindings: [{ who: [anyone], role: r, where: { temporal: a } }]", "no permission in it is one of Temporal")]
    [InlineData("roles: { r: { with: [workflow.read] } }\nbindings: [{ who: [anyone], role: r, where: { prefect: a } }]", "no permission in it is one of Prefect")]
    [InlineData("deny: [{ what: [variable.read], where: { workPool: p } }]", "variable.read can't be conditioned on the work pool")]
    public void Rule_OfBothEngines_OrOfNone_IsAnError(string yaml, string text) =>
        Assert.Contains(Errors(yaml), e => e.Text.Contains(text, StringComparison.Ordinal));

    [Fact]
    public void Policy_OfBothEngines_WarnsOfNothingThatBelongsToTheOther()
    {
        var result = Load("""
            roles:
              pool-reader: { with: [work-pool.read] }
            bindings:
              - { who: [group:a], role: [namespace-admin, developer], where: { temporal: a } }
              - { who: [group:a], role: [namespace-admin, auditor], where: { prefect: main } }
              - { who: [group:a], role: pool-reader, where: { prefect: main } }
              - { who: [group:a], role: admin, scope: cluster }
            deny:
              - { what: ["*"], where: { temporal: "*-old" } }
              - { what: ["*"], where: { prefect: "*-old" } }
            """);

        Assert.NotNull(result.Set);
        // What has no place at all a deny of one place doesn't reach.
        Assert.All(result.Problems, p => Assert.Matches("^deny.* keep it from reaching (namespace.list, )?cluster", p.Path + p.Text));
    }

    [Fact]
    public void Catalogue_OfOneEngine_SaysNothingOfTheOther()
    {
        const string Both = """
            roles:
              a: { with: [workflow.read, namespace.read] }
              b: { with: [flow.read, saved-search.write] }
            bindings:
              - { who: [anyone], role: a, where: { temporal: a, workflowType: x } }
              - { who: [anyone], role: b, where: { prefect: main, flow: x } }
            deny:
              - { what: [variable.read], where: { variable: x } }
            """;
        PolicyResult Load(params CatalogueCall[] calls) => PolicyLoader.Parse([new PolicySource("p", Both)], ["okta"], new CallCatalogue(calls));
        var temporal = Call("temporal/x", new CatalogueDemand(Permission.WorkflowRead, PermissionDimensions.Of(Permission.WorkflowRead)), new CatalogueDemand(Permission.NamespaceRead, Dimensions.Namespace));
        var prefect = Call("prefect/x", new CatalogueDemand(Permission.FlowRead, PermissionDimensions.Of(Permission.FlowRead)));

        Assert.NotNull(Load(temporal).Set);
        Assert.Equal(
            ["no call of any engine asks for saved-search.write; remove it", "no call of any engine asks for variable.read; remove it", "no call of any engine that it speaks of comes with the variable; remove the condition"],
            Load(temporal, prefect).Problems.Where(p => p.Severity == Severity.Error).Select(p => p.Text).Order(StringComparer.Ordinal));
        Assert.All(Load(prefect).Problems.Where(p => p.Severity == Severity.Error), p => Assert.DoesNotContain("workflow", p.Text));
    }

    [Fact]
    public void Server_ThatIsntConfigured_IsWarnedOf_WhereAnyIs()
    {
        var document = Of("""
            bindings:
              - { who: [anyone], role: viewer, where: { prefect: [main, "m*"] } }
            deny:
              - { what: [flow.read], where: { prefect: [mian, "x-*"] } }
            """).Document;

        Assert.Equal(
            ["policy.yaml:4: deny[0].where.prefect: no Prefect server is named 'mian'; did you mean 'main'?", "policy.yaml:4: deny[0].where.prefect: no Prefect server's name matches 'x-*'; known here: main, other"],
            ServerChecks.Check(document, ["main", "other"]).Select(p => p.ToString()));
        Assert.All(ServerChecks.Check(document, ["main"]), p => Assert.Equal(Severity.Warning, p.Severity));
        Assert.Empty(ServerChecks.Check(document, []));
    }

    [Fact]
    public void Worker_OfOnePool_HasWhatItsRunsNeed_AndNoSecrets()
    {
        var policy = Of("""
            bindings:
              - { who: [anyone], role: worker, where: { prefect: main, workPool: procs } }
            """).For(User("w"));
        bool May(Permission permission, string? pool = null) => policy.Decide(At(permission, "main", new() { WorkPool = pool }), Monday).IsAllowed;

        Assert.All([Permission.ServerInfo, Permission.FlowRead, Permission.FlowWrite, Permission.EventWrite, Permission.ConcurrencyUse], p => Assert.True(May(p)));
        Assert.All([Permission.WorkPoolPoll, Permission.WorkerHeartbeat, Permission.FlowRunReport, Permission.TaskRunWrite, Permission.LogWrite, Permission.DeploymentRun], p => Assert.True(May(p, "procs")));
        Assert.All([Permission.WorkPoolPoll, Permission.WorkerHeartbeat, Permission.FlowRunReport, Permission.TaskRunWrite, Permission.LogWrite, Permission.DeploymentRun], p => Assert.False(May(p, "other")));
        Assert.All([Permission.SecretRead, Permission.BlockRead, Permission.VariableRead, Permission.TaskRunPoll, Permission.WorkPoolWrite], p => Assert.False(May(p, "procs")));
        Assert.False(policy.Decide(At(Permission.FlowWrite, "other", new() { WorkPool = "procs" }), Monday).IsAllowed);
    }

    [Fact]
    public void ServerInfo_ComesWithAnyBindingThere_AndOnlyThere()
    {
        var policy = Of("""
            roles: { run: { with: [deployment.run] } }
            bindings:
              - { who: [anyone], role: run, where: { prefect: main, deployment: x } }
              - { who: [anyone], role: viewer, where: { temporal: "*" } }
            """).For(User("alice"));

        Assert.True(policy.Decide(At(Permission.ServerInfo, "main"), Monday).IsAllowed);
        Assert.False(policy.Decide(At(Permission.ServerInfo, "other"), Monday).IsAllowed);
        Assert.False(policy.Decide(At(Permission.FlowRead, "main"), Monday).IsAllowed);
    }

    [Fact]
    public void Roles_OnAServer_AreWhatTheDocumentSays()
    {
        UInt128 Of(string name) => BuiltInRoles.All.Single(r => r.Name == name).Permissions;
        bool Has(string role, Permission permission) => (Of(role) & permission.Bit()) != 0;
        var reads = Permissions.All.Where(p => PermissionDimensions.Of(p).HasFlag(Dimensions.Server) && p.Name().EndsWith(".read", StringComparison.Ordinal) && p != Permission.SecretRead);

        Assert.All(reads, p => Assert.True(Has("viewer", p)));
        Assert.All(["viewer", "runner", "operator", "deployer", "auditor"], r => Assert.False(Has(r, Permission.SecretRead)));
        Assert.All(["viewer", "runner", "operator", "worker", "deployer", "auditor"], r => Assert.False(Has(r, Permission.DeploymentOverride)));
        Assert.All(BuiltInRoles.All.Where(r => r.Name != "admin"), r => Assert.False(Has(r.Name, Permission.ServerAdmin)));
        Assert.All(BuiltInRoles.All, r => Assert.True(Has(r.Name, Permission.ServerInfo)));
        Assert.False(Has("deployer", Permission.DeploymentRun));
        Assert.All([Permission.LogRead, Permission.ArtifactRead, Permission.EventRead], p => Assert.False(Has("auditor", p)));
        Assert.Equal(Of("deployer"), Of("deployer") & Of("namespace-admin"));
        Assert.Equal(Of("worker"), Of("worker") & Of("developer"));
    }

    [Theory]
    [InlineData("payments", false)]
    [InlineData("prefect/main", true)]
    [InlineData("prefect/other", false)]
    [InlineData("prefect/*", true)]
    [InlineData("main", false)]
    [InlineData("*", true)]
    public void Bound_OfACredential_HoldsForServers(string bound, bool allowed)
    {
        var policy = Of("bindings: [{ who: [anyone], role: developer, where: { prefect: main } }]").For(User("alice").NarrowedTo([bound], []));

        Assert.Equal(allowed, policy.Decide(At(Permission.FlowRead, "main"), Monday).IsAllowed);
        Assert.Equal(allowed, policy.DecideDenied(At(Permission.ServerInfo, "main") with { UnlessDenied = true }, Monday).IsAllowed);
        Assert.Equal(DecisionKind.Deny, policy.Decide(new Demand { Permission = Permission.FlowRead }, Monday).Kind);
    }

    [Fact]
    public void Server_TakesOnlyTheCredentialsThatItAccepts()
    {
        var set = Of("""
            bindings:
              - { who: [anyone], role: developer, where: { prefect: "*" } }
              - { who: [anyone], role: developer, where: { temporal: "*" } }
            """).Taking([new AcceptedCredentials(Dimensions.Server, new Glob("*-prod"), caller => caller.Credential == CredentialKind.Certificate)]);
        var key = set.For(User("alice") with { Credential = CredentialKind.ApiKey });

        Assert.Contains("server doesn't take this kind of credential", key.Decide(At(Permission.FlowRead, "x-prod"), Monday).Reason, StringComparison.Ordinal);
        Assert.True(key.Decide(At(Permission.FlowRead, "main"), Monday).IsAllowed);
        Assert.True(key.Decide(Start("x-prod"), Monday).IsAllowed);
        Assert.True(set.For(User("alice") with { Credential = CredentialKind.Certificate }).Decide(At(Permission.FlowRead, "x-prod"), Monday).IsAllowed);
    }

    [Theory]
    [InlineData("[prod, eu]", "deny")]
    [InlineData("eu", "allow")]
    [InlineData("[]", "allow")]
    public void Test_OfThePolicy_NamesAnyNumberOfTags(string tags, string expected)
    {
        Of($$"""
            bindings: [{ who: [anyone], role: runner, where: { prefect: main } }]
            deny: [{ what: [deployment.run], where: { prefect: main, tag: prod } }]
            tests:
              - caller: { user: alice }
                call: test/deployment.run
                with: { prefect: main, workPool: p, tag: {{tags}} }
                expect: {{expected}}
            """);
    }

    [Fact]
    public void Explain_ShowsTagsAsWritten_AndProposesWhatWorks()
    {
        var set = Of("""
            bindings:
              - { who: [anyone], role: runner, where: { prefect: main, tag: [team-a, "data-*"] } }
            """);
        var demand = At(Permission.DeploymentRun, "main", new() { Tags = PrefectNames.Write(["prod", "eu"]) });

        var tagged = new Explainer(set).Explain(User("alice"), demand, Monday);
        var elsewhere = new Explainer(set).Explain(User("alice"), At(Permission.DeploymentRun, "other", new() { Tags = PrefectNames.Write([]) }), Monday);

        Assert.Equal("prod, eu", tagged.Names["tag"]);
        Assert.Contains("tag: team-a, data-* doesn't match prod, eu", tagged.Rules[0].Because);
        Assert.Equal("add \"prod\" to where.tag of bindings[0] (policy.yaml:2); that reaches everybody whom it names", tagged.Change!.Text);
        Assert.Equal("- { who: [\"user:okta/alice\"], role: runner, where: { prefect: \"other\" } }", elsewhere.Change!.Yaml);
        Assert.DoesNotContain(PrefectNames.TagMark, tagged.ToText());
    }

    [Fact]
    public void Matrix_SaysServer() =>
        Assert.Contains(RoleMatrix.Of(Catalogue).Rows, r => r is { Call: "test/flow.read", Scope: "server" } && r.Dimensions.SequenceEqual(["prefect", "flow", "tag"]));

    private static Demand At(Permission permission, string server, PrefectNames? names = null) => new() { Permission = permission, Prefect = (names ?? PrefectNames.None) with { Server = server } };
}
