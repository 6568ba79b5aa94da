using System.Text;

namespace Postern.FunctionalTests.Prefect;

/// <summary>What docs/prefect.md says and no other test holds.</summary>
public sealed class PrefectDocumentTests : IAsyncLifetime
{
    private const string Flow = "44444444-4444-4444-4444-444444444444";
    private const string Other = "55555555-5555-5555-5555-555555555555";
    private const string Policy = """
        bindings:
          - { who: ["user:team"], role: viewer, where: { prefect: main, tag: "team-*" } }
          - { who: ["user:dev"], role: developer, where: { prefect: main } }
        """;

    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(
        arrived => arrived.Message.Target switch
        {
            "/api/flows/filter" => PrefectAnswer.Json(200, $$"""[{"id":"{{Flow}}","name":"etl","tags":["team-data"]},{"id":"{{Other}}","name":"payroll","tags":[]}]"""),
            "/api/deployments/filter" => PrefectAnswer.Json(200, $$"""[{"id":"11111111-1111-1111-1111-111111111111","name":"nightly","flow_id":"{{Flow}}","work_pool_name":"procs","tags":["team-data"]}]"""),
            "/api/deployments/" => PrefectAnswer.Json(201, """{"id":"11111111-1111-1111-1111-111111111111"}"""),
            _ => PrefectAnswer.Json(200, "[]"),
        },
        setup => setup with { PolicyText = Policy });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Fact]
    public async Task Flows_AreListedByTheirTags()
    {
        var reply = await _gate.SendAsync("POST", "/api/flows/filter", "team", "{}");

        Assert.Equal(200, reply.Status);
        Assert.Contains($$"""{"any_":["{{Flow}}"]}""", Encoding.UTF8.GetString(_gate.Server.Requests[^1].Message.Body), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api/flow_runs/filter")]
    [InlineData("/api/flow_runs/count")]
    [InlineData("/api/task_runs/filter")]
    [InlineData("/api/artifacts/filter")]
    public async Task Runs_ForPatternsOnTags_AreRefused(string list)
    {
        var reply = await _gate.SendAsync("POST", list, "team", "{}");

        Assert.Equal(403, reply.Status);
        Assert.Contains("the list can\\u0027t be narrowed to what may be seen; ask for less, by id or by name", reply.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(_gate.Server.Requests, request => request.Message.Target == list);
    }

    [Theory]
    [InlineData("/api/artifacts/report/latest")]
    [InlineData("/api/observed-states")]
    public async Task WhatHasNoFilter_IsRefused(string target)
    {
        var reply = await _gate.SendAsync("GET", target, "team");

        Assert.Equal(403, reply.Status);
        Assert.Empty(_gate.Server.Requests);
    }

    [Theory]
    [InlineData("/api/health", 200)]
    [InlineData("/api/ready", 200)]
    [InlineData("/api/version", 401)]
    [InlineData("/docs", 401)]
    [InlineData("/assets/index.js", 401)]
    public async Task Probes_NeedNoCredential_AndNothingElse(string target, int status) => Assert.Equal(status, (await _gate.SendAsync("GET", target, null)).Status);

    [Fact]
    public async Task LabelsOfTheGate_AreNobodysToWrite_OnADeploymentEither()
    {
        await _gate.SendAsync("POST", "/api/deployments/", "dev", $$"""{"name":"nightly","flow_id":"{{Flow}}","labels":{"postern.caller":"ceo","team":"a"} }""");

        var sent = Encoding.UTF8.GetString(_gate.Server.Requests[^1].Message.Body);
        Assert.DoesNotContain("postern.", sent, StringComparison.Ordinal);
        Assert.Contains("\"team\":\"a\"", sent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/api/flows", 404)]
    [InlineData("OPTIONS", "/api/flows/filter", 404)]
    [InlineData("GET", "/api%2fflows/", 422)]
    [InlineData("GET", "/api/version?token=x", 422)]
    public async Task WhatIsRefused_IsRefusedThoughTheServerWouldTakeIt(string method, string target, int status)
    {
        Assert.Equal(status, (await _gate.SendAsync(method, target, "dev")).Status);
        Assert.Empty(_gate.Server.Requests);
    }
}
