using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>Prefect's sockets through the gate: who gets in, what each side sees, and how they end.</summary>
public sealed partial class PrefectSocketTests
{
    private const string In = "/api/events/in";
    private const string Out = "/api/events/out";
    private const string Tasks = "/api/task_runs/subscriptions/scheduled";
    private const string Filter = """{"type":"filter","filter":{"event":{"name":["prefect.flow-run.Cancelling"]}}}""";

    public static TheoryData<string> All() => [In, Out, "/api/logs/out", Tasks, "/api/work_pools/procs/workers/connect"];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Client_AuthenticatesByItsFirstMessage_AndTheServerSeesTheGatesOwn(string target)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var token = gate.Gate.Issuer.Token("alice");
        using var client = await SocketEnd.CallAsync(gate.Address, target);

        await client.SayAsync(SocketOpcode.Ping, "abcd");
        Assert.Equal("Pong abcd", await client.HearAsync());
        await client.AuthAsync("anything:" + token);
        using var server = await stub.NextAsync();

        Assert.Equal($$"""Text {"type":"auth","token":"{{PrefectGate.AuthString}}"}""", await server.HearAsync());
        await server.SayAsync("{\"type\":\"auth_success\"}");
        Assert.Equal(SocketStub.Success, await client.HearAsync());
        Assert.Equal(("prefect", null), (client.Answer.Header("sec-websocket-protocol"), client.Answer.Header("sec-websocket-extensions")));
        Assert.Equal(("prefect", null, "13"), (server.Request.Header("sec-websocket-protocol"), server.Request.Header("sec-websocket-extensions"), server.Request.Header("sec-websocket-version")));
        Assert.Equal("prefect/3.9.1 (API 0.8.4)", server.Request.Header("user-agent"));
        Assert.Equal(target, server.Request.Target);
        Assert.DoesNotContain(token, server.Request.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EventsIn_IsCopied_BothWays_PingsToo()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, In, "worker");

        for (var i = 0; i < 20; i++)
        {
            await client.SayAsync($$"""{"event":"order.created","n":{{i}}}""");
        }

        await client.SayAsync(SocketOpcode.Ping, "done");
        var heard = await server.HearAsync(21);
        await server.SayAsync(SocketOpcode.Pong, "done");

