using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Jwt;
using Postern.Model;
using Postern.Tests.Audit;
using Postern.Tests.Identity.Federated;

namespace Postern.Tests.Identity.Contracts;

/// <summary>Tokens of an identity provider.</summary>
public sealed class JwtContract : SourceContract
{
    private protected override async Task<ISourceBench> StartAsync()
    {
        var bench = new Bench(await TestIssuer.StartAsync());
        await bench.Sources.FirstFetch;
        return bench;
    }

    private sealed class Bench : ISourceBench
    {
        private readonly TestIssuer _issuer;
        private readonly ManualTime _time = new();
        private readonly Revocations _revocations = new();

        public Bench(TestIssuer issuer)
        {
            _issuer = issuer;
            Sources = new IdentitySources([new JwtIdentitySource(
                new IdentityOptions { Issuers = [new IssuerOptions { Name = "okta", Issuer = issuer.Url, Audiences = [TestIssuer.Audience] }] }, null, _revocations, _time, NullLogger.Instance)], null, _time);
        }

        public IdentitySources Sources { get; }

        public Presented Good() => JwtCases.Good(_issuer, _time);

        public IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which) => JwtCases.Bad(_issuer, _time, which);

        public void Revoke(Presented credential) => JwtCases.Revoke(_revocations, credential);

        public Task<Presented> AwayAsync() => JwtCases.AwayAsync(_issuer, _time);

        public Task ReturnAsync() => JwtCases.ReturnAsync(_issuer, _time);

        public Slow? Slow() => JwtCases.Slow(_issuer, _time);

        public async ValueTask DisposeAsync()
        {
            await Sources.DisposeAsync();
            await _issuer.DisposeAsync();
        }
    }
}

/// <summary>Tokens of a workload's platform.</summary>
public sealed class FederatedContract : SourceContract
{
    private protected override async Task<ISourceBench> StartAsync()
    {
        var bench = new Bench(await FederatedBench.StartAsync());
        await bench.Sources.FirstFetch;
        return bench;
    }

    private sealed class Bench(FederatedBench bench) : ISourceBench
    {
        public IdentitySources Sources => bench.Sources;

        public Presented Good() => Presented.Bearer(bench.Mint());

        public IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which)
        {
            foreach (var bad in JwtCases.Bad(bench.Issuer, bench.Time, which, FederatedBench.Subject))
            {
                yield return bad;
            }

            if (which == ContractCase.OtherTenants)
            {
                yield return ("of a namespace without a rule", Presented.Bearer(bench.Mint(claims => claims["sub"] = "system:serviceaccount:billing:worker")));
            }
        }

        public void Revoke(Presented credential) => JwtCases.Revoke(bench.Revocations, credential);

        public Task<Presented> AwayAsync() => JwtCases.AwayAsync(bench.Issuer, bench.Time, FederatedBench.Subject);

        public Task ReturnAsync() => JwtCases.ReturnAsync(bench.Issuer, bench.Time);

        public Slow? Slow() => JwtCases.Slow(bench.Issuer, bench.Time, FederatedBench.Subject);

        public ValueTask DisposeAsync() => bench.DisposeAsync();
    }
}

/// <summary>JWT-SVIDs without an issuer, of a trust domain.</summary>
public sealed class JwtSvidContract : SourceContract
{
    private const string Subject = "spiffe://acme.example/payments/worker";

    private protected override async Task<ISourceBench> StartAsync()
    {
        var bench = await FederatedBench.StartAsync();
        bench.Reload(bench.Options with { TrustDomain = "acme.example", Rules = [FederatedBench.Rule("payroll-worker", ("sub", "spiffe://*/payments/worker"))] });
        await bench.Sources.FirstFetch;
        return new Bench(bench);
    }

    private sealed class Bench(FederatedBench bench) : ISourceBench
    {
        public IdentitySources Sources => bench.Sources;

        public Presented Good() => With(static _ => { });

        public IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which)
        {
            if (which != ContractCase.OtherTenants)
            {
                return JwtCases.Bad(bench.Issuer, bench.Time, which, Subject, claims => claims.Remove("iss"));
            }

            return
            [
                ("signed by another under the key's id", JwtCases.Good(bench.Issuer, bench.Time, Subject, TestKey.Es256("key-1"), claims => claims.Remove("iss"))),
                ("of another trust domain", With(claims => claims["sub"] = "spiffe://other.example/payments/worker")),
                ("of a trust domain below it", With(claims => claims["sub"] = "spiffe://evil.acme.example/payments/worker")),
                ("of the trust domain itself", With(claims => claims["sub"] = "spiffe://acme.example")),
                ("written otherwise", With(claims => claims["sub"] = "spiffe://ACME.example/payments/worker")),
                ("with a path that leads up", With(claims => claims["sub"] = "spiffe://acme.example/x/../payments/worker")),
                ("of no workload", With(claims => claims["sub"] = "alice")),
                ("of nobody", With(claims => claims.Remove("sub"))),
                ("of an empty issuer", With(claims => claims["iss"] = "")),
                ("of an issuer that is none", With(claims => claims["iss"] = null)),
                ("of another issuer", With(claims => claims["iss"] = "https://elsewhere.example")),
                ("of the issuer, but another trust domain", With(claims => (claims["iss"], claims["sub"]) = (bench.Issuer.Url, "spiffe://other.example/payments/worker"))),
            ];
        }

