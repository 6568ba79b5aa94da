using System.Text;

namespace Postern.FunctionalTests.Prefect;

/// <summary>Whose a deployment is counts when it is written over, and what it says of its runs when one is started with the same.</summary>
public sealed class PrefectDeploymentRightsTests : IAsyncLifetime
{
    private const string Etl = "44444444-4444-4444-4444-444444444444";
    private const string Nightly = "11111111-1111-1111-1111-111111111111", Salaries = "33333333-3333-3333-3333-333333333333";

    private const string Policy = """
        bindings:
          - { who: ["user:alice"], role: developer, where: { prefect: main } }
          - { who: ["user:runner"], role: runner, where: { prefect: main } }
          - { who: ["user:nightly-runner"], role: runner, where: { prefect: main, deployment: "nightly*" } }
          - { who: ["user:pool-deployer"], role: deployer, where: { prefect: main, workPool: procs } }
          - { who: ["user:tag-deployer"], role: deployer, where: { prefect: main, tag: mine } }
          - { who: ["user:spared"], role: developer, where: { prefect: main } }
        deny:
          - { who: ["user:spared"], what: [deployment.write], where: { prefect: main, tag: locked } }
        """;

    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(Answer, setup => setup with { PolicyText = Policy });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Theory]
    [InlineData("pool-deployer", "brand-new", "procs", "[]", true)]
    [InlineData("pool-deployer", "nightly", "procs", "[]", true)]
    [InlineData("pool-deployer", "nightly", "secure", "[]", false)]
    [InlineData("pool-deployer", "salaries", "procs", "[]", false)]
    [InlineData("tag-deployer", "brand-new", "procs", "[\"mine\"]", true)]
    [InlineData("tag-deployer", "brand-new", "procs", "[]", false)]
    [InlineData("tag-deployer", "nightly", "procs", "[\"mine\"]", true)]
    [InlineData("tag-deployer", "salaries", "procs", "[\"mine\"]", false)]
    [InlineData("spared", "nightly", "procs", "[]", true)]
    [InlineData("spared", "salaries", "procs", "[]", false)]
    [InlineData("alice", "salaries", "procs", "[]", true)]
    public async Task Deployment_ThatIsWrittenOver_MustBeTheCallersToo(string caller, string name, string pool, string tags, bool isAllowed)
    {
        var reply = await _gate.SendAsync("POST", "/api/deployments/", caller, $$"""{"name":"{{name}}","flow_id":"{{Etl}}","work_pool_name":"{{pool}}","tags":{{tags}} }""");

        Assert.Equal(isAllowed ? 200 : 403, reply.Status);
    }

    [Theory]
    [InlineData("""{"parameters":{"x":1},"job_variables":{"env":{"A":"1"},"image":"a"},"work_queue_name":"default","tags":[],"enforce_parameter_schema":true}""", true)]
    [InlineData("""{"job_variables":{"image":"b","env":{"A":"1"} } }""", false)]
    [InlineData("""{"work_queue_name":"fast"}""", false)]
    [InlineData("""{"enforce_parameter_schema":false}""", false)]
    public async Task Run_WithItsDeploymentsOwnValues_OverridesNothing(string body, bool isAllowed)
    {
        foreach (var caller in new[] { "runner", "nightly-runner" })
        {
            var one = await _gate.SendAsync("POST", $"/api/deployments/{Nightly}/create_flow_run", caller, body);
            var several = await _gate.SendAsync("POST", $"/api/deployments/{Nightly}/create_flow_run/bulk", caller, $"[{{}},{body}]");

            Assert.Equal(isAllowed ? (200, 200) : (403, 403), (one.Status, several.Status));
        }
    }

    [Fact]
    public async Task Run_ThatOverrides_IsForWhoeverMay_AndNobodyIsAsked()
    {
        var reply = await _gate.SendAsync("POST", $"/api/deployments/{Nightly}/create_flow_run", "alice", """{"job_variables":{"image":"b"} }""");

        Assert.Equal(200, reply.Status);
        Assert.Single(_gate.Server.Requests);
    }

    private static PrefectAnswer Answer(ArrivedRequest arrived)
    {
        var body = Encoding.UTF8.GetString(arrived.Message.Body);
        return arrived.Message.Target switch
        {
            _ when arrived.Message.Header("x-postern-call-id") is not null => PrefectAnswer.Json(200, "{}"),
            $"/api/flows/{Etl}" => PrefectAnswer.Json(200, $$"""{"id":"{{Etl}}","name":"etl","tags":[]}"""),
            $"/api/deployments/{Nightly}" => PrefectAnswer.Json(200, Deployment(Nightly, "nightly", "procs", "mine")),
            "/api/deployments/filter" => PrefectAnswer.Json(200, body.Contains("nightly", StringComparison.Ordinal) ? $"[{Deployment(Nightly, "nightly", "procs", "mine")}]"
                : body.Contains("salaries", StringComparison.Ordinal) ? $"[{Deployment(Salaries, "salaries", "secure", "locked")}]"
                : "[]"),
            _ => PrefectAnswer.Json(500, "{}"),
        };
    }

    private static string Deployment(string id, string name, string pool, string tag) => $$"""
        {"id":"{{id}}","name":"{{name}}","flow_id":"{{Etl}}","work_pool_name":"{{pool}}","work_queue_name":"default","tags":["{{tag}}"],"job_variables":{"image":"a","env":{"A":"1"} },"enforce_parameter_schema":true}
        """;
}