        Assert.Equal("Text {\"event\":\"order.created\",\"n\":19}", heard[19]);
        Assert.Equal("Ping done", heard[20]);
        Assert.Equal("Pong done", await client.HearAsync());
        await client.CloseAsync(1000);
        Assert.Equal("Close 1000", await server.HearAsync());
        await server.CloseAsync(1000);
        Assert.Equal("Close 1000", await client.HearAsync());
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(line => line["operation"] == "stream_events_in"));
        var opened = Assert.Single(gate.Gate.Audit.Lines(), line => line.IsIntent);
        var closed = Assert.Single(gate.Gate.Audit.Records());
        Assert.Equal((opened.CallId, "test/worker", "101"), (closed.CallId, closed["caller"], closed["status"]));
        Assert.Contains("20 received", closed["detail"], StringComparison.Ordinal);
        client.Dispose();
        server.Dispose();
    }

    [Theory]
    [InlineData("not-a-token", "Close 1008 Invalid token")]
    [InlineData("user:", "Close 1008 Invalid token")]
    [InlineData(null, "Close 1008 Auth required but no token provided")]
    [InlineData("", "Close 1008 Auth required but no token provided")]
    public async Task Token_WrongOrAbsent_EndsAsTheServerEndsIt(string? token, string expected)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, Tasks);

        await client.AuthAsync(token);

        Assert.Equal(expected, await client.HearAsync());
        await client.CloseAsync(1008);
        Assert.Equal("Ended", await client.HearAsync());
        Assert.Equal(0, stub.Attempts);
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(line => line["refusal"] == "unauthenticated"));
    }

    [Fact]
    public async Task Caller_ThatMayNot_IsToldSo_AndTheServerIsNotAsked()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, In);

        await client.AuthAsync("u:" + gate.Gate.Issuer.Token("bob"));

        Assert.Matches("^Close 1008 Not allowed: event.write \\[call [0-9A-Z]{26}\\]$", await client.HearAsync());
        Assert.Equal(0, stub.Attempts);
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(line => line["refusal"] == "not-allowed" && line["caller"] == "test/bob"));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("same")]
    public async Task Header_WithItsFirstMessageNullOrTheSame_IsTaken(string first)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var auth = "admin:" + gate.Gate.Issuer.Token("worker");
        using var client = await SocketEnd.CallAsync(gate.Address, In, "prefect", ("Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(auth))));

        await client.AuthAsync(first == "same" ? auth : null);
        using var server = await stub.LetInAsync();

        Assert.Equal(SocketStub.Success, await client.HearAsync());
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(PrefectGate.AuthString)), server.Request.Header("authorization"));
    }

    [Fact]
    public async Task Header_WithAnotherCredentialInTheFirstMessage_IsRefused()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, In, "prefect", ("Authorization", "Bearer " + gate.Gate.Issuer.Token("worker")));

        await client.AuthAsync("u:" + gate.Gate.Issuer.Token("root"));

        Assert.Equal("Close 1008 Invalid token", await client.HearAsync());
        Assert.Equal(0, stub.Attempts);
    }

    [Fact]
    public async Task Header_ThatIsWrong_IsNoStatusButAClose()
    {
        var (_, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, In, "prefect", ("Authorization", "Bearer wrong"));

        await client.AuthAsync(null);

        Assert.Equal("Close 1008 Invalid token", await client.HearAsync());
    }

    /// <summary>F2: without the subprotocol, or with others than ours, only a header can say who it is.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("graphql-ws, Prefect, prefect2")]
    public async Task WithoutTheSubprotocol_AndWithoutAHeader_ItIsClosed(string? protocol)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, In, protocol);

        Assert.StartsWith("Close 1002", await client.HearAsync());
        Assert.Null(client.Answer.Header("sec-websocket-protocol"));
        Assert.Equal(0, stub.Attempts);
    }

    [Fact]
    public async Task WithoutTheSubprotocol_ButWithAHeader_TheClientSpeaksAtOnce()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, In, null, ("Authorization", "Bearer " + gate.Gate.Issuer.Token("worker")));
        await client.SayAsync("{\"event\":\"a\"}");
        using var server = await stub.LetInAsync();

        Assert.Equal("Text {\"event\":\"a\"}", await server.HearAsync());
    }

    [Fact]
    public async Task OfferedSubprotocols_AreAnsweredWithOursAlone()
    {
        var (_, gate) = await StartAsync();
        await using var running = gate;

        using var client = await SocketEnd.CallAsync(gate.Address, In, "chat, prefect");

        Assert.Equal("prefect", client.Answer.Header("sec-websocket-protocol"));
    }

    /// <summary>S10: a page of another site can open sockets with all that the browser holds for this one.</summary>
    [Theory]
    [InlineData("https://evil.example", 403)]
    [InlineData("null", 403)]
    [InlineData("http://{host}.evil.example", 403)]
    [InlineData("http://evil@{host}", 403)]
    [InlineData("file://{host}", 403)]
    [InlineData("http://{host}", 101)]
    [InlineData("https://{host}", 101)]
    public async Task Origin_OfAnotherSite_IsRefused(string origin, int status)
    {
        var (_, gate) = await StartAsync();
        await using var running = gate;

        var (socket, answer) = await SocketEnd.TryCallAsync(gate.Address, Out, "prefect", ("Origin", origin.Replace("{host}", gate.Address)), ("Authorization", "Bearer " + gate.Gate.Issuer.Token("root")));

        Assert.Equal(status, answer.Status);
        socket?.Dispose();
    }

    [Theory]
    [InlineData("Sec-WebSocket-Version", "8")]
    [InlineData("Sec-WebSocket-Key", "short")]
    public async Task Handshake_ThatIsNone_IsRefused(string name, string value)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var connection = await PrefectConnection.OpenAsync(gate.Address);
        List<(string Name, string Value)> headers = [("Host", gate.Address), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")];
        headers = [.. headers.Where(header => header.Name != name), (name, value)];

        await connection.SendAsync(new WireMessage($"GET {In} HTTP/1.1", headers, []));

        Assert.Equal(422, (await connection.AnswerAsync("GET")).Status);
        Assert.Equal(0, stub.Attempts);
    }

    [Fact]
    public async Task Path_OfASocket_WithoutAnUpgrade_IsNothing()
    {
        var (_, gate) = await StartAsync();
        await using var running = gate;

        Assert.Equal(404, (await gate.SendAsync("GET", In, "root")).Status);
    }

    [Fact]
    public async Task TaskSubscription_IsInTheRecord_WithItsWorkerAndKeys()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Tasks, "worker");

        await client.SayAsync("""{"type":"subscribe","keys":["send_mail-83cab5fd","crunch-740e009b"],"client_id":"host-17"}""");

        Assert.Equal("""Text {"type":"subscribe","keys":["send_mail-83cab5fd","crunch-740e009b"],"client_id":"host-17"}""", await server.HearAsync());
        client.Dispose();
        server.Dispose();
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(line => line["worker"] == "host-17" && line.Text.Contains("crunch-740e009b", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("""{"type":"subscribe","keys":[],"client_id":"a"}""", "expected 'keys' in subscribe message")]
    [InlineData("""{"type":"subscribe","keys":["a"]}""", "expected 'client_id' in subscribe message")]
    [InlineData("""{"type":"ack"}""", "expected 'subscribe' message")]
    public async Task TaskSubscription_ThatTheServerWouldRefuse_IsRefusedInItsWords(string message, string fault)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Tasks, "worker");

        await client.SayAsync(message);

        Assert.Equal("Close 4001 Protocol violation: " + fault, await client.HearAsync());
        client.Dispose();
        server.Dispose();
    }

    [Theory]
    [InlineData("worker", "procs", "false", "{}")]
    [InlineData("root", "procs", "true", "{\"job_configuration\":{}}")]
    [InlineData("pool-worker", "procs", "false", "{}")]
    public async Task WorkerChannel_MakesNoPool_ForWhoMayWriteNone(string user, string pool, string creates, string template)
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, $"/api/work_pools/{pool}/workers/connect", user);

        await client.SayAsync(Hello("true", "{\"job_configuration\":{}}"));

        Assert.Equal("Text " + Hello(creates, template), await server.HearAsync());
        client.Dispose();
        server.Dispose();
    }

    [Fact]
    public async Task WorkerChannel_OfAnotherPool_IsRefused()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, "/api/work_pools/other/workers/connect");

        await client.AuthAsync("u:" + gate.Gate.Issuer.Token("pool-worker"));

        Assert.StartsWith("Close 1008 Not allowed: worker.heartbeat", await client.HearAsync());
        Assert.Equal(0, stub.Attempts);
    }

    private static string Hello(string creates, string template) =>
        $$$"""{"type":"worker.hello.v1","id":"01a20311-7a8b-74b6-bc6d-0d61fe6da879","payload":{"worker_name":"w1","worker_type":"process","requested_capabilities":["worker_heartbeat.v1"],"work_queue_names":[],"create_pool_if_not_found":{{{creates}}},"default_base_job_template":{{{template}}},"worker_metadata":null}}""";

    private static async Task<(SocketStub Stub, PrefectGate Gate)> StartAsync(Func<ArrivedRequest, PrefectAnswer>? rest = null)
    {
        var stub = new SocketStub();
        return (stub, await PrefectGate.StartAsync(stub.Beside(rest)));
    }
}
