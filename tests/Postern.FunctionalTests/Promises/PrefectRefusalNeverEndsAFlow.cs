using System.Text.Json;
using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// Trouble that passes is 503 with <c>Retry-After</c> of one to five seconds, never 401, 403, 500 or 504: a flow that ends on one of those stays RUNNING for ever, and a worker exits.
/// </summary>
public sealed class PrefectRefusalNeverEndsAFlow
{
    private const string Run = "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22";

    private static readonly (string Method, string Target, string? Body)[] s_calls =
    [
        ("POST", $"/api/flow_runs/{Run}/set_state", """{"state":{"type":"COMPLETED"} }"""),
        ("POST", $"/api/flow_runs/{Run}/set_state", """{"state":{"type":"CANCELLED"} }"""),
        ("POST", "/api/work_pools/procs/get_scheduled_flow_runs", """{"work_queue_names":["default"]}"""),
        ("POST", "/api/work_pools/procs/workers/heartbeat", """{"name":"w"}"""),
        ("POST", "/api/flow_runs/", $$"""{"flow_id":"{{Run}}"}"""),
        ("POST", "/api/logs/", $$"""[{"flow_run_id":"{{Run}}","name":"x","level":20,"message":"m","timestamp":"2026-01-01T00:00:00Z"}]"""),
        ("POST", "/api/flow_runs/filter", "{}"),
        ("GET", $"/api/flow_runs/{Run}", null),
        ("GET", "/api/admin/version", null),
        ("PATCH", $"/api/flow_runs/{Run}/labels", """{"a":"b"}"""),
    ];

    [Fact]
    public async Task IdentityProviderAway()
    {
        await using var issuer = await TestIssuer.DownAsync();
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"), setup => setup with { Issuer = issuer });

        await AllPassAsync(gate, "worker");
        Assert.Empty(gate.Server.Requests);

        await issuer.ReturnAsync();
        await Eventually.AnswersAsync(() => gate.SendAsync("GET", "/api/admin/version", "worker"), reply =>
        {
            Assert.True(reply.Status == 200 || Passes(reply), reply.ToString());
            return reply.Status == 200;
        });
    }

    [Fact]
    public async Task IdentityProviderAway_WithAKeyThatItHadNotShown()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"));
        Assert.Equal(200, (await gate.SendAsync("GET", "/api/admin/version", "worker")).Status);
        await gate.Gate.Issuer.GoAwayAsync();

