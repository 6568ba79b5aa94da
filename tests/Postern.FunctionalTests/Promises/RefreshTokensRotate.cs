using Postern.FunctionalTests.Infrastructure;
using Postern.Identity.Postern;
using Postern.Model;
using Postern.OAuth;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// A refresh token is replaced by each use. The one before the newest stays good until the newest has been used, since a client may lose an answer; one that is older was
/// copied, and ends the session with all that came of it.
/// </summary>
public sealed class RefreshTokensRotate : IAsyncLifetime
{
    private const string Client = "postern-cli";
    private const string Policy = """
        bindings:
          - { who: ["group:test/payments"], role: developer, where: { temporal: payments } }
          - { who: ["account:red"], role: developer, where: { temporal: payments } }
          - { who: ["user:test/root"], role: admin, scope: cluster }
        """;

    private static readonly LoggedIn s_alice = new()
    {
        Name = "test/alice", Kind = CallerKind.Human, Claims = new IssuedClaims { Issuer = "test", Subject = "alice", Groups = ["payments"] },
    };

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
    public async Task StockCli_BasicWithAnEmptySecret_GetsAFreshPair()
    {
        var token = await _accounts.AddSessionAsync(s_alice);

        var answer = await _client.PostAsync("/oauth/token", (Client, ""), ("grant_type", "refresh_token"), ("refresh_token", token));

        Assert.True(answer.Status == 200, answer.Text);
        Assert.NotEqual(token, answer["refresh_token"]);
        Assert.Equal("test/alice", new SignedToken(answer.AccessToken).Subject);
        Assert.Equal(0, await StartAsync(answer.AccessToken));
        Assert.Equal(200, (await RefreshAsync(answer["refresh_token"]!)).Status);
    }

    [Fact]
    public async Task RefusedTry_UsesNothingUp()
    {
        var token = await _accounts.AddSessionAsync(s_alice);

        foreach (var basic in new[] { ("other", ""), (Client, "wrong"), ("other", "pst_wrong") })
        {
            Assert.Equal("invalid_client", (await _client.PostAsync("/oauth/token", basic, ("grant_type", "refresh_token"), ("refresh_token", token))).Error);
        }

        Assert.Equal("invalid_scope", (await RefreshAsync(token, ("scope", "whatever"))).Error);
        Assert.Equal(200, (await RefreshAsync(token)).Status);
    }

