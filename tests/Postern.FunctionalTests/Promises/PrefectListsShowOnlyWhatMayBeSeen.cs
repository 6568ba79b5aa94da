using System.Text;
using System.Text.Json;
using Postern.Engines.Prefect;
using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>A list on a Prefect server is narrowed with the server's own filters to what its caller may see, or refused: it is never answered in full.</summary>
public sealed class PrefectListsShowOnlyWhatMayBeSeen : IAsyncLifetime
{
    private const string Etl = "44444444-4444-4444-4444-444444444444", Payroll = "55555555-5555-5555-5555-555555555555";
    private const string Nightly = "11111111-1111-1111-1111-111111111111", Salaries = "33333333-3333-3333-3333-333333333333";
    private const string Procs = "77777777-7777-7777-7777-777777777777", Secure = "88888888-8888-8888-8888-888888888888";

    // Besides those of every test: callers whose rules speak of a run's own tags and queue, or of several things at once.
    private const string More = """
          - { who: ["user:prod-viewer"], role: viewer, where: { prefect: main, tag: prod } }
          - { who: ["user:teams-viewer"], role: viewer, where: { prefect: main, tag: [red, blue] } }
          - { who: ["user:any-team-viewer"], role: viewer, where: { prefect: main, tag: "team-*" } }
          - { who: ["user:etl-prod-viewer"], role: viewer, where: { prefect: main, flow: "et*", workPool: procs, workQueue: fast, tag: prod } }
          - { who: ["user:queue-worker"], role: worker, where: { prefect: main, workQueue: "fast*" } }
          - { who: ["user:other-worker"], role: worker, where: { prefect: main, workQueue: nowhere } }
          - { who: ["user:not-payroll"], role: viewer, where: { prefect: main } }
        deny:
          - { who: ["user:not-payroll"], what: ["*.read"], where: { prefect: main, flow: payroll } }
        """;

    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(arrived => arrived.Message.Target switch
    {
        // The gate asks in its own name for all there is.
        "/api/flows/filter" when IsGates(arrived) => PrefectAnswer.Json(200, $$"""[{"id":"{{Etl}}","name":"etl","tags":[]},{"id":"{{Payroll}}","name":"payroll","tags":[]}]"""),
        "/api/deployments/filter" when IsGates(arrived) => PrefectAnswer.Json(200,
            $$"""[{"id":"{{Nightly}}","name":"nightly","flow_id":"{{Etl}}","work_pool_name":"procs","work_queue_name":"default","tags":[]},{"id":"{{Salaries}}","name":"salaries","flow_id":"{{Payroll}}","work_pool_name":"secure","work_queue_name":"default","tags":[]}]"""),
        "/api/work_pools/filter" when IsGates(arrived) => PrefectAnswer.Json(200, Text(arrived).Contains(Procs, StringComparison.Ordinal)
            ? $$"""[{"id":"{{Procs}}","name":"procs"}]""" : $$"""[{"id":"{{Procs}}","name":"procs"},{"id":"{{Secure}}","name":"secure"}]"""),
        "/api/work_queues/filter" when IsGates(arrived) => PrefectAnswer.Json(200, """
            [{"id":"99999999-0000-4000-8000-000000000001","name":"fast","work_pool_name":"procs"},{"id":"99999999-0000-4000-8000-000000000002","name":"slow","work_pool_name":"procs"},
             {"id":"99999999-0000-4000-8000-000000000003","name":"faster","work_pool_name":"secure"}]
            """),
        $"/api/flows/{Etl}" => PrefectAnswer.Json(200, $$"""{"id":"{{Etl}}","name":"etl","tags":[]}"""),
        $"/api/flows/{Payroll}" => PrefectAnswer.Json(200, $$"""{"id":"{{Payroll}}","name":"payroll","tags":[]}"""),
        $"/api/deployments/{Nightly}" => PrefectAnswer.Json(200, $$"""{"id":"{{Nightly}}","name":"nightly","flow_id":"{{Etl}}","work_pool_name":"procs","work_queue_name":"fast","tags":["prod"]}"""),
        _ => PrefectAnswer.Json(200, "[]"),
    }, setup => setup with { PolicyText = PrefectGate.Policy + "\n" + More });

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
            request.Content = body is null ? null : new ByteArrayContent(Encoding.UTF8.GetBytes(body));
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