        // What the gate knows holds on; what it doesn't know it can't tell.
        Assert.Equal(200, (await gate.SendAsync("GET", "/api/admin/version", "worker")).Status);
        var unseen = gate.Gate.Issuer.Mint(subject: "worker", key: TestKey.Es256("unseen"));
        Pass(await gate.SendAsync("GET", "/api/admin/version", null, with: request => request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + unseen)));
    }

    [Fact]
    public async Task StoreAway_WithAKeyOfTheGates()
    {
        await using var gate = await PrefectGate.StartAsync(
            _ => PrefectAnswer.Json(200, "{}"),
            setup => setup with { IdentityExtra = GateAccounts.Configuration, PolicyText = PrefectGate.Policy + "\n  - { who: [\"account:worker\"], role: worker, where: { prefect: main } }\n" });
        string key;
        await using (var accounts = new GateAccounts(gate.Gate))
        {
            key = (await accounts.AddKeyAsync(await accounts.AddAsync("worker"))).Text;
        }

        Task<PrefectReply> CallAsync((string Method, string Target, string? Body) call) => gate.SendAsync(
            call.Method, call.Target, null, call.Body, request => request.Headers.TryAddWithoutValidation("Authorization", "Basic " + Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes("worker:" + key))));
        await Eventually.AnswersAsync(() => CallAsync(s_calls[^2]), reply => reply.Status == 200);
        await using (new StoreOutage(Path.Combine(gate.Gate.Folder, "data", "postern.db")))
        {
            gate.Gate.Logs.Expect(_ => true);
            foreach (var call in s_calls)
            {
                var reply = await CallAsync(call);
                Assert.True(reply.Status == 200 || Passes(reply), $"{call}: {reply}");
            }
        }
    }

    [Fact]
    public async Task AuditThatCannotBeKept()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"));
        gate.Gate.Logs.Expect(line => line.Category.Contains("Audit", StringComparison.Ordinal));
        Directory.Move(gate.Gate.Audit.Folder, gate.Gate.Audit.Folder + ".away");
        await File.WriteAllTextAsync(gate.Gate.Audit.Folder, "", TestContext.Current.CancellationToken);
        // The first write finds it out.
        Pass(await gate.SendAsync("POST", "/api/variables/", "root", """{"name":"a","value":1}"""));

        await AllPassAsync(gate, "worker");
        Assert.Empty(gate.Server.Requests);

        File.Delete(gate.Gate.Audit.Folder);
        Directory.Move(gate.Gate.Audit.Folder + ".away", gate.Gate.Audit.Folder);
        await Eventually.AnswersAsync(() => gate.SendAsync("POST", "/api/variables/", "root", """{"name":"a","value":1}"""), reply =>
        {
            Assert.True(reply.Status == 200 || Passes(reply), reply.ToString());
            return reply.Status == 200;
        });
    }

    public static TheoryData<string> Troubles => ["closes", "refuses the gate", "says nothing", "speaks another protocol", "breaks off amid its head", "upgrades unasked", "broken length", "speaks HTTP/2", "two lengths"];

    [Theory]
    [MemberData(nameof(Troubles))]
    public async Task Server_InTrouble(string how)
    {
        await using var gate = await PrefectGate.StartAsync(_ => how switch
        {
            "closes" => PrefectAnswer.Drop,
            "refuses the gate" => PrefectAnswer.Json(401, """{"exception_message":"Unauthorized"}"""),
            "says nothing" => PrefectAnswer.Never,
            "speaks another protocol" => PrefectAnswer.Of(new WireMessage("SSH-2.0-x 200 x", [], [])),
            "breaks off amid its head" => PrefectAnswer.Of(new WireMessage("HTTP/1.1 200 OK\r\nContent-Le 200 x", [("connection", "close")], [])),
            "upgrades unasked" => PrefectAnswer.Of(new WireMessage("HTTP/1.1 101 Switching Protocols", [("Upgrade", "x"), ("Connection", "Upgrade")], [])),
            "broken length" => PrefectAnswer.Of(new WireMessage("HTTP/1.1 200 OK", [("Content-Length", "x"), ("Connection", "close")], "{}"u8.ToArray())),
            "speaks HTTP/2" => PrefectAnswer.Of(new WireMessage("HTTP/2.0 200 OK", [("Content-Length", "2"), ("Connection", "close")], "{}"u8.ToArray())),
            _ => PrefectAnswer.Of(new WireMessage("HTTP/1.1 200 OK", [("Content-Length", "2"), ("Content-Length", "20"), ("Connection", "close")], "{}"u8.ToArray())),
        }, extra: "timeout: 5s");

        await Task.WhenAll(s_calls.Select(async call =>
        {
            var reply = await gate.SendAsync(call.Method, call.Target, "worker", call.Body);
            Assert.True(Passes(reply), $"{how}, {call}: {reply}");
        }));

        // Also where the gate has to ask the server first.
        Pass(await gate.SendAsync("GET", $"/api/flow_runs/{Run}", "etl-viewer"));
        Pass(await gate.SendAsync("POST", "/api/flow_runs/filter", "etl-viewer", "{}"));
    }

    [Fact]
    public async Task GateThatEnds()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Never, setup => setup with { Grace = "1s" });
        var calls = s_calls.Select(call => gate.SendAsync(call.Method, call.Target, "worker", call.Body)).ToList();
        await Eventually.TrueAsync(() => gate.Server.Requests.Count >= s_calls.Length);

        await gate.Gate.StopAsync();

        foreach (var call in calls)
        {
            try
            {
                Pass(await call);
            }
            catch (HttpRequestException)
            {
                // The connection ended: that a client tries again, too.
            }
        }
    }

    private static async Task AllPassAsync(PrefectGate gate, string user)
    {
        foreach (var (method, target, body) in s_calls)
        {
            Pass(await gate.SendAsync(method, target, user, body));
        }
    }

    private static void Pass(PrefectReply reply) => Assert.True(Passes(reply), reply.ToString());

    /// <summary>Whether the reply is trouble that passes, as clients must be told of it.</summary>
    private static bool Passes(PrefectReply reply)
    {
        if (reply.Status != 503)
        {
            return false;
        }

        Assert.InRange(int.Parse(reply.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 1, 5);
        using var body = JsonDocument.Parse(reply.Text);
        Assert.Matches(@"\[call [0-9A-Z]{26}\]$", body.RootElement.GetProperty("detail").GetString());
        return true;
    }
}
