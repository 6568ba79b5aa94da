using System.Security.Cryptography.X509Certificates;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.ApiKeys;
using Postern.Identity.Certificates;
using Postern.Model;
using Postern.Tests.Audit;
using Postern.Tests.Identity.Accounts;
using Postern.Tests.Identity.Certificates;
using Postern.Tests.Identity.Introspection;

namespace Postern.Tests.Identity.Contracts;

/// <summary>The gate's own keys.</summary>
public sealed class ApiKeyContract : SourceContract
{
    private protected override IReadOnlyDictionary<ContractCase, string> Impossible { get; } = new Dictionary<ContractCase, string>
    {
        [ContractCase.NotYetValid] = "a key counts from when it was made",
        [ContractCase.WrongAudience] = "a key is for the gate that made it; another gate's is another tenant's",
    };

    private protected override Task<ISourceBench> StartAsync() => Task.FromResult<ISourceBench>(new Bench());

    private sealed class Bench : ISourceBench
    {
        private readonly AccountBench _bench = new();
        private readonly AccountBench _other = new();
        private readonly Dictionary<string, ApiKey> _keys = [];
        private readonly AccountDirectory _unread;
        private IdentitySources? _without;

        public Bench()
        {
            _bench.Account("robot");
            _other.Account("robot");
            _unread = new AccountDirectory(_bench.Time);
        }

        public IdentitySources Sources => _without ?? _bench.Sources;

        public Presented Good()
        {
            var (key, text) = _bench.Key("acc_robot");
            _keys[text] = key;
            return Presented.Bearer(text);
        }

        public IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which)
        {
            var text = Text(Good());
            return which switch
            {
                ContractCase.Malformed =>
                [
                    ("cut", Presented.Bearer(text[..^1])), ("one letter off", Presented.Bearer(text[..^1] + (text[^1] == '0' ? '1' : '0'))), ("in upper case", Presented.Bearer(text.ToUpperInvariant())),
                    ("of another id", Presented.Bearer(ApiKeyText.Create().Text)),
                ],
                ContractCase.Expired => [("expired", Presented.Bearer(_bench.Key("acc_robot", key => key with { ExpiresAt = _bench.Time.GetUtcNow().AddSeconds(-1) }).Text))],
                ContractCase.Huge => [("huge", Presented.Bearer(text + new string('a', 100_000)))],
                ContractCase.OtherTenants => [("of another gate", Presented.Bearer(_other.Key("acc_robot").Text))],
                _ => [],
            };
        }

        public void Revoke(Presented credential)
        {
            var key = _keys[Text(credential)];
            _bench.Apply(key with { RevokedAt = _bench.Time.GetUtcNow(), Version = key.Version + 1 });
        }

        // The store was never read: nobody can be told to be unknown.
        public Task<Presented> AwayAsync()
        {
            var credential = Good();
            _without = new IdentitySources([new ApiKeyIdentitySource(_unread, AccountBench.Hash, _bench.Time)], null, _bench.Time);
            return Task.FromResult(credential);
        }

        public Task ReturnAsync()
        {
            _unread.Apply(_bench.Changes([.. _bench.Directory.All.Select(principal => principal.Account).OfType<object>(), .. _keys.Values]));
            return Task.CompletedTask;
        }

        public Slow? Slow() => null;

        public async ValueTask DisposeAsync()
        {
            await _bench.DisposeAsync();
            await _other.DisposeAsync();
            if (_without is not null)
            {
                await _without.DisposeAsync();
            }
        }

        private static string Text(Presented credential) => credential.Authorization.ToString()["Bearer ".Length..];
    }
}

/// <summary>Tokens that their server is asked about.</summary>
public sealed class IntrospectionContract : SourceContract
{
    private protected override async Task<ISourceBench> StartAsync()
    {
        var bench = await IntrospectionBench.StartAsync();
        bench.Reload(bench.Options with { Audiences = ["postern"], Issuer = "https://idp.example" });
        return new Bench(bench);
    }

    private sealed class Bench(IntrospectionBench bench) : ISourceBench
    {
        private int _made;

        public IdentitySources Sources => bench.Sources;

        public Presented Good() => Known(static _ => { });

