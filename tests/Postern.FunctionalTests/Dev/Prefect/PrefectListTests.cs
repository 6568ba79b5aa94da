using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Postern.FunctionalTests.Dev.Prefect;

/// <summary>Filters, counts and pages of the embedded Prefect server.</summary>
public sealed class PrefectListTests : IAsyncLifetime
{
    private DevPrefectPlace _server = null!;
    private string _nightly = "";

    public async ValueTask InitializeAsync()
    {
        _server = await DevPrefectPlace.StartAsync();
        await _server.PostAsync("/api/work_pools/", """{"name":"procs","type":"process"}""");
        await _server.PostAsync("/api/work_pools/", """{"name":"other","type":"process"}""");
        (_, _nightly) = await _server.DeployAsync("etl", "nightly", "t1", "procs");
        var (_, hourly) = await _server.DeployAsync("etl", "hourly", "t2", "other");
        var (_, report) = await _server.DeployAsync("report", "weekly", "t2", "procs");
        foreach (var deployment in new[] { _nightly, _nightly, hourly, report })
        {
            await _server.PostAsync($"/api/deployments/{deployment}/create_flow_run", """{"tags":["cli"]}""");
        }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("", 4)]
    [InlineData("""{"flows":{"name":{"any_":["etl"]}}}""", 3)]
    [InlineData("""{"flows":{"name":{"any_":[]}}}""", 0)]
    [InlineData("""{"flow_runs":{"tags":{"all_":["t2","cli"]}}}""", 2)]
    [InlineData("""{"flow_runs":{"tags":{"any_":["t1"]}},"flows":{"name":{"like_":"ET"}}}""", 2)]
    [InlineData("""{"deployments":{"name":{"any_":["nightly","weekly"]}}}""", 3)]
    [InlineData("""{"work_pools":{"name":{"any_":["other"]}}}""", 1)]
    [InlineData("""{"flow_runs":{"state":{"type":{"any_":["SCHEDULED"]}},"work_queue_name":{"any_":["default"]}}}""", 4)]
    [InlineData("""{"flow_runs":{"operator":"or_","tags":{"all_":["t1"]},"name":{"any_":["nobody"]}}}""", 2)]
    [InlineData("""{"flow_runs":{"deployment_id":{"is_null_":true}}}""", 0)]
    public async Task FilterAndCountAndPage_OfFlowRuns_SayTheSame(string body, int count)
    {
        var runs = (await _server.PostAsync("/api/flow_runs/filter", body))!.AsArray();
        Assert.Equal(count, runs.Count);
        Assert.Equal(count, (await _server.PostAsync("/api/flow_runs/count", body))!.GetValue<int>());
        var paged = body.Length == 0 ? "{}" : body;
        var page = await _server.PostAsync("/api/flow_runs/paginate", paged[..^1] + (paged.Length > 2 ? "," : "") + """ "limit":1,"page":1}""");
        Assert.Equal((count, Math.Min(1, count)), (page!["count"]!.GetValue<int>(), page["results"]!.AsArray().Count));
    }

    [Fact]
    public async Task Lists_OfFlowsAndDeployments_AreNarrowedByWhatBelongsToThem()
    {
        Assert.Single((await _server.PostAsync("/api/flows/filter", """{"work_pools":{"name":{"any_":["other"]}}}"""))!.AsArray());
        Assert.Equal(2, (await _server.PostAsync("/api/deployments/count", """{"flows":{"name":{"any_":["etl"]}}}"""))!.GetValue<int>());
        Assert.Equal("weekly", (await _server.PostAsync("/api/deployments/filter", """{"sort":"NAME_DESC","limit":1}"""))![0]!["name"]!.ToString());
        Assert.Equal(_nightly, (await _server.PostAsync("/api/deployments/filter", $$$"""{"deployments":{"id":{"any_":["{{{_nightly.ToUpperInvariant()}}}"] } } }"""))![0]!["id"]!.ToString());
    }

    [Theory]
    [InlineData("""{"flow_runs":{"nome":{"any_":["x"]}}}""")]
    [InlineData("""{"flow_runs":{"name":{"any":["x"]}}}""")]
    [InlineData("""{"limit":201}""")]
    [InlineData("{bad")]
    public async Task WhatNobodyKnows_IsRefused_NotPassedOver(string body)
    {
        using var response = await _server.Http.PostAsync(new Uri("/api/flow_runs/filter", UriKind.Relative), new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
    }

    [Fact]
    public async Task SecretsOfABlock_AreStars_UnlessAskedFor()
    {
        var schema = JsonNode.Parse(await _server.Http.GetStringAsync(
            new Uri("/api/block_schemas/checksum/sha256:c078ed9c1e813e224c0b353d7ad4564a11d51d3198d9ac0686478165a1911c78", UriKind.Relative), TestContext.Current.CancellationToken))!;
        var made = await _server.PostAsync("/api/block_documents/", new JsonObject
        {
            ["name"] = "db", ["data"] = new JsonObject { ["value"] = "hidden" }, ["block_schema_id"] = schema["id"]!.DeepClone(), ["block_type_id"] = schema["block_type_id"]!.DeepClone(),
        }.ToJsonString());
        Assert.Equal("********", made!["data"]!["value"]!.ToString());
        Assert.Equal("********", (await _server.PostAsync("/api/block_documents/filter", "{}"))![0]!["data"]!["value"]!.ToString());
        Assert.Equal("hidden", (await _server.PostAsync("/api/block_documents/filter", """{"include_secrets":true}"""))![0]!["data"]!["value"]!.ToString());
        var named = await _server.Http.GetStringAsync(new Uri("/api/block_types/slug/secret/block_documents/name/db?include_secrets=true", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal("hidden", JsonNode.Parse(named)!["data"]!["value"]!.ToString());
    }

    [Fact]
    public async Task DueRuns_GoToThePollsOfTheirPool_UntilTheyAreTaken()
    {
        var due = (await _server.PostAsync("/api/work_pools/procs/get_scheduled_flow_runs", "{}"))!.AsArray();
        Assert.Equal(3, due.Count);
        await _server.PostAsync($"/api/flow_runs/{due[0]!["flow_run"]!["id"]}/set_state", """{"state":{"type":"PENDING"}}""");
        Assert.Equal(2, (await _server.PostAsync("/api/work_pools/procs/get_scheduled_flow_runs", "{}"))!.AsArray().Count);
        Assert.Single((await _server.PostAsync("/api/work_pools/other/get_scheduled_flow_runs", """{"work_queue_names":["default"]}"""))!.AsArray());
    }

    [Fact]
    public async Task WithoutTheAuthString_NothingButHealthIsAnswered()
    {
        _server.Http.DefaultRequestHeaders.Authorization = null;
        foreach (var (path, status) in new[] { ("/api/health", 200), ("/api/ready", 200), ("/ui-settings", 200), ("/api/version", 401), ("/api/flows/none", 401) })
        {
            using var response = await _server.Http.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(status, (int)response.StatusCode);
        }
    }
}
