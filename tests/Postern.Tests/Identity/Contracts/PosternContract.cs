using System.Text.Json.Nodes;
using Microsoft.IdentityModel.Tokens;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Postern;
using Postern.Tests.Identity.Accounts;

namespace Postern.Tests.Identity.Contracts;

/// <summary>Tokens that the gates issued.</summary>
public sealed class PosternContract : SourceContract
{
    private protected override Task<ISourceBench> StartAsync() => Task.FromResult<ISourceBench>(new Bench());

    private sealed class Bench : ISourceBench
    {
        private const string Issuer = "https://gate.test";

        private readonly AccountBench _bench = new();
        private readonly TestKey _key = TestKey.Es256("gate-1");
        private readonly JsonWebKey _public;
        private readonly Revocations _revocations = new();
        private readonly IdentitySources _sources;
        private IdentitySources? _without;
        private int _made;

        public Bench()
        {
            _public = new JsonWebKey(_key.Public().ToJsonString());
            _bench.Account("robot");
            _sources = Of(_bench.Directory);
        }

        public IdentitySources Sources => _without ?? _sources;

        public Presented Good() => Mint();

        public IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which)
        {
            var now = _bench.Time.GetUtcNow().ToUnixTimeSeconds();
            var good = Good().Authorization.ToString()["Bearer ".Length..];
            return which switch
            {
                ContractCase.Malformed => [("cut", Presented.Bearer(good[..^5])), ("longer", Presented.Bearer(good + "AAAA")), ("unsigned", Mint(key: TestKey.None("gate-1"))), ("without its own claim", Mint(claims => claims.Remove("postern")))],
                ContractCase.Expired => [("expired", Mint(claims => claims["exp"] = now - 6)), ("without an end", Mint(claims => claims.Remove("exp")))],
                ContractCase.NotYetValid => [("nbf", Mint(claims => claims["nbf"] = now + 6)), ("iat", Mint(claims => claims["iat"] = now + 6))],
                ContractCase.WrongAudience => [("of an API", Mint(claims => claims["aud"] = "https://billing.example.com")), ("of the issuer", Mint(claims => claims["aud"] = Issuer)), ("no aud", Mint(claims => claims.Remove("aud")))],
                ContractCase.Huge => [("huge", Mint(claims => claims["a"] = new string('a', 20_000)))],
                ContractCase.OtherTenants => [("signed by another gate", Mint(key: TestKey.Es256("gate-1"))), ("of another account, which is gone", Mint(claims => claims["postern"] = new JsonObject { ["principal"] = "acc_gone" }))],
                _ => [],
            };
        }

        public void Revoke(Presented credential) => JwtCases.Revoke(_revocations, credential);

        // The store was never read: nobody can be told to be gone.
        public Task<Presented> AwayAsync()
        {
            _without = Of(new AccountDirectory(_bench.Time));
            return Task.FromResult(Good());
        }

        public Task ReturnAsync()
        {
            _without = null;
            return Task.CompletedTask;
        }

        public Slow? Slow() => null;

        public async ValueTask DisposeAsync()
        {
            await _sources.DisposeAsync();
            await _bench.DisposeAsync();
        }

        private IdentitySources Of(AccountDirectory directory) => new(
            [new PosternIdentitySource(Issuer, TimeSpan.FromSeconds(5), id => id == _key.Id ? new VerifyingKey(_public, () => false) : null, directory, _revocations, ["postern"], _bench.Time)], null, _bench.Time);

        private Presented Mint(Action<JsonObject>? claims = null, TestKey? key = null)
        {
            key ??= _key;
            var now = _bench.Time.GetUtcNow().ToUnixTimeSeconds();
            var body = new JsonObject
            {
                ["iss"] = Issuer, ["sub"] = "postern/robot", ["client_id"] = "robot", ["aud"] = Issuer + "/main", ["iat"] = now, ["exp"] = now + 900, ["jti"] = $"t-{++_made}", ["kind"] = "service",
                ["postern"] = new JsonObject { ["principal"] = "acc_robot" },
            };
            claims?.Invoke(body);
            return Presented.Bearer(key.Sign(new JsonObject { ["alg"] = key.Algorithm, ["typ"] = "at+jwt", ["kid"] = key.Id }, body));
        }
    }
}
