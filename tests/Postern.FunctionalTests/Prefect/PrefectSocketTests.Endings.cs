using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>What becomes of open and waiting sockets when the server, the issuer, the caller's right or the gate goes away.</summary>
public sealed partial class PrefectSocketTests
{
    [Fact]
    public async Task ServerAway_TheClientWaitsWithoutAStatus_AndGoesOnWhenItIsBack()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        stub.Instead = () => stub.Attempts switch { 1 => PrefectAnswer.Drop, 2 => PrefectAnswer.Json(503, "{}"), _ => null };
        using var client = await SocketEnd.CallAsync(gate.Address, Tasks);
        await client.AuthAsync("u:" + gate.Gate.Issuer.Token("worker"));
        await client.SayAsync(SocketOpcode.Ping, "here");

        Assert.Equal("Pong here", await client.HearAsync());
        using var server = await stub.LetInAsync();

        Assert.Equal(SocketStub.Success, await client.HearAsync());
        Assert.Equal(3, stub.Attempts);
    }

    [Fact]
    public async Task IssuerAway_TheClientWaits_AndGoesOnWhenItIsBack()
    {
        var stub = new SocketStub();
        await using var issuer = await TestIssuer.DownAsync();
        await using var gate = await PrefectGate.StartAsync(stub.Beside(), setup => setup with { Issuer = issuer });
        using var client = await SocketEnd.CallAsync(gate.Address, In);
        await client.AuthAsync("u:" + issuer.Token("worker"));
        await client.SayAsync(SocketOpcode.Ping, "here");
        Assert.Equal("Pong here", await client.HearAsync());
        Assert.Equal(0, stub.Attempts);

        await issuer.ReturnAsync();
        using var server = await stub.LetInAsync();

        Assert.Equal(SocketStub.Success, await client.HearAsync());
    }

    [Fact]
    public async Task ServerThatIsLost_SendsTheClientAwayToComeAgain()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, In, "worker");

        server.Dispose();

        Assert.StartsWith("Close 1012", await client.HearAsync());
        client.Dispose();
    }

    [Fact]
    public async Task ServersCredential_ThatIsNotTaken_IsNotTheClientsFault()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, In);
        await client.AuthAsync("u:" + gate.Gate.Issuer.Token("worker"));
        using var refusing = await stub.NextAsync();
        await refusing.HearAsync();
        await refusing.CloseAsync(1008, "Invalid token");

        using var server = await stub.LetInAsync();

        Assert.Equal(SocketStub.Success, await client.HearAsync());
    }

    /// <summary>F3: what was taken away ends within seconds, with a code after which the client hears the refusal.</summary>
    [Fact]
    public async Task Policy_ThatTakesItAway_ClosesTheSocket()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, In, "worker");
        var (staying, other) = await stub.OpenAsync(gate, In, "alice");

        await gate.Gate.SetPolicyAsync(PrefectGate.Policy.Replace("user:worker", "user:nobody", StringComparison.Ordinal));

        Assert.StartsWith("Close 1008 Not allowed: event.write", await client.HearAsync());
        await client.CloseAsync(1008);
        await staying.SayAsync("{\"event\":\"a\"}");
        Assert.Equal("Text {\"event\":\"a\"}", await other.HearAsync());
        using var again = await SocketEnd.CallAsync(gate.Address, In);
        await again.AuthAsync("u:" + gate.Gate.Issuer.Token("worker"));
        Assert.StartsWith("Close 1008", await again.HearAsync());
        Array.ForEach([client, server, staying, other], end => end.Dispose());
    }

    [Fact]
    public async Task Key_ThatIsRevoked_ClosesItsSocket_AndNoOther()
    {
        var stub = new SocketStub();
        await using var gate = await PrefectGate.StartAsync(stub.Beside(), setup => setup with
        {
            IdentityExtra = GateAccounts.Configuration,
            PolicyText = """
                bindings:
                  - { who: ["account:etl"], role: worker, where: { prefect: main } }
                """,
        });
        await using var accounts = new GateAccounts(gate.Gate);
        var account = await accounts.AddAsync("etl");
        var (revoked, text) = await accounts.AddKeyAsync(account);
        var (_, other) = await accounts.AddKeyAsync(account);
        var (client, server) = await stub.OpenWithAsync(gate, Tasks, text);
        var (staying, its) = await stub.OpenWithAsync(gate, In, other);

        await accounts.UpdateAsync(revoked with { RevokedAt = DateTimeOffset.UtcNow });

        Assert.Equal("Close 1008 Invalid token", await client.HearAsync());
        await staying.SayAsync("{}");
        Assert.Equal("Text {}", await its.HearAsync());
        Array.ForEach([client, server, staying, its], end => end.Dispose());
    }

    [Fact]
    public async Task Callers_WithTooManyOpen_ComeAgainLater()
    {
        var stub = new SocketStub();
        await using var gate = await PrefectGate.StartAsync(stub.Beside(), setup => setup with { Extra = "limits: { openCallsPerCaller: 1 }" });
        var (client, server) = await stub.OpenAsync(gate, In, "worker");
        using var second = await SocketEnd.CallAsync(gate.Address, In);

        await second.AuthAsync("u:" + gate.Gate.Issuer.Token("worker"));

        Assert.StartsWith("Close 1012", await second.HearAsync());
        Assert.Equal(1, stub.Attempts);
        client.Dispose();
        server.Dispose();
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(line => line["refusal"] == "limited"));
    }

    [Fact]
    public async Task Credential_ThatEnds_ClosesTheSocket()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        using var client = await SocketEnd.CallAsync(gate.Address, In);
        await client.AuthAsync("u:" + gate.Gate.Issuer.Mint(claims => claims["exp"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 28, "worker"));
        using var server = await stub.LetInAsync();
        Assert.Equal(SocketStub.Success, await client.HearAsync());

        Assert.Equal("Close 1008 Invalid token", await client.HearAsync());
    }

    [Fact]
    public async Task GateThatEnds_SendsItsSocketsAway_ToComeAgain()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Tasks, "worker");
        var (events, other) = await stub.OpenAsync(gate, Out, "bob");
        using var waiting = await SocketEnd.CallAsync(gate.Address, In);

        var stopping = gate.Gate.StopAsync();

        Assert.StartsWith("Close 1012", await client.HearAsync());
        Assert.StartsWith("Close 1012", await events.HearAsync());
        Assert.StartsWith("Close 1012", await waiting.HearAsync());
        Array.ForEach([client, server, events, other, waiting], end => end.Dispose());
        await stopping.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Server_ThatCloses_IsHeardAsItSaidIt()
    {
        var (stub, gate) = await StartAsync();
        await using var running = gate;
        var (client, server) = await stub.OpenAsync(gate, Tasks, "worker");

        await server.CloseAsync(1011, "heartbeat_persistence_failed");

        Assert.Equal("Close 1011 heartbeat_persistence_failed", await client.HearAsync());
        client.Dispose();
        server.Dispose();
    }
}
