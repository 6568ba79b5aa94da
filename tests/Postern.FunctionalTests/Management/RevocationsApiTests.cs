using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Management;

public sealed class RevocationsApiTests
{
    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration };

    [Fact]
    public async Task Token_IsRevokedByItsId_AndTakenAgainWhenThatIsLifted()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var token = gate.Issuer.Mint(claims => { claims["jti"] = "token/1 ü"; claims["groups"] = new System.Text.Json.Nodes.JsonArray("payments"); }, "alice");
        Assert.Equal(0, await StatusAsync(gate, token));
        var revoked = (await root.PostAsync("/v1/revocations", """{"kind":"token","value":"token/1 ü"}""")).Is(201);
        Assert.Equal(GrpcCode.Unauthenticated, await StatusAsync(gate, token));
        var listed = Assert.Single((await root.GetAsync("/v1/revocations")).Is(200).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(("token", "token/1 ü", "test/root"), (listed.GetProperty("kind").GetString(), listed.GetProperty("value").GetString(), listed.GetProperty("by").GetString()));
        (await root.DeleteAsync(revoked.Headers["Location"], match: null)).Is(204);
        Assert.Equal(0, await StatusAsync(gate, token));
        (await root.DeleteAsync(revoked.Headers["Location"], match: null)).IsProblem(404, "not-found");
    }

    // J8.
    [Fact]
    public async Task Caller_IsRevokedUpToNow_AndLaterTokensAreTaken()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        string Issued(int seconds) => gate.Issuer.Mint(
            claims => { claims["iat"] = DateTimeOffset.UtcNow.AddSeconds(seconds).ToUnixTimeSeconds(); claims["groups"] = new System.Text.Json.Nodes.JsonArray("payments"); }, "alice");
        var before = Issued(-60);
        Assert.Equal(0, await StatusAsync(gate, before));
        (await root.PostAsync("/v1/revocations", """{"kind":"caller","value":"test/alice"}""")).Is(201);
        Assert.Equal(GrpcCode.Unauthenticated, await StatusAsync(gate, before));
        Assert.Equal(0, await StatusAsync(gate, Issued(5)));
    }

    [Theory]
    [InlineData("""{"kind":"caller","value":"alice"}""", "value")]
    [InlineData("""{"kind":"token","value":""}""", "value")]
    [InlineData("""{"kind":"colour","value":"red"}""", "kind")]
    [InlineData("""{"kind":"token","value":"x","until":"2001-01-01T00:00:00Z"}""", "until")]
    public async Task RevocationThatIsWrong_IsRefusedWithTheMember(string body, string member)
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var answer = (await root.PostAsync("/v1/revocations", body)).IsProblem(400, "invalid");
        Assert.Equal(member, answer.Json.GetProperty("errors")[0].GetProperty("member").GetString());
        (await root.DeleteAsync("/v1/revocations/colour/red", match: null)).IsProblem(404, "not-found");
    }

    [Fact]
    public async Task WhoAmI_IsThePolicysWords()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var alice = new ManagementApiClient(gate, gate.Issuer.Token("alice", "payments"));
        var who = (await alice.GetAsync("/v1/whoami")).Is(200);
        Assert.Equal(("test/alice", "issuer", "False"), (who["caller"], who["credential"], who["mayManageAccounts"]));
        var rule = Assert.Single(who.Json.GetProperty("bindings").EnumerateArray());
        Assert.Equal(("bindings[0]", "[\"developer\"]", "{\"namespace\":[\"payments\"]}"), (rule.GetProperty("rule").GetString(), rule.GetProperty("what").ToString(), rule.GetProperty("where").ToString()));
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        Assert.Equal("True", (await root.GetAsync("/v1/whoami"))["mayManageAccounts"]);
    }

    private static async Task<int> StatusAsync(Gate gate, string token) => (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status;
}
