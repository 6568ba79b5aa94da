using System.Text;
using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// What comes out of a token exchange speaks for whom the token speaks that went in, at no more engines, in no more namespaces, with no more roles and for no longer; who acts for whom stays
/// written in it; and it ends with what it was made from.
/// </summary>
public sealed class ExchangeNeverWidens : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["group:test/payments"], role: developer, where: { temporal: payments } }
          - { who: ["account:red", "agent:bot", "agent:bot2", "agent:bot3", "agent:bot4", "agent:bot5"], role: developer, where: { temporal: "*" } }
        deny:
          - { who: ["claim:contractor=yes"], what: [workflow.start] }
        """;

    private Gate _gate = null!;
    private GateAccounts _accounts = null!;
    private TokenClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy, IdentityExtra = GateAccounts.Configuration, Extra = TokenClient.Configuration });
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
    public async Task TokenOfAnIdentityProvider_BecomesAShortOneOfTheSameCaller()
    {
        var answer = await _client.ExchangeAsync(_gate.Issuer.Token("alice", "payments"), TokenClient.Jwt);

        Assert.True(answer.Status == 200, answer.Text);
        Assert.Equal((TokenClient.AccessToken, "Bearer"), (answer["issued_token_type"], answer["token_type"]));
        Assert.InRange(answer.Body.GetProperty("expires_in").GetInt64(), 1, 600);
        Assert.Equal("test/alice", new SignedToken(answer.AccessToken).Subject);
        Assert.Equal(0, await StartAsync(answer.AccessToken));
        Assert.Equal("test/alice", new UpstreamToken(_gate.Engine.Calls[^1]).Subject);
    }

    [Fact]
    public async Task ClaimThatADenyNames_IsNotLost()
    {
        var answer = await _client.ExchangeAsync(_gate.Issuer.Mint(claims => (claims["groups"], claims["contractor"]) = (new JsonArray("payments"), "yes")), TokenClient.Jwt);

        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(answer.AccessToken));
    }

    [Fact]
    public async Task ActorsStandInTheToken_AndBoundIt_AndEndIt()
    {
        var bot = await _accounts.AddAsync("bot", account => account with { Kind = Postern.Model.CallerKind.Agent, Namespaces = ["payments"] });
        var (_, key) = await _accounts.AddKeyAsync(bot);
        var (_, red) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        var subject = await _client.ByKeyAsync("red", red);

        var answer = await ActAsync(subject, await _client.ByKeyAsync("bot", key));

        var token = new SignedToken(answer.AccessToken);
        Assert.Equal(("postern/red", "postern/bot", "bot"), (token.Subject, token.Claims.GetProperty("act").GetProperty("sub").GetString(), token["client_id"]));
        Assert.Equal(0, await StartAsync(token.Text));
        Assert.Equal(0, await StartAsync(subject, "ledger"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(token.Text, "ledger"));
        await _accounts.UpdateAsync(bot with { Disabled = true });
        await Eventually.AnswersAsync(() => StartAsync(token.Text), status => status == GrpcCode.Unauthenticated);
        Assert.Equal(0, await StartAsync(subject));
    }

    [Fact]
    public async Task ChainOfActors_IsKept_BoundedAndWithoutLoops()
    {
        var (_, red) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        var actors = new List<string>();
        foreach (var name in new[] { "bot", "bot2", "bot3", "bot4", "bot5" })
        {
            var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync(name, account => account with { Kind = Postern.Model.CallerKind.Agent }));
            actors.Add(await _client.ByKeyAsync(name, key));
        }

        var subject = await _client.ByKeyAsync("red", red);
        Assert.Equal("invalid_request", (await ActAsync(subject, subject)).Error);
        var token = subject;
        for (var i = 0; i < 4; i++)
        {
            token = (await ActAsync(token, actors[i])).AccessToken;
        }

        var act = new SignedToken(token).Claims.GetProperty("act");
        Assert.Equal("postern/bot4", act.GetProperty("sub").GetString());
        Assert.Equal("postern/bot", act.GetProperty("act").GetProperty("act").GetProperty("act").GetProperty("sub").GetString());
        Assert.Contains("No more than 4", (await ActAsync(token, actors[4])).Description, StringComparison.Ordinal);
        Assert.Contains("already", (await ActAsync((await ActAsync(subject, actors[0])).AccessToken, actors[0])).Description, StringComparison.Ordinal);
        Assert.Equal("invalid_request", (await ActAsync(subject, (await ActAsync(subject, actors[0])).AccessToken)).Error);
        // Without an actor the chain stays.
        Assert.Equal("postern/bot4", new SignedToken((await _client.ExchangeAsync(token, TokenClient.AccessToken)).AccessToken).Claims.GetProperty("act").GetProperty("sub").GetString());
    }

    [Fact]
    public async Task TypeThatTheTokenIsNot_IsRefused()
    {
        var id = _gate.Issuer.Mint(claims => claims["nonce"] = "n");
        var access = _gate.Issuer.Mint(header: header => header["typ"] = "at+jwt");

        Assert.Equal(200, (await _client.ExchangeAsync(id, TokenClient.IdToken)).Status);
        Assert.Equal(200, (await _client.ExchangeAsync(access, TokenClient.AccessToken)).Status);
        Assert.Equal("invalid_request", (await _client.ExchangeAsync(id, TokenClient.AccessToken)).Error);
        Assert.Equal("invalid_request", (await _client.ExchangeAsync(access, TokenClient.IdToken)).Error);
        Assert.Equal("invalid_request", (await _client.ExchangeAsync(access, "urn:ietf:params:oauth:token-type:saml2")).Error);
        Assert.Equal("invalid_request", (await _client.ExchangeAsync(access, TokenClient.AccessToken, ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"))).Error);
        Assert.Equal("invalid_request", (await _client.ExchangeAsync(access, TokenClient.AccessToken, ("actor_token_type", TokenClient.AccessToken))).Error);
        Assert.Equal("invalid_request", (await _client.TokenAsync(("grant_type", TokenClient.Exchange), ("subject_token", access))).Error);
    }

    [Fact]
    public async Task WhatTheGateWouldRefuse_IsNotExchanged()
    {
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string[] bad =
        [
            _gate.Issuer.Mint(claims => claims["aud"] = "other"), _gate.Issuer.Mint(claims => claims.Remove("aud")), _gate.Issuer.Mint(claims => claims["exp"] = now - 3600), _gate.Issuer.Mint(claims => claims.Remove("exp")),
            _gate.Issuer.Mint(claims => claims["nbf"] = now + 3600), _gate.Issuer.Mint(claims => claims["iss"] = "https://elsewhere.example.com"), _gate.Issuer.Mint(key: TestKey.Es256("key-1")),
            _gate.Issuer.Mint(key: TestKey.Hs256("key-1", Encoding.ASCII.GetBytes(_gate.Issuer.Key.Public().ToJsonString()))), _gate.Issuer.Mint(header: header => header["crit"] = new JsonArray("exp")),
            key, "whatever", "",
        ];

        foreach (var subject in bad)
        {
            Assert.Equal("invalid_request", (await _client.ExchangeAsync(subject, TokenClient.Jwt)).Error);
        }
    }

    [Fact]
    public async Task ScopeAndAudience_OnlyEverTakeAway()
    {
        const string Api = "https://billing.example.com";
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red", red => red with { Audiences = red.Audiences.Add(Api, ["invoices:read"]) }));
        var narrow = await _client.ByKeyAsync("red", key, ("scope", "namespace:payments role:viewer"));

        var asked = await _client.ExchangeAsync(narrow, TokenClient.AccessToken, ("scope", "namespace:* role:developer"));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(asked.AccessToken));
        Assert.Equal(GrpcCode.PermissionDenied, await StartAsync(asked.AccessToken, "ledger"));
        Assert.Equal("invalid_target", (await _client.ExchangeAsync(narrow, TokenClient.AccessToken, ("audience", Api))).Error);
        Assert.Equal("invalid_target", (await _client.ExchangeAsync(narrow, TokenClient.AccessToken, ("audience", TokenClient.Issuer + "/other"))).Error);
        Assert.Equal("invalid_target", (await _client.ExchangeAsync(_gate.Issuer.Token("alice"), TokenClient.Jwt, ("audience", Api))).Error);
        var forApi = await _client.ByKeyAsync("red", key, ("resource", Api));
        Assert.Equal("invalid_request", (await _client.ExchangeAsync(forApi, TokenClient.AccessToken)).Error);
        // It ends when the one ends that it was made from.
        Assert.InRange(new SignedToken(asked.AccessToken).Claims.GetProperty("exp").GetInt64(), 0, new SignedToken(narrow).Claims.GetProperty("exp").GetInt64());
    }

    [Fact]
    public async Task RevokedOrigin_EndsWhatWasMadeFromIt()
    {
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        var origin = await _client.ByKeyAsync("red", key);
        var made = (await _client.ExchangeAsync((await _client.ExchangeAsync(origin, TokenClient.AccessToken)).AccessToken, TokenClient.AccessToken)).AccessToken;
        Assert.Equal(0, await StartAsync(made));

        await _client.PostAsync("/oauth/revoke", null, ("token", origin), ("client_id", "red"));

        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(made));
    }

    [Fact]
    public async Task NobodyCallsHimselfAnAccount_WithoutItsKey()
    {
        await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));

        Assert.Equal("invalid_client", (await _client.ExchangeAsync(_gate.Issuer.Token("alice"), TokenClient.Jwt, ("client_id", "red"))).Error);
        Assert.Equal("ci-job", new SignedToken((await _client.ExchangeAsync(_gate.Issuer.Token("alice"), TokenClient.Jwt, ("client_id", "ci-job"))).AccessToken)["client_id"]);
    }

    private Task<TokenAnswer> ActAsync(string subject, string actor) =>
        _client.ExchangeAsync(subject, TokenClient.AccessToken, ("actor_token", actor), ("actor_token_type", TokenClient.AccessToken));

    private async Task<int> StartAsync(string token, string @namespace = "payments") =>
        (await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(@namespace), token, TestContext.Current.CancellationToken)).Status;
}
