using System.Net.WebSockets;
using static Postern.FunctionalTests.Dev.Prefect.DevPrefectPlace;

namespace Postern.FunctionalTests.Dev.Prefect;

/// <summary>The embedded Prefect server's sockets, as clients open them.</summary>
public sealed class PrefectSocketTests
{
    [Theory]
    [InlineData(null, "Auth required but no token provided")]
    [InlineData("admin:wrong", "Invalid token")]
    public async Task FirstFrame_WithoutTheToken_IsClosedWith1008(string? token, string reason)
    {
        await using var server = await StartAsync();
        foreach (var path in new[] { "/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled", "/api/work_pools/procs/workers/connect" })
        {
            using var socket = await server.OpenAsync(path, token);
            Assert.Equal((WebSocketCloseStatus.PolicyViolation, reason), await HearCloseAsync(socket));
        }
    }

    [Fact]
    public async Task EventsOut_TellsOfStatesAndOfEventsThatCameIn_AsTheFilterSays()
    {
        await using var server = await StartAsync();
        var (_, deployment) = await server.DeployAsync("etl", "nightly", "t1");
        using var outgoing = await server.OpenAsync("/api/events/out");
        Assert.Equal("auth_success", (await HearAsync(outgoing))["type"]!.ToString());
        await SayAsync(outgoing, """{"type":"filter","filter":{"event":{"name":["order.created","prefect.flow-run.Cancelled"]},"occurred":{"since":"2020-01-01T00:00:00Z"}}}""");
        using var incoming = await server.OpenAsync("/api/events/in");
        await HearAsync(incoming);
        // Until the filter has arrived nothing is told: so the same event comes again under new ids until the listener has it.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var sending = SendUntilAsync(incoming, end.Token);
        var heard = await HearAsync(outgoing);
        await end.CancelAsync();
        await sending;
        Assert.Equal("order.created", heard["event"]!["event"]!.ToString());
        Assert.NotNull(heard["event"]!["received"]);

        var run = await server.PostAsync($"/api/deployments/{deployment}/create_flow_run", "{}");
        await server.PostAsync($"/api/flow_runs/{run!["id"]}/set_state", """{"state":{"type":"CANCELLED"}}""");
        do
        {
            heard = await HearAsync(outgoing);
        }
        while (heard["event"]!["event"]!.ToString() == "order.created");
        Assert.Equal("prefect.flow-run.Cancelled", heard["event"]!["event"]!.ToString());
        Assert.Equal($"prefect.flow-run.{run["id"]}", heard["event"]!["resource"]!["prefect.resource.id"]!.ToString());
        Assert.Contains(heard["event"]!["related"]!.AsArray(), related => related!["prefect.resource.id"]!.ToString() == $"prefect.deployment.{deployment}");
    }

    [Fact]
    public async Task TaskSubscription_GivesATaskToWhoServesIt_AndAgainToAnotherWhereItWasNotTaken()
    {
        await using var server = await StartAsync();
        await server.PostAsync("/api/task_runs/", """{"name":"mail","task_key":"mail-1","dynamic_key":"1","state":{"type":"SCHEDULED","state_details":{"deferred":true}}}""");
        using (var first = await server.OpenAsync("/api/task_runs/subscriptions/scheduled"))
        {
            await HearAsync(first);
            await SayAsync(first, """{"type":"subscribe","keys":["mail-1"],"client_id":"one"}""");
            Assert.Equal("mail-1", (await HearAsync(first))["task_key"]!.ToString());
            await SayAsync(first, """{"type":"quit"}""");
        }

        using var second = await server.OpenAsync("/api/task_runs/subscriptions/scheduled");
        await HearAsync(second);
        await SayAsync(second, """{"type":"subscribe","keys":["mail-1"],"client_id":"two"}""");
        Assert.Equal("mail", (await HearAsync(second))["name"]!.ToString());
    }

    [Fact]
    public async Task WorkerChannel_AnswersAHello_AndTheWorkerIsOnline()
    {
        await using var server = await StartAsync();
        await server.PostAsync("/api/work_pools/", """{"name":"procs","type":"process"}""");
        using var socket = await server.OpenAsync("/api/work_pools/procs/workers/connect");
        await HearAsync(socket);
        await SayAsync(socket, """{"type":"worker.hello.v1","payload":{"consumer_id":"c","worker_name":"w1","heartbeat_interval_seconds":30}}""");
        var ready = await HearAsync(socket);
        Assert.Equal(("worker.ready.v1", "procs"), (ready["type"]!.ToString(), ready["payload"]!["initial_snapshot"]!["work_pool"]!["name"]!.ToString()));
        var workers = await server.PostAsync("/api/work_pools/procs/workers/filter", """{"workers":{"status":{"any_":["ONLINE"]}}}""");
        Assert.Equal("w1", Assert.Single(workers!.AsArray())!["name"]!.ToString());
    }

    private static async Task SendUntilAsync(WebSocket socket, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            await SayAsync(socket, $$$"""{"id":"{{{Guid.NewGuid()}}}","event":"order.created","occurred":"2026-01-01T00:00:00Z","resource":{"prefect.resource.id":"order.1"},"related":[],"payload":{}}""");
            await SayAsync(socket, $$$"""{"id":"{{{Guid.NewGuid()}}}","event":"order.other","occurred":"2026-01-01T00:00:00Z","resource":{"prefect.resource.id":"order.1"},"related":[],"payload":{}}""");
            await Task.Delay(TimeSpan.FromMilliseconds(10), CancellationToken.None);
        }
    }
}
