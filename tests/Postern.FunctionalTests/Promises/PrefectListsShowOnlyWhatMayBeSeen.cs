using System.Text.Json;
using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>A list on a Prefect server is narrowed with the server's own filters to what its caller may see, or refused: it is never answered in full.</summary>
public sealed class PrefectListsShowOnlyWhatMayBeSeen : IAsyncLifetime
{
    private const string Etl = "44444444-4444-4444-4444-444444444444", Payroll = "55555555-5555-5555-5555-555555555555";
    private const string Nightly = "11111111-1111-1111-1111-111111111111", Salaries = "33333333-3333-3333-3333-333333333333";
    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(arrived => arrived.Message.Target switch
    {
        // The gate asks in its own name for all there is.
        "/api/flows/filter" when IsGates(arrived) => PrefectAnswer.Json(200, $$"""[{"id":"{{Etl}}","name":"etl","tags":[]},{"id":"{{Payroll}}","name":"payroll","tags":[]}]"""),
        "/api/deployments/filter" when IsGates(arrived) => PrefectAnswer.Json(200,
            $$"""[{"id":"{{Nightly}}","name":"nightly","flow_id":"{{Etl}}","work_pool_name":"procs","work_queue_name":"default","tags":[]},{"id":"{{Salaries}}","name":"salaries","flow_id":"{{Payroll}}","work_pool_name":"secure","work_queue_name":"default","tags":[]}]"""),
        "/api/work_pools/filter" when IsGates(arrived) => PrefectAnswer.Json(200, """[{"id":"77777777-7777-7777-7777-777777777777","name":"procs"},{"id":"88888888-8888-8888-8888-888888888888","name":"secure"}]"""),
        _ => PrefectAnswer.Json(200, "[]"),
    });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Fact]
    public async Task CallerOfEverything_IsntTouched()
    {
        await _gate.SendAsync("POST", "/api/flow_runs/filter", "bob", """{ "limit" : 5 }""");

        Assert.Equal("""{ "limit" : 5 }""", Sent("/api/flow_runs/filter"));
    }

    [Theory]
    [InlineData("/api/flow_runs/filter")]
    [InlineData("/api/flow_runs/count")]
    [InlineData("/api/flow_runs/paginate")]
    [InlineData("/api/task_runs/filter")]
    [InlineData("/api/artifacts/filter")]
    public async Task CallerOfOneFlow_GetsItsRuns(string list)
    {
        await _gate.SendAsync("POST", list, "etl-viewer", """{"limit":5}""");

        Assert.Equal([Etl], Strings(Sent(list), "flows", "id"));
    }

    [Theory]
    [InlineData("", "application/json")]
    [InlineData("{}", "application/json")]
    [InlineData("", "text/plain")]
    [InlineData("", null)]
    [InlineData(null, null)]
    public async Task EmptyBody_IsNarrowedToo(string? body, string? type)
    {
        await _gate.SendAsync("POST", "/api/flow_runs/filter", "etl-viewer", with: request =>
        {
            request.Content = body is null ? null : new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(body));
            if (type is not null)
            {
                request.Content!.Headers.TryAddWithoutValidation("Content-Type", type);
            }
        });

        Assert.Equal([Etl], Strings(Sent("/api/flow_runs/filter"), "flows", "id"));
        var sent = Assert.Single(_gate.Server.Requests, request => request.Message.Target == "/api/flow_runs/filter").Message;
        Assert.True(sent.Header("content-type") is null or "application/json", sent.ToString());
    }

    [Fact]
    public async Task CallerOfOnePool_GetsItsRunsAndItself()
    {
        await _gate.SendAsync("POST", "/api/flow_runs/filter", "pool-viewer", "{}");
        await _gate.SendAsync("POST", "/api/work_pools/filter", "pool-viewer", """{"limit":7}""");
        await _gate.SendAsync("POST", "/api/deployments/filter", "pool-viewer", """{"limit":7}""");

        Assert.Equal(["procs"], Strings(Sent("/api/flow_runs/filter"), "work_pools", "name"));
        Assert.Equal(["procs"], Strings(Sent("/api/work_pools/filter"), "work_pools", "name"));
        Assert.Equal([Nightly], Strings(Sent("/api/deployments/filter"), "deployments", "id"));
    }

    [Fact]
    public async Task WhatTheClientAsksFor_StaysNarrowerStill()
    {
        await _gate.SendAsync("POST", "/api/flow_runs/filter", "etl-viewer", $$"""{"flows":{"id":{"any_":["{{Etl.ToUpperInvariant()}}","{{Payroll}}"]},"name":{"like_":"e" } },"flow_runs":{"state":{"type":{"any_":["FAILED"]} } } }""");

        var sent = Sent("/api/flow_runs/filter");
        Assert.Equal([Etl], Strings(sent, "flows", "id"));
        Assert.Contains("\"like_\":\"e\"", sent, StringComparison.Ordinal);
        Assert.Contains("FAILED", sent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatTheClientAsksFor_AndMayNotSee_FindsNothing()
    {
        await _gate.SendAsync("POST", "/api/flow_runs/filter", "etl-viewer", $$"""{"flows":{"id":{"any_":["{{Payroll}}"] } } }""");

        Assert.Equal([Guid.Empty.ToString()], Strings(Sent("/api/flow_runs/filter"), "flows", "id"));
    }

    [Fact]
    public async Task FilterThatJoinsByOr_CantBeNarrowed_AndIsRefused()
    {
        var reply = await _gate.SendAsync("POST", "/api/flow_runs/filter", "etl-viewer", """{"flows":{"operator":"or_","name":{"any_":["etl"]},"tags":{"all_":["x"]} } }""");

        Assert.Equal(403, reply.Status);
        Assert.DoesNotContain(_gate.Server.Requests, request => request.Message.Target == "/api/flow_runs/filter");
    }

    [Fact]
    public async Task Logs_OfRunsThatArentNamed_AreRefused()
    {
        var reply = await _gate.SendAsync("POST", "/api/logs/filter", "etl-viewer", """{"logs":{"level":{"ge_":0} } }""");

        Assert.Equal(403, reply.Status);
        Assert.DoesNotContain(_gate.Server.Requests, request => request.Message.Target == "/api/logs/filter");
    }

    [Fact]
    public async Task CallerOfNothing_IsRefused()
    {
        var reply = await _gate.SendAsync("POST", "/api/flow_runs/filter", "stranger", "{}");

        Assert.Equal(403, reply.Status);
        Assert.Empty(_gate.Server.Requests);
    }

    private static bool IsGates(ArrivedRequest arrived) => arrived.Message.Header("x-postern-call-id") is null;

    private string Sent(string target) =>
        System.Text.Encoding.UTF8.GetString(Assert.Single(_gate.Server.Requests, request => request.Message.Target == target && !IsGates(request)).Message.Body);

    private static string[] Strings(string body, string filter, string field)
    {
        using var document = JsonDocument.Parse(body);
        return [.. document.RootElement.GetProperty(filter).GetProperty(field).GetProperty("any_").EnumerateArray().Select(item => item.GetString()!)];
    }
}
