using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Jwt;
using Postern.Model;
using Postern.Tests.Audit;

namespace Postern.Tests.Identity.Jwt;

/// <summary>A source that discovers a real issuer on loopback, with a clock of its own.</summary>
internal sealed class IssuerBench : IAsyncDisposable
{
    private readonly List<IdentitySources> _sources = [];

    private IssuerBench(TestIssuer issuer) => Issuer = issuer;

    public TestIssuer Issuer { get; }

    public ManualTime Time { get; } = new();

    public IssuerOptions Options => new() { Name = "test", Issuer = Issuer.Url, Audiences = [TestIssuer.Audience] };

    public IdentitySources Source => _sources[^1];

    public static async Task<IssuerBench> StartAsync(bool isUp = true, Action<TestIssuer>? prepare = null)
    {
        var bench = new IssuerBench(isUp ? await TestIssuer.StartAsync() : await TestIssuer.DownAsync());
        prepare?.Invoke(bench.Issuer);
        bench.Reload(bench.Options);
        if (prepare is null)
        {
            await bench.Source.FirstFetch;
        }

        return bench;
    }

    public IdentitySources Reload(IssuerOptions options)
    {
        var before = _sources.LastOrDefault();
        var next = new IdentitySources([new JwtIdentitySource(new IdentityOptions { Issuers = [options] }, before?.Source<JwtIdentitySource>(), null, Time, NullLogger.Instance)], before, Time);
        _sources.Add(next);
        return next;
    }

    public string Mint(string subject = "alice", TestKey? key = null, TimeSpan? life = null, string? keyId = null) => Issuer.Mint(
        claims =>
        {
            var now = Time.GetUtcNow();
            claims["iat"] = now.AddHours(-1).ToUnixTimeSeconds();
            claims["nbf"] = now.AddHours(-1).ToUnixTimeSeconds();
            claims["exp"] = (now + (life ?? TimeSpan.FromDays(30))).ToUnixTimeSeconds();
        },
        subject,
        header =>
        {
            if (keyId is not null)
            {
                header["kid"] = keyId;
            }
        },
        key);

    public async Task<AuthenticationResult> AskAsync(string token, CancellationToken? cancellation = null, IPAddress? from = null) =>
        await Source.AuthenticateAsync("Bearer " + token, from, cancellation ?? TestContext.Current.CancellationToken);

    public async Task ServesAsync(string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.True(verified is not null, refusal?.Text);
    }

    public async Task RefusesAsync(RefusalReason reason, string token)
    {
        var (verified, refusal) = await AskAsync(token);
        Assert.Null(verified);
        Assert.True(refusal!.Reason == reason, $"{refusal.Reason}: {refusal.Text}");
    }

    /// <summary>Lets time pass until it is so.</summary>
    public Task PassAsync(Func<Task<bool>> until) => Soon.TrueAsync(async () =>
    {
        Time.Advance(TimeSpan.FromSeconds(1));
        return await until();
    });

    public async ValueTask DisposeAsync()
    {
        foreach (var source in _sources)
        {
            await source.DisposeAsync();
        }

        await Issuer.DisposeAsync();
    }
}