    [Theory]
    [InlineData("/api/flow_runs/filter")]
    [InlineData("/api/flow_runs/count")]
    [InlineData("/api/task_runs/filter")]
    [InlineData("/api/ui/task_runs/count")]
    [InlineData("/api/artifacts/filter")]
    public async Task CallerOfOneTag_GetsRunsThatHaveIt_WhateverTagsHeAsksFor(string list)
    {
        await _gate.SendAsync("POST", list, "prod-viewer", """{"flow_runs":{"tags":{"any_":["x"],"all_":["y"]} } }""");

        Assert.Equal(["y", "prod"], Strings(Sent(list), "flow_runs", "tags", "all_"));
        Assert.Equal(["x"], Strings(Sent(list), "flow_runs", "tags"));
    }

    [Fact]
    public async Task CallerOfSomeTags_GetsRunsOfAny_UnlessHeAsksForAnyOfOthers()
    {
        await _gate.SendAsync("POST", "/api/flow_runs/filter", "teams-viewer", """{"flow_runs":{"tags":{"all_":["y"]} } }""");
        var refused = await _gate.SendAsync("POST", "/api/flow_runs/count", "teams-viewer", """{"flow_runs":{"tags":{"any_":["red"]} } }""");
        var either = await _gate.SendAsync("POST", "/api/flow_runs/count", "teams-viewer", """{"flow_runs":{"operator":"or_","name":{"like_":"a"} } }""");

        Assert.Equal(["red", "blue"], Strings(Sent("/api/flow_runs/filter"), "flow_runs", "tags"));
        Assert.Equal((403, 403), (refused.Status, either.Status));
    }

    [Theory]
    [InlineData("any-team-viewer", "/api/flow_runs/filter")]
    [InlineData("prod-viewer", "/api/logs/filter")]
    [InlineData("prod-viewer", "/api/events/filter")]
    [InlineData("etl-viewer", "/api/artifacts/report/latest")]
    [InlineData("etl-viewer", "/api/observed-states")]
    public async Task WhatNoFilterExpresses_IsRefused(string caller, string list)
    {
        var reply = await _gate.SendAsync(list.EndsWith("filter", StringComparison.Ordinal) ? "POST" : "GET", list, caller);

        Assert.Equal(403, reply.Status);
        Assert.DoesNotContain(_gate.Server.Requests, request => request.Message.Target == list);
    }

