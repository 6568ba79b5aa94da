using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// F8: Prefect's clients ask for the events and logs of the whole server and sort them out themselves. Whoever may see a part gets that part, event by event.
/// </summary>
public sealed class EventsShowOnlyWhatMayBeSeen
{
    private const string Events = "/api/events/out";
    private const string Logs = "/api/logs/out";
    private const string Filter = """{"type":"filter","filter":{"event":null,"order":"DESC"}}""";

    private const string EtlFlow = "11111111-0000-4000-8000-000000000000";
    private const string PayFlow = "22222222-0000-4000-8000-000000000000";
    private const string EtlRun = "11111111-0000-4000-8000-000000000001";
    private const string PayRun = "22222222-0000-4000-8000-000000000001";
    private const string EtlTask = "11111111-0000-4000-8000-000000000002";
    private const string LoneTask = "33333333-0000-4000-8000-000000000002";
    private const string EtlDeployment = "11111111-0000-4000-8000-000000000003";
    private const string PayDeployment = "22222222-0000-4000-8000-000000000003";

    [Fact]
    public async Task Subscriber_OfOneFlow_GetsThatFlowsEvents()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Events, "etl-viewer");
        await client.SayAsync(Filter);
        Assert.Equal("Text " + Filter, await server.HearAsync());

        string[] seen =
        [
            Event("flow-run", EtlRun), Event("task-run", EtlTask), Event("deployment", EtlDeployment), Event("flow", EtlFlow),
            // The narrowest says whose it is, wherever it stands.
            Event("tag", "x", ("flow-run", EtlRun), ("flow", EtlFlow)), Event("order", "1", ("flow-run", EtlRun)),
        ];
        string[] unseen =
        [
            Event("flow-run", PayRun), Event("deployment", PayDeployment), Event("flow", PayFlow), Event("flow-run", PayRun, ("flow", EtlFlow)),
            // Two runs, of which one isn't his.
            Event("flow-run", EtlRun, ("flow-run", PayRun)),
            Event("task-run", LoneTask), Event("order", "1"), Event("work-pool", "44444444-0000-4000-8000-000000000000"), Event("flow-run", "not-an-id"),
            Event("flow-run", "99999999-0000-4000-8000-000000000009"),
            """{"type":"event","event":{"event":"a"}}""", """{"type":"event"}""", """{"type":"other"}""", "[]", "no json",
            """{"type":"event","event":{"resource":{"prefect.resource.id":"prefect.flow-run.11111111-0000-4000-8000-000000000001","prefect.resource.id":"prefect.flow-run.22222222-0000-4000-8000-000000000001"}}}""",
        ];
        foreach (var one in Enumerable.Range(0, Math.Max(seen.Length, unseen.Length)).SelectMany(i => unseen.Skip(i).Take(1).Concat(seen.Skip(i).Take(1))))
        {
            await server.SayAsync(one);
        }

        Assert.Equal(seen.Select(one => "Text " + one), await client.HearAsync(seen.Length));
        await server.SayAsync(SocketOpcode.Ping, "last");
        Assert.Equal("Ping last", await client.HearAsync());
        await client.CloseAsync(1000);
        await server.HearAsync();
        await server.CloseAsync(1000);
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(line => line["detail"]?.Contains($"{seen.Length} sent, {unseen.Length} withheld", StringComparison.Ordinal) == true));
        client.Dispose();
        server.Dispose();
    }

    [Fact]
    public async Task Subscriber_OfOnePool_GetsItsRuns()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Events, "pool-viewer");
        await client.SayAsync(Filter);
        await server.HearAsync();

        await server.SayAsync(Event("flow-run", PayRun));
        await server.SayAsync(Event("flow-run", EtlRun));

        Assert.Equal("Text " + Event("flow-run", EtlRun), await client.HearAsync());
        client.Dispose();
        server.Dispose();
    }

    [Fact]
    public async Task Subscriber_OfEverything_GetsEveryByte()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Events, "bob");
        await client.SayAsync(Filter);
        await server.HearAsync();

        await server.SayAsync(Event("order", "1"));
        await server.SayAsync("no json");

        Assert.Equal(["Text " + Event("order", "1"), "Text no json"], await client.HearAsync(2));
        Assert.DoesNotContain(gate.Server.Requests, request => request.Message.Header("upgrade") is null);
        client.Dispose();
        server.Dispose();
    }

    [Fact]
    public async Task Logs_AreFilteredByTheirRun()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Logs, "etl-viewer");
        await client.SayAsync("""{"type":"filter","filter":{"flow_run_id":null}}""");
        await server.HearAsync();

        await server.SayAsync(Log(PayRun, null));
        await server.SayAsync(Log(null, null));
        await server.SayAsync(Log(null, LoneTask));
        await server.SayAsync(Log(null, EtlTask));
        await server.SayAsync(Log(EtlRun, EtlTask));

        Assert.Equal(["Text " + Log(null, EtlTask), "Text " + Log(EtlRun, EtlTask)], await client.HearAsync(2));
        client.Dispose();
        server.Dispose();
    }

    /// <summary>A cancellation that nobody hears of would be no cancellation: the client is sent away, and catches up when it is back.</summary>
    [Fact]
    public async Task WhatCantBeLookedUp_SendsTheSubscriberAwayToComeAgain()
    {
        var away = false;
        var (stub, gate) = await StartAsync(() => Volatile.Read(ref away));
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Events, "etl-viewer");
        await client.SayAsync(Filter);
        await server.HearAsync();

        Volatile.Write(ref away, true);
        await server.SayAsync(Event("flow-run", EtlRun));

        Assert.StartsWith("Close 1012", await client.HearAsync());
        client.Dispose();
        server.Dispose();
    }

    [Theory]
    [InlineData("""{"type":"subscribe"}""")]
    [InlineData("""{"type":"filter"}""")]
    [InlineData("""{"type":"filter","filter":{},"filter":{}}""")]
    public async Task Message_ThatIsNoFilter_IsRefusedInTheServersWords(string message)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Events, "bob");

        await client.SayAsync(message);

        Assert.Equal("Close 1002 Expected 'filter' message", await client.HearAsync());
        client.Dispose();
        server.Dispose();
    }

    /// <summary>Raw copying can't begin to look at what it copies: the client comes again, and from then on gets its part.</summary>
    [Fact]
    public async Task Policy_ThatLeavesAPart_MovesTheSubscriber()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Events, "bob");

        await gate.Gate.SetPolicyAsync(PrefectGate.Policy.Replace("role: viewer, where: { prefect: main } }", "role: viewer, where: { prefect: main, flow: etl } }", StringComparison.Ordinal));

        Assert.StartsWith("Close 1012", await client.HearAsync());
        await client.CloseAsync(1012);
        var (again, filtered) = await stub.OpenAsync(gate, Events, "bob");
        await again.SayAsync(Filter);
        await filtered.HearAsync();
        await filtered.SayAsync(Event("flow-run", PayRun));
        await filtered.SayAsync(Event("flow-run", EtlRun));
        Assert.Equal("Text " + Event("flow-run", EtlRun), await again.HearAsync());
        Array.ForEach([client, server, again, filtered], end => end.Dispose());
    }

    private static string Event(string kind, string id, params (string Kind, string Id)[] related)
    {
        var others = related.Select(one => new Dictionary<string, string> { ["prefect.resource.id"] = $"prefect.{one.Kind}.{one.Id}", ["prefect.resource.role"] = one.Kind });
        // The names are the author's word, and count for nothing.
        var resource = new Dictionary<string, string> { ["prefect.resource.id"] = $"prefect.{kind}.{id}", ["prefect.resource.name"] = "etl" };
        return System.Text.Json.JsonSerializer.Serialize(new { type = "event", @event = new { @event = $"prefect.{kind}.Changed", resource, related = others } });
    }

    private static string Log(string? run, string? task) => System.Text.Json.JsonSerializer.Serialize(new { type = "log", log = new { level = 20, message = "m", flow_run_id = run, task_run_id = task } });

    private static async Task<(SocketStub Stub, PrefectGate Gate)> StartAsync(Func<bool>? isAway = null)
    {
        var stub = new SocketStub();
        return (stub, await PrefectGate.StartAsync(stub.Beside(arrived => isAway?.Invoke() == true ? PrefectAnswer.Drop : Thing(arrived.Message.Target))));
    }

    private static PrefectAnswer Thing(string target) => target.Split('/')[^1] switch
    {
        EtlFlow => PrefectAnswer.Json(200, $$"""{"id":"{{EtlFlow}}","name":"etl","tags":[]}"""),
        PayFlow => PrefectAnswer.Json(200, $$"""{"id":"{{PayFlow}}","name":"payroll","tags":[]}"""),
        EtlRun => PrefectAnswer.Json(200, $$"""{"id":"{{EtlRun}}","name":"r","flow_id":"{{EtlFlow}}","deployment_id":null,"work_pool_name":"procs","tags":[]}"""),
        PayRun => PrefectAnswer.Json(200, $$"""{"id":"{{PayRun}}","name":"r","flow_id":"{{PayFlow}}","deployment_id":null,"work_pool_name":"other","tags":[]}"""),
        EtlTask => PrefectAnswer.Json(200, $$"""{"id":"{{EtlTask}}","flow_run_id":"{{EtlRun}}"}"""),
        LoneTask => PrefectAnswer.Json(200, $$"""{"id":"{{LoneTask}}","flow_run_id":null}"""),
        EtlDeployment => PrefectAnswer.Json(200, $$"""{"id":"{{EtlDeployment}}","name":"nightly","flow_id":"{{EtlFlow}}","work_pool_name":"procs","tags":[]}"""),
        PayDeployment => PrefectAnswer.Json(200, $$"""{"id":"{{PayDeployment}}","name":"nightly","flow_id":"{{PayFlow}}","work_pool_name":"other","tags":[]}"""),
        _ => PrefectAnswer.Json(404, """{"detail":"Not Found"}"""),
    };
}
