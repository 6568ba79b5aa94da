using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Federated;
using Postern.Model;
using Postern.Tests.Audit;
using Postern.Tests.Identity.Accounts;

namespace Postern.Tests.Identity.Federated;

/// <summary>A cluster on loopback whose tokens speak for accounts of a gate, with a clock that stands still.</summary>
internal sealed class FederatedBench : IAsyncDisposable
{
    public const string Subject = "system:serviceaccount:payments:worker";

    private readonly AccountBench _accounts = new();
    private readonly List<IdentitySources> _sources = [];

    private FederatedBench(TestIssuer issuer)
    {
        Issuer = issuer;
        Options = new FederatedOptions { Name = "cluster", Issuer = issuer.Url, Audiences = [TestIssuer.Audience], Rules = [Rule("payroll-worker", ("sub", "system:serviceaccount:payments:*"))] };
        Account = _accounts.Account("payroll-worker");
    }

    public TestIssuer Issuer { get; }

    public FederatedOptions Options { get; set; }

    public Account Account { get; }

    public AccountBench Accounts => _accounts;

    public Revocations Revocations { get; } = new();

    public ManualTime Time => _accounts.Time;

    public IdentitySources Sources => _sources.Count > 0 ? _sources[^1] : Reload(Options);

    public static FederationRuleOptions Rule(string account, params (string Path, string Pattern)[] claims) =>
        new() { Account = account, Claims = claims.ToDictionary(claim => claim.Path, claim => claim.Pattern) };

    public static async Task<FederatedBench> StartAsync(bool isUp = true) => new(isUp ? await TestIssuer.StartAsync() : await TestIssuer.DownAsync());

    public IdentitySources Reload(FederatedOptions options)
    {
        Options = options;
        var before = _sources.LastOrDefault();
        _sources.Add(new IdentitySources(
            [new FederatedIdentitySource([options], before?.Source<FederatedIdentitySource>(), _accounts.Directory, Revocations, Time, NullLogger.Instance)], before, Time));
        return _sources[^1];
    }

    /// <summary>A token as a cluster gives it to a pod.</summary>
    public string Mint(Action<JsonObject>? claims = null, TestKey? key = null) => Issuer.Mint(
        body =>
        {
            var now = Time.GetUtcNow().ToUnixTimeSeconds();
            (body["iat"], body["nbf"], body["exp"]) = (now, now, now + 3600);
            body["kubernetes.io"] = new JsonObject { ["namespace"] = "payments", ["serviceaccount"] = new JsonObject { ["name"] = "worker", ["uid"] = "u-1" } };
            claims?.Invoke(body);
        },
        Subject,
        header => header.Remove("typ"),
        key);

    public async Task<AuthenticationResult> AskAsync(string token)
    {
        await Sources.FirstFetch;
        return await Sources.AuthenticateAsync("Bearer " + token, null, TestContext.Current.CancellationToken);
    }

    public async Task<VerifiedToken> VerifiedAsync(string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.True(verified is not null, refusal?.Text);
        return verified;
    }

    public async Task<Refusal> RefusalAsync(string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.Null(verified);
        return refusal!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var sources in _sources)
        {
            await sources.DisposeAsync();
        }

        await _accounts.DisposeAsync();
        await Issuer.DisposeAsync();
    }
}
