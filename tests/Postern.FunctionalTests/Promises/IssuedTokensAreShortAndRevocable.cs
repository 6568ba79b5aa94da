using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// What the gate issues speaks for an account for minutes, at the engines that it was made for, never for more than the key that it was got with; and it ends with
/// the account, with the key, and when it is revoked.
/// </summary>
public sealed class IssuedTokensAreShortAndRevocable : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["account:red"], role: developer, where: { temporal: "*" } }
          - { who: ["account:red"], role: admin, where: { temporal: "*" } }
        """;

    private Gate _gate = null!;
    private GateAccounts _accounts = null!;
    private TokenClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = Policy, IdentityExtra = GateAccounts.Configuration, Extra = TokenClient.Configuration, Listen = "- { address: \"127.0.0.1:0\", protocol: http }",
        });
        _accounts = new GateAccounts(_gate);
        _client = new TokenClient(_gate.GrpcAddress);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _accounts.DisposeAsync();
        await _gate.DisposeAsync();
    }

    [Fact]
    public async Task TokenOfAnAccount_IsWhatTheStandardsSay_AndOpensTheEngine()
    {
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));

        var answer = await _client.PostAsync("/oauth/token", ("red", key), ("grant_type", "client_credentials"));

        Assert.True(answer.Status == 200, answer.Text);
        Assert.Equal("no-store", answer.CacheControl);
        Assert.Equal("Bearer", answer["token_type"]);
        Assert.InRange(answer.Body.GetProperty("expires_in").GetInt64(), 895, 900);
        var token = new SignedToken(answer.AccessToken);
        Assert.Equal(("at+jwt", "ES256"), (token.Header.GetProperty("typ").GetString(), token.Header.GetProperty("alg").GetString()));
        Assert.Equal((TokenClient.Issuer, "postern/red", "red", TokenClient.Engine, "service"), (token["iss"], token.Subject, token["client_id"], token["aud"], token["kind"]));
        Assert.NotNull(token["jti"]);
        Assert.True(token.IsSignedBy((await _client.GetAsync("/oauth/jwks")).Body));
        var call = await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), answer.AccessToken, TestContext.Current.CancellationToken);
        Assert.True(call.Status == 0, call.Message);
        Assert.Equal("postern/red", new UpstreamToken(_gate.Engine.Calls[^1]).Subject);
    }

    [Fact]
    public async Task Discovery_NamesWhatIsThere()
    {
        var answer = await _client.GetAsync("/.well-known/oauth-authorization-server");

        Assert.Equal((200, TokenClient.Issuer, TokenClient.Issuer + "/oauth/token"), (answer.Status, answer["issuer"], answer["token_endpoint"]));
        Assert.Equal(404, (await _client.GetAsync("/.well-known/openid-configuration")).Status);
        Assert.Equal(404, (await _client.GetAsync("/oauth/token/")).Status);
        Assert.Equal(405, (await _client.GetAsync("/oauth/token")).Status);
    }

    [Fact]
    public async Task ListenerOfHttp1_ServesTheSame()
    {
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        using var http1 = new TokenClient(_gate.Listener(1), HttpVersion.Version11);

        var answer = await http1.TokenAsync(("grant_type", "client_credentials"), ("client_id", "red"), ("client_secret", key));

        Assert.True(answer.Status == 200, answer.Text);
    }

    [Fact]
    public async Task Refused_WithoutAKeyThatWorks()
    {
        var account = await _accounts.AddAsync("red");
        var (_, key) = await _accounts.AddKeyAsync(account);
        var (revoked, revokedText) = await _accounts.AddKeyAsync(account);
        await _accounts.UpdateAsync(revoked with { RevokedAt = DateTimeOffset.UtcNow });
        await Eventually.AnswersAsync(() => _gate.Client.CallAsync("GetSystemInfo", Array.Empty<byte>(), revokedText), answer => answer.Status == GrpcCode.Unauthenticated);
        await _accounts.AddAsync("blue");

        foreach (var (id, secret) in new[] { ("red", key[..^1] + (key[^1] == 'A' ? 'B' : 'A')), ("red", revokedText), ("blue", key), ("nobody", "secret"), ("red", "eyJhbGciOiJub25lIn0.e30.") })
        {
            var answer = await _client.PostAsync("/oauth/token", (id, secret), ("grant_type", "client_credentials"));
            Assert.Equal((401, "invalid_client", true), (answer.Status, answer.Error, answer.Challenge.StartsWith("Basic", StringComparison.Ordinal)));
        }

        Assert.Equal(401, (await _client.TokenAsync(("grant_type", "client_credentials"), ("client_id", "red"))).Status);
        Assert.Equal(("invalid_request", 400), await ErrorAsync(("grant_type", "client_credentials"), ("grant_type", "client_credentials")));
        Assert.Equal(("unsupported_grant_type", 400), await ErrorAsync(("grant_type", "password")));
        Assert.Equal("invalid_request", (await _client.PostAsync($"/oauth/token?client_id=red&client_secret={key}", null, ("grant_type", "client_credentials"))).Error);
        Assert.Equal("invalid_request", (await _client.PostAsync("/oauth/token", ("red", key), ("grant_type", "client_credentials"), ("client_secret", key))).Error);
        using var large = new HttpRequestMessage(HttpMethod.Post, "/oauth/token") { Content = new StringContent("a=" + new string('x', 70_000), Encoding.ASCII, "application/x-www-form-urlencoded") };
        Assert.Equal(413, (await _client.SendAsync(large)).Status);
    }

    [Fact]
    public async Task ManyFailures_AreThrottledByAddress()
    {
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        TokenAnswer answer;
        var tries = 0;
        do
        {
            answer = await _client.PostAsync("/oauth/token", ("red", "wrong"), ("grant_type", "client_credentials"));
        }
        while (answer.Status == 401 && ++tries < 1000);

        Assert.Equal(429, answer.Status);
        Assert.NotNull(answer.RetryAfter);
        using var other = new TokenClient(_gate.GrpcAddress);
        await other.ByKeyAsync("red", key);
    }

    [Fact]
    public async Task Scopes_TakeAway_AndNeverAdd()
    {
        var account = await _accounts.AddAsync("red", red => red with { Namespaces = ["pay*"] });
        var (_, key) = await _accounts.AddKeyAsync(account, narrow => narrow with { Namespaces = ["payments", "payroll"] });

        Assert.Equal(0, await StartAsync(await _client.ByKeyAsync("red", key), "payments"));
        Assert.Equal(0, await StartAsync(await _client.ByKeyAsync("red", key, ("scope", "namespace:pay* role:developer")), "payments"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(await _client.ByKeyAsync("red", key, ("scope", "namespace:*")), "ledger"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(await _client.ByKeyAsync("red", key, ("scope", "namespace:*")), "payback"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(await _client.ByKeyAsync("red", key, ("scope", "namespace:payroll")), "payments"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(await _client.ByKeyAsync("red", key, ("scope", "role:viewer")), "payments"));
        Assert.Equal("invalid_scope", (await _client.PostAsync("/oauth/token", ("red", key), ("grant_type", "client_credentials"), ("scope", "admin"))).Error);
    }

    [Fact]
    public async Task AudienceOfAnApi_IsOnTheAccountsList_AndOpensNothingHere()
    {
        const string Api = "https://billing.example.com";
        var account = await _accounts.AddAsync("red", red => red with { Audiences = red.Audiences.Add(Api, ["invoices:read", "invoices:write"]) });
        var (_, key) = await _accounts.AddKeyAsync(account);

        var token = new SignedToken(await _client.ByKeyAsync("red", key, ("resource", Api), ("scope", "invoices:read")));

        Assert.Equal((Api, "invoices:read", "postern/red"), (token["aud"], token["scope"], token.Subject));
        Assert.False(token.Claims.TryGetProperty("postern", out _));
        var call = await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token.Text, TestContext.Current.CancellationToken);
        Assert.Equal(GrpcCode.Unauthenticated, call.Status);
        foreach (var (resource, scope, error) in new[]
        {
            (Api, "invoices:delete", "invalid_scope"), ("https://ledger.example.com", "", "invalid_target"), (TokenClient.Issuer + "/other", "", "invalid_target"), (TokenClient.Issuer, "", "invalid_target"),
        })
        {
            Assert.Equal(error, (await _client.PostAsync("/oauth/token", ("red", key), ("grant_type", "client_credentials"), ("resource", resource), ("scope", scope))).Error);
        }

        Assert.Equal("invalid_target", (await _client.PostAsync("/oauth/token", ("red", key), ("grant_type", "client_credentials"), ("resource", Api), ("resource", TokenClient.Engine))).Error);
    }

    [Fact]
    public async Task DisabledAccount_RevokedKey_RevokedToken_EndWhatTheyGaveOut()
    {
        var account = await _accounts.AddAsync("red");
        var (_, first) = await _accounts.AddKeyAsync(account);
        var (second, secondText) = await _accounts.AddKeyAsync(account);
        var (ofFirst, alsoOfFirst, ofSecond) = (await _client.ByKeyAsync("red", first), await _client.ByKeyAsync("red", first), await _client.ByKeyAsync("red", secondText));
        foreach (var token in new[] { ofFirst, alsoOfFirst, ofSecond })
        {
            Assert.Equal(0, await StartAsync(token, "payments"));
        }

        Assert.Equal("unauthorized_client", (await _client.PostAsync("/oauth/revoke", null, ("token", alsoOfFirst), ("client_id", "blue"))).Error);
        Assert.Equal(200, (await _client.PostAsync("/oauth/revoke", ("red", first), ("token", alsoOfFirst))).Status);
        Assert.Equal(200, (await _client.PostAsync("/oauth/revoke", ("red", first), ("token", "whatever"))).Status);
        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(alsoOfFirst, "payments"));
        await _accounts.UpdateAsync(second with { RevokedAt = DateTimeOffset.UtcNow });
        await Eventually.AnswersAsync(() => StartAsync(ofSecond, "payments"), status => status == GrpcCode.Unauthenticated);
        Assert.Equal(0, await StartAsync(ofFirst, "payments"));
        await _accounts.UpdateAsync(account with { Disabled = true });
        await Eventually.AnswersAsync(() => StartAsync(ofFirst, "payments"), status => status == GrpcCode.Unauthenticated);
    }

    [Fact]
    public async Task Introspection_SaysWhatCounts_ToAccountsOnly()
    {
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        var (_, asking) = await _accounts.AddKeyAsync(await _accounts.AddAsync("engine"));
        var token = await _client.ByKeyAsync("red", key, ("scope", "namespace:payments"));

        var active = await _client.PostAsync("/oauth/introspect", ("engine", asking), ("token", token));

        Assert.Equal(("true", "postern/red", "namespace:payments", "red"), (active["active"], active["sub"], active["scope"], active["client_id"]));
        Assert.Null(active["postern"]);
        Assert.Equal(401, (await _client.PostAsync("/oauth/introspect", null, ("token", token), ("client_id", "engine"))).Status);
        Assert.Equal("{\"active\":false}", (await _client.PostAsync("/oauth/introspect", ("engine", asking), ("token", _gate.Issuer.Token("alice")))).Text);
        await _client.PostAsync("/oauth/revoke", ("red", key), ("token", token));
        Assert.Equal("{\"active\":false}", (await _client.PostAsync("/oauth/introspect", ("engine", asking), ("token", token))).Text);
    }

    [Fact]
    public async Task SignedAssertion_IsACredential_Once()
    {
        var pair = TestKey.Es256("laptop");
        await _accounts.AddKeyAsync(await _accounts.AddAsync("red", red => red with { PublicKeys = [pair.Public().ToJsonString()] }));

        var assertion = Assertion(pair);
        var answer = await _client.TokenAsync(ByAssertion(assertion));
        Assert.True(answer.Status == 200, answer.Text);
        Assert.Equal(0, await StartAsync(answer.AccessToken, "payments"));

        Assert.Equal("The client assertion was used before.", (await _client.TokenAsync(ByAssertion(assertion))).Description);
        foreach (var bad in new[]
        {
            Assertion(TestKey.Es256("laptop")), Assertion(pair, claims => claims["aud"] = "https://elsewhere.example.com"), Assertion(pair, claims => claims["sub"] = "blue"), Assertion(pair, claims => claims.Remove("jti")),
            Assertion(pair, claims => claims["exp"] = DateTimeOffset.UtcNow.AddHours(1).ToUnixTimeSeconds()), Assertion(pair, claims => claims["exp"] = DateTimeOffset.UtcNow.AddHours(-1).ToUnixTimeSeconds()),
            Assertion(TestKey.None("laptop")), Assertion(TestKey.Hs256("laptop", Encoding.ASCII.GetBytes(pair.Public().ToJsonString()))),
        })
        {
            Assert.Equal("invalid_client", (await _client.TokenAsync(ByAssertion(bad))).Error);
        }
    }

    [Fact]
    public async Task CertificateOfTheConnection_IsAClientsCredential_AndEndsItsTokens()
    {
        await using var bench = await CertificateGate.StartAsync("""
            - { name: workers, authorities: ["{ca}"], filters: [{ dns: "*.workers.example" }], account: red, namespaces: [payments] }
            """, Policy, extra: TokenClient.Configuration);
        await using var accounts = new GateAccounts(bench.Gate);
        var (_, key) = await accounts.AddKeyAsync(await accounts.AddAsync("red"));
        using var certificate = bench.Workers.Issue(names: names => names.AddDnsName("w.workers.example"));
        using var client = bench.Tokens(certificate);
        using var without = bench.Tokens(null);

        var answer = await client.TokenAsync(("grant_type", "client_credentials"), ("client_id", "red"));

        Assert.True(answer.Status == 200, answer.Text);
        async Task<int> CallAsync(string token, string @namespace) =>
            (await bench.Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(@namespace), token, TestContext.Current.CancellationToken)).Status;
        Assert.Equal((0, GrpcCode.PermissionDenied), (await CallAsync(answer.AccessToken, "payments"), await CallAsync(answer.AccessToken, "ledger")));
        Assert.Equal("invalid_client", (await client.TokenAsync(("grant_type", "client_credentials"), ("client_id", "blue"))).Error);
        Assert.Equal("invalid_client", (await client.TokenAsync(("grant_type", "client_credentials"))).Error);
        Assert.Equal("invalid_client", (await without.TokenAsync(("grant_type", "client_credentials"), ("client_id", "red"))).Error);
        Assert.Equal("invalid_request", (await client.PostAsync("/oauth/token", ("red", key), ("grant_type", "client_credentials"))).Error);
        Assert.Equal(200, (await without.PostAsync("/oauth/token", ("red", key), ("grant_type", "client_credentials"))).Status);
        Assert.Contains("tls_client_auth", (await client.GetAsync("/.well-known/oauth-authorization-server")).Text, StringComparison.Ordinal);

        var id = bench.Gate.Audit.Records().First(line => line["operation"] == "oauth.token")["credential"]!;
        await accounts.Store.RevokeAsync([new Revocation(RevocationKind.Certificate, id, DateTimeOffset.UtcNow, null, "test/root")], TestContext.Current.CancellationToken);
        await Eventually.AnswersAsync(() => CallAsync(answer.AccessToken, "payments"), status => status == GrpcCode.Unauthenticated);
    }

    private static (string, string)[] ByAssertion(string assertion) =>
        [("grant_type", "client_credentials"), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", assertion)];

    private static string Assertion(TestKey key, Action<JsonObject>? change = null)
    {
        var claims = new JsonObject
        {
            ["iss"] = "red", ["sub"] = "red", ["aud"] = TokenClient.Issuer, ["exp"] = DateTimeOffset.UtcNow.AddMinutes(2).ToUnixTimeSeconds(), ["jti"] = Guid.NewGuid().ToString("N"),
        };
        change?.Invoke(claims);
        return key.Sign(new JsonObject { ["alg"] = key.Algorithm, ["kid"] = key.Id }, claims);
    }

    private async Task<int> StartAsync(string token, string @namespace) =>
        (await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(@namespace), token, TestContext.Current.CancellationToken)).Status;

    private async Task<(string?, int)> ErrorAsync(params (string, string)[] form)
    {
        var answer = await _client.TokenAsync(form);
        return (answer.Error, answer.Status);
    }
}