    [Fact]
    public async Task LostAnswer_IsGivenAgain_AlsoToManyAtOnce()
    {
        var token = await _accounts.AddSessionAsync(s_alice);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => RefreshAsync(token)));

        Assert.All(answers, answer => Assert.True(answer.Status == 200, answer.Text));
        var next = Assert.Single(answers.Select(answer => answer["refresh_token"]).Distinct());
        Assert.Equal(next, (await RefreshAsync(token))["refresh_token"]);
        Assert.Equal(200, (await RefreshAsync(next!)).Status);
    }

    [Fact]
    public async Task TokenThatWasReplacedLongAgo_EndsTheSession()
    {
        var first = await _accounts.AddSessionAsync(s_alice);
        var second = await RefreshAsync(first);
        var third = await RefreshAsync(second["refresh_token"]!);
        Assert.Equal(0, await StartAsync(third.AccessToken));

        var answer = await RefreshAsync(first);

        Assert.Equal((400, "invalid_grant"), (answer.Status, answer.Error));
        Assert.Contains("run postern login", answer.Description, StringComparison.Ordinal);
        Assert.Equal("invalid_grant", (await RefreshAsync(third["refresh_token"]!)).Error);
        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(third.AccessToken));
    }

    [Fact]
    public async Task MadeUpToken_EndsNothing()
    {
        var token = await _accounts.AddSessionAsync(s_alice);
        var other = _accounts.Refresh.First(RefreshTokens.NewFamily());
        var forged = token[..^1] + (token[^1] == 'A' ? 'Q' : 'A');
        var spliced = token[..30] + other[30..];

        foreach (var bad in new[] { forged, spliced, other, token[..^5], "prt_", "x" })
        {
            Assert.Equal("invalid_grant", (await RefreshAsync(bad)).Error);
        }

        Assert.Equal(200, (await RefreshAsync(token)).Status);
    }

    [Fact]
    public async Task RevokedSession_EndsItsTokens_AndNoOther()
    {
        var (token, other) = (await RefreshAsync(await _accounts.AddSessionAsync(s_alice)), await RefreshAsync(await _accounts.AddSessionAsync(s_alice)));

        Assert.Equal("unauthorized_client", (await _client.PostAsync("/oauth/revoke", null, ("token", token["refresh_token"]!), ("client_id", "other"))).Error);
        Assert.Equal(200, (await _client.PostAsync("/oauth/revoke", (Client, ""), ("token", token["refresh_token"]!))).Status);

        Assert.Equal("invalid_grant", (await RefreshAsync(token["refresh_token"]!)).Error);
        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(token.AccessToken));
        Assert.Equal(0, await StartAsync(other.AccessToken));
        Assert.Equal(200, (await RefreshAsync(other["refresh_token"]!)).Status);
    }

    [Fact]
    public async Task ForkedSession_EndsWithTheOneItCameFrom_AndNotTheOtherWayRound()
    {
        var parent = await RefreshAsync(await _accounts.AddSessionAsync(s_alice));
        var child = await ForkAsync(parent["refresh_token"]!);
        var grandchild = await ForkAsync(child["refresh_token"]!);
        var exchanged = await _client.ExchangeAsync(grandchild.AccessToken, TokenClient.AccessToken);
        var sibling = await ForkAsync(parent["refresh_token"]!);
        var stranger = await RefreshAsync(await _accounts.AddSessionAsync(s_alice));
        using var root = new ManagementApiClient(_gate, _gate.Issuer.Token("root"));

        await RevokeAsync(root, sibling);
        Assert.Equal("invalid_grant", (await RefreshAsync(sibling["refresh_token"]!)).Error);
        foreach (var answer in new[] { parent, child, grandchild, exchanged })
        {
            Assert.Equal(0, await StartAsync(answer.AccessToken));
        }

        var lifted = await RevokeAsync(root, parent);
        foreach (var answer in new[] { parent, child, grandchild, exchanged })
        {
            Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(answer.AccessToken));
        }

        // Also once the revocation is forgotten.
        (await root.DeleteAsync(lifted)).Is(204);
        foreach (var answer in new[] { parent, child, grandchild })
        {
            Assert.Equal("invalid_grant", (await RefreshAsync(answer["refresh_token"]!)).Error);
            Assert.Equal("invalid_grant", (await ForkAsync(answer["refresh_token"]!, isGood: false)).Error);
        }

        Assert.Equal(200, (await RefreshAsync(stranger["refresh_token"]!)).Status);
    }

    [Fact]
    public async Task ForkedSession_EndsWithTheOneItCameFrom_WhereThatWasCopied()
    {
        var first = await _accounts.AddSessionAsync(s_alice);
        var second = await RefreshAsync(first);
        var child = await ForkAsync(second["refresh_token"]!);
        await RefreshAsync(second["refresh_token"]!);
        await RefreshAsync((await RefreshAsync(second["refresh_token"]!))["refresh_token"]!);

        Assert.Equal("invalid_grant", (await RefreshAsync(first)).Error);

        Assert.Equal("invalid_grant", (await RefreshAsync(child["refresh_token"]!)).Error);
        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(child.AccessToken));
    }

    [Fact]
    public async Task SessionsAreForked_NotForEver()
    {
        var token = await _accounts.AddSessionAsync(s_alice);
        for (var i = 0; i < 4; i++)
        {
            token = (await ForkAsync(token))["refresh_token"]!;
        }

        Assert.Equal("invalid_request", (await ForkAsync(token, isGood: false)).Error);
        Assert.Equal(200, (await RefreshAsync(token)).Status);
    }

    [Fact]
    public async Task EndedSessions_AndAccountsThatAreDisabled_GetNothing()
    {
        var account = await _accounts.AddAsync("red");
        await _accounts.AddKeyAsync(account);
        var login = new LoggedIn { Name = "postern/red", Kind = CallerKind.Service, Claims = new IssuedClaims { Principal = account.Id } };
        var token = await RefreshAsync(await _accounts.AddSessionAsync(login));
        Assert.Equal(0, await StartAsync(token.AccessToken));

        Assert.Equal("invalid_grant", (await RefreshAsync(await _accounts.AddSessionAsync(s_alice, with: family => family with { ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) }))).Error);
        var untrusted = s_alice with { Name = "gone/alice", Claims = s_alice.Claims with { Issuer = "gone" } };
        Assert.Equal("invalid_grant", (await RefreshAsync(await _accounts.AddSessionAsync(untrusted))).Error);
        await _accounts.UpdateAsync(account with { Disabled = true });
        await Eventually.AnswersAsync(() => StartAsync(token.AccessToken), status => status == GrpcCode.Unauthenticated);
        Assert.Equal("invalid_grant", (await RefreshAsync(token["refresh_token"]!)).Error);
    }

    private async Task<TokenAnswer> ForkAsync(string token, bool isGood = true)
    {
        var answer = await _client.ExchangeAsync(token, "urn:ietf:params:oauth:token-type:refresh_token", ("client_id", Client), ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"));
        Assert.True(answer.Status == 200 == isGood, answer.Text);
        return answer;
    }

    private static async Task<string> RevokeAsync(ManagementApiClient root, TokenAnswer session)
    {
        var id = new SignedToken(session.AccessToken)["sid"]!;
        (await root.PostAsync("/v1/revocations", $$"""{"kind":"session","value":"{{id}}"}""")).Is(201);
        return $"/v1/revocations/session/{id}";
    }

    private Task<TokenAnswer> RefreshAsync(string token, params (string, string)[] more) =>
        _client.TokenAsync([("grant_type", "refresh_token"), ("client_id", Client), ("refresh_token", token), .. more]);

    private async Task<int> StartAsync(string token) =>
        (await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status;
}