        public IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which) => which switch
        {
            ContractCase.Malformed => [("with a blank", Presented.Bearer("a b")), ("not ASCII", Presented.Bearer("tök")), ("unknown", Presented.Bearer("made-up")), ("cut", Presented.Bearer(Known(static _ => { }).Authorization.ToString()["Bearer ".Length..^1]))],
            ContractCase.Expired => [("expired", Known(claims => claims["exp"] = bench.Now - 1)), ("ends now", Known(claims => claims["exp"] = bench.Now))],
            ContractCase.NotYetValid => [("nbf", Known(claims => claims["nbf"] = bench.Now + 60))],
            ContractCase.WrongAudience => [("aud of another", Known(claims => claims["aud"] = "elsewhere")), ("no aud", Known(claims => claims.Remove("aud")))],
            ContractCase.Huge => [("huge", Presented.Bearer(new string('a', 100_000)))],
            ContractCase.OtherTenants => [("of another issuer", Known(claims => claims["iss"] = "https://other.example")), ("without an issuer", Known(claims => claims.Remove("iss")))],
            _ => [],
        };

        public void Revoke(Presented credential) => JwtCases.Revoke(bench.Revocations, RevocationKind.Token, "jti-" + credential.Authorization.ToString()["Bearer ".Length..]);

        public async Task<Presented> AwayAsync()
        {
            var credential = Good();
            await bench.Server.GoAwayAsync();
            return credential;
        }

        public async Task ReturnAsync() => await bench.Server.ReturnAsync();

        public Slow? Slow()
        {
            var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var asked = bench.Server.Asked.Count;
            bench.Server.Before = () => release.Task;
            return new Slow(Good(), () => bench.Server.Asked.Count > asked, () =>
            {
                release.SetResult();
                return Task.CompletedTask;
            });
        }

        public ValueTask DisposeAsync() => bench.DisposeAsync();

        private Presented Known(Action<System.Text.Json.Nodes.JsonObject> with)
        {
            var token = $"opaque-{++_made}-token";
            bench.Server.Know(token, claims =>
            {
                (claims["aud"], claims["iss"], claims["exp"], claims["jti"]) = ("postern", "https://idp.example", bench.Now + 3600, "jti-" + token);
                with(claims);
            });
            return Presented.Bearer(token);
        }
    }
}

/// <summary>Client certificates that speak for an account.</summary>
public sealed class ClientCertificateContract : SourceContract
{
    private protected override IReadOnlyDictionary<ContractCase, string> Impossible { get; } = new Dictionary<ContractCase, string>
    {
        [ContractCase.Huge] = "the handshake bounds what a client may send, before anything here sees it",
    };

    private protected override Task<ISourceBench> StartAsync() => Task.FromResult<ISourceBench>(new Bench());

    private sealed class Bench : ISourceBench
    {
        private readonly CertificateBench _bench = new();
        private readonly AccountDirectory _unread;
        private IdentitySources? _without;

        public Bench() => _unread = new AccountDirectory(_bench.Time);

        public IdentitySources Sources => _without ?? _bench.Sources;

        public Presented Good() => Of(_bench.Root.Issue());

        public IEnumerable<(string Name, Presented Credential)> Bad(ContractCase which) => which switch
        {
            ContractCase.Malformed => [("names that can't be read", Of(_bench.Root.Issue(with: request => request.CertificateExtensions.Add(TestAuthority.Names((2, "a\0b"))))))],
            ContractCase.Expired => [("expired", Of(_bench.Root.Issue(to: TestAuthority.From.AddYears(1))))],
            ContractCase.NotYetValid => [("not yet valid", Of(_bench.Root.Issue(from: TestAuthority.To.AddYears(-1))))],
            // What a certificate is for is its audience.
            ContractCase.WrongAudience => [("for servers", Of(_bench.Root.Issue(usage: "1.3.6.1.5.5.7.3.1"))), ("for nothing said", Of(_bench.Root.Issue(usage: "")))],
            ContractCase.OtherTenants => [("of another authority", Of(new TestAuthority("CN=Other Root").Issue())), ("of an authority of the same name", Of(new TestAuthority().Issue()))],
            _ => [],
        };

        public void Revoke(Presented credential) => JwtCases.Revoke(_bench.Revocations, RevocationKind.Certificate, credential.Certificate!.Id);

        // The store was never read: the account can't be told to be unknown.
        public Task<Presented> AwayAsync()
        {
            _without = new IdentitySources([new ClientCertificateIdentitySource([_bench.Options], null, _unread, _bench.Revocations, _bench.Time)], null, _bench.Time);
            return Task.FromResult(Good());
        }

        public Task ReturnAsync()
        {
            _unread.Apply(_bench.Accounts.Changes(_bench.Account));
            return Task.CompletedTask;
        }

        public Slow? Slow() => null;

        public async ValueTask DisposeAsync()
        {
            await _bench.DisposeAsync();
            if (_without is not null)
            {
                await _without.DisposeAsync();
            }
        }

        private static Presented Of(X509Certificate2 certificate) => new(default, CertificateBench.Present(certificate));
    }
}
