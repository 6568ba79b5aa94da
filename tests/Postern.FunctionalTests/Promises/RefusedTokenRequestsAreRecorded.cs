using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>Who asks for tokens in vain leaves a trace: one record each, by which somebody who tries is found, and counts. Nothing that was tried stands in it.</summary>
public sealed class RefusedTokenRequestsAreRecorded
{
    private const string Client = "postern-cli";
    private const string Tried = "tried-this-as-a-name";
    private static readonly GateSetup Setup = new()
    {
        PolicyText = """
            bindings:
              - { who: ["user:test/root"], role: admin, scope: cluster }
            """,
        IdentityExtra = GateAccounts.Configuration + "\n  introspection: [ { name: legacy, endpoint: \"http://127.0.0.1:9/introspect\", clientId: gate, clientSecret: s } ]", Extra = TokenClient.Configuration,
    };

    [Fact]
    public async Task EachRefusedRequest_LeavesOneRecord_WithoutWhatWasTried()
    {
        await using var gate = await Gate.StartAsync(Setup);
        await using var accounts = new GateAccounts(gate);
        var (key, text) = await accounts.AddKeyAsync(await accounts.AddAsync("red"));
        using var client = new TokenClient(gate.GrpcAddress);
        using var browser = new Browser(client);
        var before = gate.Audit.Records().Count;

        await client.PostAsync("/oauth/token", ("red", text[..^1] + "x"), ("grant_type", "client_credentials"));
        await client.PostAsync("/oauth/token", (Tried, "pst_" + Tried), ("grant_type", "client_credentials"));
        await client.TokenAsync(("grant_type", "refresh_token"), ("client_id", Client), ("refresh_token", "prt_" + Tried));
        await client.TokenAsync(("grant_type", Tried), ("client_id", Client));
        await client.PostAsync("/oauth/introspect", null, ("client_id", "red"), ("token", Tried));
        var page = await browser.GoAsync("/oauth/authorize?response_type=code&client_id=postern-cli&redirect_uri=http://127.0.0.1:5000/&code_challenge_method=S256&code_challenge=" + new string('a', 43));
        Assert.Equal(403, (await browser.TypeAsync(page.Text, Tried, "password-" + Tried)).Status);
        await client.ByKeyAsync("red", text);

        var records = await Eventually.AnswersAsync(() => Task.FromResult(gate.Audit.Records().Skip(before).Where(record => record["operation"]!.StartsWith("oauth.", StringComparison.Ordinal)).ToList()), all => all.Count >= 7);
        Assert.Equal(
            ["oauth.token deny 401 red invalid_client", "oauth.token deny 401 - invalid_client", "oauth.token deny 400 postern-cli invalid_grant", "oauth.token deny 400 postern-cli unsupported_grant_type",
                "oauth.introspect deny 401 red invalid_client", "oauth.login deny 403 - access_denied", "oauth.token allow 0 https://gate.test/main client_credentials"],
            records.Select(record => $"{record["operation"]} {record["decision"]} {record["status"]} {record["target"] ?? "-"} {record["detail"]!.Split(':')[0]}"));
        Assert.All(records, record => Assert.StartsWith("127.", record["source"], StringComparison.Ordinal));
        Assert.All(records.Take(6), record => Assert.Null(record["caller"]));
        Assert.DoesNotContain(Tried, gate.Audit.Text(), StringComparison.Ordinal);
        var metrics = await gate.AdminAsync("/metrics");
        Assert.Contains("postern_tokens_refused_total{operation=\"oauth.token\",error=\"invalid_client\"} 2", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_tokens_refused_total{operation=\"oauth.login\",error=\"access_denied\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_tokens_issued_total{grant=\"client_credentials\"} 1", metrics, StringComparison.Ordinal);
        Assert.NotNull(key);
    }

    [Fact]
    public async Task DeviceThatWaits_LeavesNoRecord()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var client = new TokenClient(gate.GrpcAddress);
        var begun = await client.PostAsync("/oauth/device_authorization", null, ("client_id", Client));

        foreach (var expected in new[] { "authorization_pending", "slow_down", "slow_down" })
        {
            Assert.Equal(expected, (await client.TokenAsync(("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("client_id", Client), ("device_code", begun["device_code"]!))).Error);
        }

        await client.TokenAsync(("grant_type", "none"), ("client_id", Client));
        await Eventually.TrueAsync(() => gate.Audit.Records().Count > 0);
        Assert.Contains("unsupported_grant_type", Assert.Single(gate.Audit.Records())["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ManagementCalls_AreCounted_ByOperationAndStatus()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        using var bob = new ManagementApiClient(gate, gate.Issuer.Token("bob"));
        (await root.GetAsync("/v1/accounts")).Is(200);
        (await root.GetAsync("/v1/accounts")).Is(200);
        (await bob.GetAsync("/v1/accounts")).Is(403);
        await bob.GetAsync("/v1/made-up");

        var metrics = await gate.AdminAsync("/metrics");
        Assert.Contains("postern_management_calls_total{operation=\"ListAccounts\",status=\"200\"} 2", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_management_calls_total{operation=\"ListAccounts\",status=\"403\"} 1", metrics, StringComparison.Ordinal);
        Assert.Contains("postern_management_calls_total{operation=\"unknown\",status=\"404\"} 1", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task IntrospectionServerThatGivesNoAnswer_IsSeenInReadiness_WhichStaysReady()
    {
        await using var gate = await Gate.StartAsync(Setup);
        Assert.DoesNotContain("legacy", await gate.AdminAsync("/readyz"), StringComparison.Ordinal);

        Assert.Equal(GrpcCode.Unavailable, (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), "opaque-token", TestContext.Current.CancellationToken)).Status);

        var ready = await gate.AdminAsync("/readyz");
        Assert.Contains("\"ready\":true", ready, StringComparison.Ordinal);
        Assert.Contains("introspection legacy: no answers since", ready, StringComparison.Ordinal);
    }
}