    [Fact]
    public async Task CallerOfSeveralThingsAtOnce_GetsWhatHasAllOfThem()
    {
        await _gate.SendAsync("POST", "/api/flow_runs/filter", "etl-prod-viewer", "{}");

        var sent = Sent("/api/flow_runs/filter");
        Assert.Equal([Etl], Strings(sent, "flows", "id"));
        Assert.Equal(["procs"], Strings(sent, "work_pools", "name"));
        Assert.Equal(["fast"], Strings(sent, "flow_runs", "work_queue_name"));
        Assert.Equal(["prod"], Strings(sent, "flow_runs", "tags", "all_"));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"work_queue_names":[],"limit":3}""")]
    [InlineData("")]
    public async Task WorkerThatNamesNoQueues_IsHandedOutThoseThatItMay(string body)
    {
        await _gate.SendAsync("POST", "/api/work_pools/procs/get_scheduled_flow_runs", "queue-worker", body);

        using var sent = JsonDocument.Parse(Sent("/api/work_pools/procs/get_scheduled_flow_runs"));
        Assert.Equal(["fast"], sent.RootElement.GetProperty("work_queue_names").EnumerateArray().Select(name => name.GetString()!));
    }

    [Fact]
    public async Task WorkerOfNoQueueOfThePool_IsRefused()
    {
        var reply = await _gate.SendAsync("POST", "/api/work_pools/procs/get_scheduled_flow_runs", "other-worker", "{}");

        Assert.Equal(403, reply.Status);
    }

    [Theory]
    [InlineData("pool-viewer", "work-pool", Procs, true)]
    [InlineData("etl-viewer", "work-pool", Procs, false)]
    [InlineData("not-payroll", "work-pool", Procs, false)]
    [InlineData("etl-viewer", "flow", Etl, true)]
    [InlineData("etl-viewer", "flow", Payroll, false)]
    [InlineData("etl-viewer", "deployment", Nightly, true)]
    [InlineData("not-payroll", "flow", Etl, true)]
    [InlineData("not-payroll", "flow", Payroll, false)]
    // Each of its runs may have other tags than the deployment, or another queue.
    [InlineData("prod-viewer", "deployment", Nightly, false)]
    [InlineData("queue-worker", "deployment", Nightly, false)]
    // Flows have tags of their own: those of what they run are others.
    [InlineData("prod-viewer", "flow", Etl, false)]
    public async Task Events_OfOneThing_AreForWhoeverMaySeeAllThatIsRelatedToIt(string caller, string kind, string id, bool isShown)
    {
        var filter = $$"""{"filter":{"any_resource":{"id":["prefect.{{kind}}.{{id}}"]} } }""";
        var first = await _gate.SendAsync("POST", "/api/events/filter", caller, filter);
        var next = await _gate.SendAsync("GET", NextPage(filter), caller);

        Assert.Equal(isShown ? (200, 200) : (403, 403), (first.Status, next.Status));
    }

    [Theory]
    [InlineData("""{"filter":{} }""")]
    [InlineData("""{"filter":{"any_resource":null} }""")]
    [InlineData("""{"filter":{"any_resource":{"id":[]} } }""")]
    [InlineData("""{"filter":{"any_resource":{"id":["prefect.flow.44444444-4444-4444-4444-444444444444"],"id_prefix":["prefect."]} } }""")]
    [InlineData("""{"filter":{"any_resource":[{"id":["prefect.flow.44444444-4444-4444-4444-444444444444"]}]} }""")]
    [InlineData("""{"filter":{"any_resource":{"id":["prefect.flow.44444444-4444-4444-4444-444444444444","prefect.flow.55555555-5555-5555-5555-555555555555"]} } }""")]
    public async Task Events_NextPageOfMoreThanMayBeSeen_IsRefused(string filter)
    {
        var narrowed = await _gate.SendAsync("GET", NextPage(filter), "etl-viewer");
        var whole = await _gate.SendAsync("GET", NextPage(filter), "bob");

        Assert.Equal((403, 200), (narrowed.Status, whole.Status));
    }

    [Fact]
    public async Task Events_NextPageOfWhatTheGateNarrowed_IsShown()
    {
        await _gate.SendAsync("POST", "/api/events/filter", "etl-viewer", "{}");

        var reply = await _gate.SendAsync("GET", NextPage(Sent("/api/events/filter")), "etl-viewer");

        Assert.Equal(200, reply.Status);
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
        Encoding.UTF8.GetString(Assert.Single(_gate.Server.Requests, request => request.Message.Target == target && !IsGates(request)).Message.Body);

    private static string Text(ArrivedRequest arrived) => Encoding.UTF8.GetString(arrived.Message.Body);

    private static string NextPage(string filter) => "/api/events/filter/next?page-token=" + Uri.EscapeDataString(PrefectPageToken.Write(Encoding.UTF8.GetBytes(filter)));

    private static string[] Strings(string body, string filter, string field, string list = "any_")
    {
        using var document = JsonDocument.Parse(body);
        return [.. document.RootElement.GetProperty(filter).GetProperty(field).GetProperty(list).EnumerateArray().Select(item => item.GetString()!)];
    }
}
