using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Federated;
using Postern.Model;

namespace Postern.Tests.Identity.Federated;

public sealed class FederatedIdentitySourceTests
{
    [Fact]
    public async Task Token_Rule_SpeaksForTheAccount()
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Accounts.Apply(bench.Account with { Namespaces = ["payments*"], Version = 2 });

        var caller = (await bench.VerifiedAsync(bench.Mint(claims => claims["jti"] = "token-1"))).Caller;

        Assert.Equal("postern/payroll-worker", caller.Name);
        Assert.Equal(CallerKind.Service, caller.Kind);
        Assert.Equal(CredentialKind.Federated, caller.Credential);
        Assert.Equal("cluster:" + FederatedBench.Subject, caller.CredentialId);
        Assert.Equal("token-1", caller.TokenId);
        Assert.Equal("payments*", Assert.Single(Assert.Single(caller.NamespaceBounds)));
        Assert.Equal(bench.Time.GetUtcNow().AddHours(1), caller.ExpiresAt);
        Assert.Equal("payments", caller.Claims.GetProperty("kubernetes.io").GetProperty("namespace").GetString());
    }

    [Theory]
    [InlineData("sub", "system:serviceaccount:payments:worker", true)]
    [InlineData("sub", "system:serviceaccount:payments:*", true)]
    [InlineData("sub", "system:serviceaccount:payment:*", false)]
    [InlineData("sub", "payments", false)]
    [InlineData("kubernetes.io.namespace", "payments", true)]
    [InlineData("kubernetes.io.namespace", "Payments", false)]
    [InlineData("kubernetes.io.serviceaccount.name", "work*", true)]
    [InlineData("kubernetes.io.serviceaccount", "*", false)]
    [InlineData("kubernetes.io.pod.name", "*", false)]
    [InlineData("teams", "blue", true)]
    [InlineData("teams", "r*d", true)]
    [InlineData("teams", "blue,red", false)]
    [InlineData("protected", "true", true)]
    [InlineData("protected_text", "true", true)]
    [InlineData("number", "12", true)]
    [InlineData("number", "1", false)]
    [InlineData("nothing", "*", false)]
    public async Task Rule_Claim_IsMatchedAsAGlob(string path, string pattern, bool matches)
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Reload(bench.Options with { Rules = [FederatedBench.Rule("payroll-worker", (path, pattern))] });

        var (token, refusal) = await bench.AskAsync(bench.Mint(claims =>
        {
            claims["teams"] = new JsonArray("red", "blue");
            claims["protected"] = true;
            claims["protected_text"] = "true";
            claims["number"] = 12;
            claims["nothing"] = null;
        }));

        Assert.Equal(matches, token is not null);
        Assert.True(matches || refusal!.Reason == RefusalReason.Unauthenticated);
    }

    [Fact]
    public async Task Rule_AllOfItsClaims_MustMatch()
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Reload(bench.Options with { Rules = [FederatedBench.Rule("payroll-worker", ("sub", FederatedBench.Subject), ("kubernetes.io.namespace", "payments"))] });

        await bench.VerifiedAsync(bench.Mint());
        var refusal = await bench.RefusalAsync(bench.Mint(claims => claims["kubernetes.io"]!["namespace"] = "billing"));

        Assert.Equal("Request unauthenticated. The token is genuine, but no rule of this gate says for whom it speaks.", refusal.Text);
    }

    [Fact]
    public async Task Rules_First_Decides()
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Accounts.Account("other");
        bench.Reload(bench.Options with { Rules = [
            FederatedBench.Rule("other", ("kubernetes.io.namespace", "billing")),
            FederatedBench.Rule("payroll-worker", ("sub", "system:*")),
            FederatedBench.Rule("other", ("sub", "system:*")),
        ] });

        Assert.Equal("payroll-worker", (await bench.VerifiedAsync(bench.Mint())).Caller.Subject);
        Assert.Equal("other", (await bench.VerifiedAsync(bench.Mint(claims => claims["kubernetes.io"]!["namespace"] = "billing"))).Caller.Subject);
    }

    [Fact]
    public async Task Rule_WithoutClaims_MatchesNothing()
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Reload(bench.Options with { Rules = [FederatedBench.Rule("payroll-worker")] });

        Assert.Equal(RefusalReason.Unauthenticated, (await bench.RefusalAsync(bench.Mint())).Reason);
    }

    [Fact]
    public async Task Account_ThatIsDisabled_EndsWhatWasRememberedAndOpensNothing()
    {
        await using var bench = await FederatedBench.StartAsync();
        var text = bench.Mint();
        var token = await bench.VerifiedAsync(text);

        bench.Accounts.Apply(bench.Account with { Disabled = true, Version = 2 });

        Assert.Equal(LeaseEnd.Revoked, token.Ended);
        Assert.Equal("Request unauthenticated. The account payroll-worker is disabled.", (await bench.RefusalAsync(text)).Text);
        bench.Accounts.Apply(bench.Account with { Version = 3 });
        await bench.VerifiedAsync(text);
    }

    [Fact]
    public async Task Account_ThatDoesNotExist_IsRefusedUntilItDoes()
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Reload(bench.Options with { Rules = [FederatedBench.Rule("later", ("sub", "system:*"))] });
        var text = bench.Mint();

        Assert.Equal("Request unauthenticated. There is no account later.", (await bench.RefusalAsync(text)).Text);
        bench.Accounts.Account("later");
        await bench.VerifiedAsync(text);
    }

    [Fact]
    public async Task LocalUser_Rule_NeverSpeaksForOne()
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Accounts.Apply(new LocalUser { Id = "usr_1", Name = "alice", DisplayName = "Alice", Password = "", CreatedAt = bench.Time.GetUtcNow(), CreatedBy = "test/root" });
        bench.Reload(bench.Options with { Rules = [FederatedBench.Rule("alice", ("sub", "system:*"))] });

        Assert.Equal("Request unauthenticated. There is no account alice.", (await bench.RefusalAsync(bench.Mint())).Text);
    }

    [Fact]
    public async Task AccountThatExpires_BoundsTheToken()
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Accounts.Apply(bench.Account with { ExpiresAt = bench.Time.GetUtcNow().AddMinutes(1), Version = 2 });
        var token = await bench.VerifiedAsync(bench.Mint());

        bench.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.False(token.Stands(bench.Time.GetUtcNow()));
    }

    [Fact]
    public async Task Token_OfAnotherIssuer_IsNotTaken()
    {
        await using var bench = await FederatedBench.StartAsync();
        var key = TestKey.Es256("key-1");

        Assert.Contains("issuer is none that this gate trusts", (await bench.RefusalAsync(bench.Mint(claims => claims["iss"] = "https://other.example", key))).Text, StringComparison.Ordinal);
        Assert.Contains("not valid", (await bench.RefusalAsync(bench.Mint(key: key))).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sub with a line break", "a\nb")]
    [InlineData("sub empty", "")]
    public async Task Token_SubjectThatIsNoName_IsRefused(string what, string subject)
    {
        await using var bench = await FederatedBench.StartAsync();
        bench.Reload(bench.Options with { Rules = [FederatedBench.Rule("payroll-worker", ("kubernetes.io.namespace", "payments"))] });

        Assert.True((await bench.RefusalAsync(bench.Mint(claims => claims["sub"] = subject))).Text.Contains("no sub", StringComparison.Ordinal), what);
        await bench.VerifiedAsync(bench.Mint());
    }

    [Fact]
    public async Task SpiffeBundle_OnlyItsKeysForTokens_Count()
    {
        await using var bench = await FederatedBench.StartAsync();
        var (tokens, certificates) = (TestKey.Es256("t"), TestKey.Es256("c"));
        var file = Path.GetTempFileName();
        var (forTokens, forCertificates) = (tokens.Public(), certificates.Public());
        (forTokens["use"], forCertificates["use"]) = ("jwt-svid", "x509-svid");
        await File.WriteAllTextAsync(
            file, new JsonObject { ["spiffe_sequence"] = 1, ["spiffe_refresh_hint"] = 60, ["keys"] = new JsonArray(forTokens, forCertificates) }.ToJsonString(), TestContext.Current.CancellationToken);
        bench.Reload(bench.Options with { Issuer = "https://spire.acme.example", KeySet = file, Rules = [FederatedBench.Rule("payroll-worker", ("sub", "spiffe://acme.example/payments/worker"))] });
        string Svid(TestKey key) => bench.Mint(claims => (claims["iss"], claims["sub"]) = ("https://spire.acme.example", "spiffe://acme.example/payments/worker"), key);

        Assert.Equal("cluster:spiffe://acme.example/payments/worker", (await bench.VerifiedAsync(Svid(tokens))).Caller.CredentialId);
        Assert.Contains("not signed by a key of its issuer", (await bench.RefusalAsync(Svid(certificates))).Text, StringComparison.Ordinal);
        File.Delete(file);
    }

    [Fact]
    public async Task SvidsWithoutAnIssuer_GoByTheirTrustDomain_AndToNobodyElse()
    {
        await using var bench = await FederatedBench.StartAsync();
        await using var other = await TestIssuer.StartAsync();
        var own = TestKey.Es256("t");
        var file = Path.GetTempFileName();
        var published = own.Public();
        published["use"] = "jwt-svid";
        await File.WriteAllTextAsync(file, new JsonObject { ["keys"] = new JsonArray(published) }.ToJsonString(), TestContext.Current.CancellationToken);
        FederatedOptions Entry(string name, string domain, string issuer, string? keys) => bench.Options with
        {
            Name = name, TrustDomain = domain, Issuer = issuer, KeySet = keys, Rules = [FederatedBench.Rule("payroll-worker", ("sub", "spiffe://*"))],
        };
        // One by its file alone, one by an issuer's discovery.
        await using var source = new IdentitySources(
            [new FederatedIdentitySource(
                [Entry("acme", "acme.example", "", file), Entry("other", "other.example", other.Url, null)], null, bench.Accounts.Directory, bench.Revocations, bench.Time,
                Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance)],
            null, bench.Time);
        await source.FirstFetch;
        var asked = other.Requests.Count;
        async Task<AuthenticationResult> AskAsync(string subject, TestKey key) =>
            await source.AuthenticateAsync("Bearer " + bench.Mint(claims => { claims.Remove("iss"); claims["sub"] = subject; }, key), null, TestContext.Current.CancellationToken);

        Assert.Equal("acme:spiffe://acme.example/worker", (await AskAsync("spiffe://acme.example/worker", own)).Token!.Caller.CredentialId);
        Assert.Contains("not signed by a key of its issuer", (await AskAsync("spiffe://acme.example/worker", other.Key)).Refusal!.Text, StringComparison.Ordinal);
        Assert.Contains("none that this gate trusts", (await AskAsync("spiffe://third.example/worker", own)).Refusal!.Text, StringComparison.Ordinal);
        // An unknown key would make its issuer be asked anew; none of these was its.
        Assert.Equal(asked, other.Requests.Count);
        Assert.Equal("other:spiffe://other.example/worker", (await AskAsync("spiffe://other.example/worker", other.Key)).Token!.Caller.CredentialId);
        Assert.Null((await AskAsync("spiffe://other.example/worker", own)).Token);
        File.Delete(file);
    }

    [Fact]
    public async Task Reload_WhileTheIssuerIsAway_KeepsItsKeys()
    {
        await using var bench = await FederatedBench.StartAsync();
        await bench.VerifiedAsync(bench.Mint());
        await bench.Issuer.GoAwayAsync();

        bench.Reload(bench.Options with { Rules = [FederatedBench.Rule("payroll-worker", ("sub", "system:*"))] });

        await bench.VerifiedAsync(bench.Mint());
    }
}
