using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity.Postern;
using Postern.Model;
using Postern.OAuth;
using Postern.Storage;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// What one gate of a cluster issues opens every gate of it, and what one revokes ends on all. While their store is away tokens by key are issued and taken all the
/// same, and what would need the store is no "no".
/// </summary>
[Collection(nameof(PostgresServer))]
public sealed class TokensHoldOnEveryGate(PostgresServer server) : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["account:red"], role: developer, where: { temporal: payments } }
          - { who: ["group:test/payments"], role: developer, where: { temporal: payments } }
        """;

    private TestIssuer _issuer = null!;
    private Gate _first = null!;
    private Gate _second = null!;
    private GateAccounts _accounts = null!;

    public async ValueTask InitializeAsync()
    {
        var database = await server.CreateDatabaseAsync();
        _issuer = await TestIssuer.StartAsync();
        var setup = new GateSetup
        {
            Issuer = _issuer, PolicyText = Policy, IdentityExtra = GateAccounts.Configuration, Extra = $"{TokenClient.Configuration}\nstorage: {{ postgres: \"{database}\" }}",
        };
        _first = await Gate.StartAsync(setup);
        _second = await Gate.StartAsync(setup with { KeysOf = _first.Folder });
        _accounts = new GateAccounts(_first, new PostgresStore(database, TimeProvider.System));
    }

    public async ValueTask DisposeAsync()
    {
        await _accounts.DisposeAsync();
        await _second.DisposeAsync();
        await _first.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task TokenOfOne_OpensTheOther_UntilEitherRevokesIt()
    {
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red"));
        using var first = new TokenClient(_first.GrpcAddress);
        using var second = new TokenClient(_second.GrpcAddress);
        var token = await first.ByKeyAsync("red", key);
        Assert.True(new SignedToken(token).IsSignedBy((await second.GetAsync("/oauth/jwks")).Body));
        await Eventually.AnswersAsync(() => StartAsync(_second, token), status => status == 0);

        Assert.Equal(200, (await second.PostAsync("/oauth/revoke", null, ("token", token), ("client_id", "red"))).Status);

        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(_second, token));
        await Eventually.AnswersAsync(() => StartAsync(_first, token), status => status == GrpcCode.Unauthenticated);
    }

    [Fact]
    public async Task RefreshTokenOfOne_IsReplacedByTheOther_AndManyAtBothGetTheSame()
    {
        using var first = new TokenClient(_first.GrpcAddress);
        using var second = new TokenClient(_second.GrpcAddress);
        var token = await _accounts.AddSessionAsync(new LoggedIn { Name = "test/alice", Kind = CallerKind.Human, Claims = new IssuedClaims { Issuer = "test", Subject = "alice", Groups = ["payments"] } });

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => RefreshAsync(i % 2 == 0 ? first : second, token)));

        Assert.All(answers, answer => Assert.True(answer.Status == 200, answer.Text));
        var next = Assert.Single(answers.Select(answer => answer["refresh_token"]).Distinct())!;
        Assert.Equal(200, (await RefreshAsync(second, next)).Status);
        Assert.Equal(0, await StartAsync(_first, answers[1].AccessToken));
    }

    [Fact]
    public async Task SessionForkedAtOne_EndsWhereItsParentIsRevokedAtTheOther()
    {
        using var first = new TokenClient(_first.GrpcAddress);
        using var second = new TokenClient(_second.GrpcAddress);
        const string Refresh = "urn:ietf:params:oauth:token-type:refresh_token";
        var token = await _accounts.AddSessionAsync(new LoggedIn { Name = "test/alice", Kind = CallerKind.Human, Claims = new IssuedClaims { Issuer = "test", Subject = "alice", Groups = ["payments"] } });
        var forked = await second.ExchangeAsync(token, Refresh, ("client_id", "postern-cli"), ("requested_token_type", Refresh));
        Assert.True(forked.Status == 200, forked.Text);
        Assert.Equal(0, await StartAsync(_first, forked.AccessToken));

        Assert.Equal(200, (await first.PostAsync("/oauth/revoke", null, ("token", token), ("client_id", "postern-cli"))).Status);

        Assert.Equal("invalid_grant", (await RefreshAsync(second, forked["refresh_token"]!)).Error);
        Assert.Equal(GrpcCode.Unauthenticated, await StartAsync(_first, forked.AccessToken));
        await Eventually.AnswersAsync(() => StartAsync(_second, forked.AccessToken), status => status == GrpcCode.Unauthenticated);
    }

    [Fact]
    public async Task StoreThatIsAway_StopsWhatNeedsIt_AndNothingElse()
    {
        var pair = TestKey.Es256("k");
        var (_, key) = await _accounts.AddKeyAsync(await _accounts.AddAsync("red", red => red with { PublicKeys = [pair.Public().ToJsonString()] }));
        var session = await _accounts.AddSessionAsync(new LoggedIn { Name = "test/alice", Kind = CallerKind.Human, Claims = new IssuedClaims { Issuer = "test", Subject = "alice" } });
        using var client = new TokenClient(_first.GrpcAddress);
        var before = await client.ByKeyAsync("red", key);
        foreach (var gate in new[] { _first, _second })
        {
            gate.Logs.Expect(line => line.Category.Contains("Storage", StringComparison.Ordinal) || line.Category.Contains("AccountStore", StringComparison.Ordinal));
        }

        await server.StopAsync();
        try
        {
            Assert.Equal(0, await StartAsync(_first, before));
            Assert.Equal(0, await StartAsync(_first, await client.ByKeyAsync("red", key)));
            Assert.Equal(200, (await client.ExchangeAsync(_issuer.Token("alice", "payments"), TokenClient.Jwt)).Status);
            var assertion = pair.Sign(new JsonObject { ["alg"] = "ES256", ["kid"] = "k" }, new JsonObject
            {
                ["iss"] = "red", ["sub"] = "red", ["aud"] = TokenClient.Issuer, ["exp"] = DateTimeOffset.UtcNow.AddMinutes(2).ToUnixTimeSeconds(), ["jti"] = "1",
            });
            foreach (var answer in new[]
            {
                await RefreshAsync(client, session),
                await client.PostAsync("/oauth/revoke", null, ("token", before), ("client_id", "red")),
                await client.TokenAsync(("grant_type", "client_credentials"), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", assertion)),
            })
            {
                Assert.Equal((503, "temporarily_unavailable", true), (answer.Status, answer.Error, answer.RetryAfter is not null));
            }
        }
        finally
        {
            await server.StartAsync();
        }

        // What was refused for that reason is as good as before.
        await Eventually.AnswersAsync(() => RefreshAsync(client, session), answer => answer.Status == 200);
    }

    private static Task<TokenAnswer> RefreshAsync(TokenClient client, string token) => client.TokenAsync(("grant_type", "refresh_token"), ("client_id", "postern-cli"), ("refresh_token", token));

    private static async Task<int> StartAsync(Gate gate, string token) =>
        (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status;
}