        public void Revoke(Presented credential) => JwtCases.Revoke(bench.Revocations, credential);

        public async Task<Presented> AwayAsync()
        {
            await JwtCases.AwayAsync(bench.Issuer, bench.Time);
            return Good();
        }

        public Task ReturnAsync() => JwtCases.ReturnAsync(bench.Issuer, bench.Time);

        public Slow? Slow()
        {
            var slow = JwtCases.Slow(bench.Issuer, bench.Time);
            return slow with { Credential = Good() };
        }

        public ValueTask DisposeAsync() => bench.DisposeAsync();

        private Presented With(Action<JsonObject> claims) => JwtCases.Good(bench.Issuer, bench.Time, Subject, claims: body =>
        {
            body.Remove("iss");
            claims(body);
        });
    }
}

/// <summary>What signed tokens have in common.</summary>
internal static class JwtCases
{
    private static readonly TestKey Stranger = TestKey.Es256("key-1");

    public static Presented Good(TestIssuer issuer, TimeProvider time, string subject = "alice", TestKey? key = null, Action<JsonObject>? claims = null) => Presented.Bearer(issuer.Mint(
        body =>
        {
            var now = time.GetUtcNow().ToUnixTimeSeconds();
            (body["iat"], body["nbf"], body["exp"]) = (now, now, now + 3600);
            claims?.Invoke(body);
        },
        subject,
        key: key));

    public static IEnumerable<(string Name, Presented Credential)> Bad(TestIssuer issuer, TimeProvider time, ContractCase which, string subject = "alice", Action<JsonObject>? always = null)
    {
        Presented With(Action<JsonObject> claims) => Good(issuer, time, subject, claims: always + claims);
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        return which switch
        {
            ContractCase.Malformed =>
            [
                ("cut", Presented.Bearer(Good(issuer, time, subject, claims: always).Authorization.ToString()["Bearer ".Length..^5])),
                ("longer", Presented.Bearer(Good(issuer, time, subject, claims: always).Authorization.ToString()["Bearer ".Length..] + "AAAA")),
                ("unsigned", Good(issuer, time, subject, TestKey.None("key-1"), always)),
                ("under another scheme", new Presented(Good(issuer, time, subject, claims: always).Authorization.ToString().Replace("Bearer", "Token", StringComparison.Ordinal))),
            ],
            ContractCase.Expired => [("expired", With(claims => claims["exp"] = now - 61)), ("without an end", With(claims => claims.Remove("exp")))],
            ContractCase.NotYetValid => [("nbf", With(claims => claims["nbf"] = now + 61)), ("iat", With(claims => claims["iat"] = now + 61))],
            ContractCase.WrongAudience => [("aud of another", With(claims => claims["aud"] = "elsewhere")), ("no aud", With(claims => claims.Remove("aud")))],
            ContractCase.Huge => [("huge", With(claims => claims["a"] = new string('a', 20_000))), ("huge list", With(claims => claims["a"] = new JsonArray([.. Enumerable.Range(0, 20_000).Select(i => JsonValue.Create(i))])))],
            ContractCase.OtherTenants => [("signed by another under the key's id", Good(issuer, time, subject, Stranger)), ("of another issuer", With(claims => claims["iss"] = issuer.Url + "/other"))],
            _ => [],
        };
    }

    public static void Revoke(Revocations revocations, Presented credential)
    {
        var claims = JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(credential.Authorization.ToString().Split('.')[1]))!;
        Revoke(revocations, RevocationKind.Token, claims["jti"]!.GetValue<string>());
    }

    public static void Revoke(Revocations revocations, RevocationKind kind, string value) => revocations.Apply(new StoreChanges
    {
        Revision = new StoreRevision("s", 1), IsWhole = false, Revocations = [new Revocation(kind, value, DateTimeOffset.UnixEpoch, null, "test/root")],
    });

    // A key that came with the outage: the source needs the issuer to know it.
    public static async Task<Presented> AwayAsync(TestIssuer issuer, TimeProvider time, string subject = "alice")
    {
        await issuer.GoAwayAsync();
        issuer.Rotate();
        return Good(issuer, time, subject);
    }

    public static Slow Slow(TestIssuer issuer, TimeProvider time, string subject = "alice")
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = issuer.Requests.Count;
        issuer.Before = () => release.Task;
        issuer.Rotate();
        return new Slow(Good(issuer, time, subject), () => issuer.Requests.Count > asked, () =>
        {
            issuer.Before = null;
            release.SetResult();
            return Task.CompletedTask;
        });
    }

    public static async Task ReturnAsync(TestIssuer issuer, ManualTime time)
    {
        await issuer.ReturnAsync();
        var asked = issuer.KeySetRequests;
        await Soon.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return Task.FromResult(issuer.KeySetRequests > asked);
        });
        // The answer is on its way; the next call joins it or finds its keys.
        time.Advance(TimeSpan.FromSeconds(31));
    }
}
