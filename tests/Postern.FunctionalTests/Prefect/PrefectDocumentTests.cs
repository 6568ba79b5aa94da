using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>What docs/prefect.md says and no other test holds.</summary>
public sealed class PrefectDocumentTests : IAsyncLifetime
{
    private const string Flow = "44444444-4444-4444-4444-444444444444";
    private const string Other = "55555555-5555-5555-5555-555555555555";
    private const string Run = "0192f3c4-6d1e-7c30-9f6b-3a4d5e6f7a8b";
    private const string Policy = """
        bindings:
          - { who: ["user:team"], role: viewer, where: { prefect: main, tag: "team-*" } }
          - { who: ["user:dev"], role: developer, where: { prefect: main } }
          - { who: ["user:work"], role: worker, where: { prefect: main } }
        """;

    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(
        arrived => arrived.Message.Target switch
        {
            "/api/flows/filter" => PrefectAnswer.Json(200, $$"""[{"id":"{{Flow}}","name":"etl","tags":["team-data"]},{"id":"{{Other}}","name":"payroll","tags":[]}]"""),
            "/api/deployments/filter" => PrefectAnswer.Json(200, $$"""[{"id":"11111111-1111-1111-1111-111111111111","name":"nightly","flow_id":"{{Flow}}","work_pool_name":"procs","tags":["team-data"]}]"""),
            $"/api/deployments/{Flow}/create_flow_run" => PrefectAnswer.Json(201, $$"""{"id":"{{Run}}","name":"blue-fox"}"""),
            "/api/work_pools/procs/get_scheduled_flow_runs" => PrefectAnswer.Json(200, $$"""[{"work_pool_id":"{{Other}}","work_queue_id":"{{Other}}","flow_run":{"id":"{{Run}}","name":"blue-fox"} }]"""),
            $"/api/flow_runs/{Run}/set_state" => PrefectAnswer.Json(200, """{"status":"ACCEPT","state":{"type":"X"},"details":{} }"""),
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

    [Fact]
    public async Task StoryOfARun_IsASearchForItsId()
    {
        await _gate.SendAsync("POST", $"/api/deployments/{Flow}/create_flow_run", "dev", """{"parameters":{"n":1} }""");
        await _gate.SendAsync("POST", "/api/work_pools/procs/get_scheduled_flow_runs", "work", """{"work_queue_names":["default"]}""");
        await _gate.SendAsync("POST", $"/api/flow_runs/{Run}/set_state", "work", """{"state":{"type":"RUNNING","name":"Running"} }""");
        await _gate.SendAsync("POST", "/api/logs/", "work", $$"""[{"name":"n","level":20,"message":"m","timestamp":"2026-11-22T11:40:21Z","flow_run_id":"{{Run}}"}]""");
        await _gate.SendAsync("POST", "/api/flows/filter", "dev", "{}");
        await _gate.SendAsync("POST", $"/api/flow_runs/{Run.ToUpperInvariant()}/set_state", "dev", """{"state":{"type":"CANCELLING","name":"Cancelling"} }""");

        string[] story =
        [
            "test/dev create_flow_run_from_deployment  ", "test/work get_scheduled_flow_runs  ", "test/work set_flow_run_state RUNNING (Running) ACCEPT", "test/work create_logs  ",
            "test/dev set_flow_run_state CANCELLING (Cancelling) ACCEPT",
        ];
        await Eventually.TrueAsync(() => Story().Length == story.Length, _gate.Gate.Audit.Text);
        Assert.Equal(story, Story());
    }

    private string[] Story() =>
        [.. _gate.Gate.Audit.Records().Where(line => line["event"] == "call" && line.Text.Contains(Run, StringComparison.Ordinal)).Select(line => $"{line["caller"]} {line["operation"]} {line["state"]} {line["stateStatus"]}")];
}
