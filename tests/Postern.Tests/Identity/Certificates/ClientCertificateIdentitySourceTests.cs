using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;
using Postern.Identity.Certificates;
using Postern.Model;

namespace Postern.Tests.Identity.Certificates;

public sealed class ClientCertificateIdentitySourceTests
{
    [Fact]
    public async Task Certificate_SpeaksForTheAccount()
    {
        await using var bench = new CertificateBench(options => options with { Namespaces = ["payments*"] });
        using var certificate = bench.Root.Issue("CN=worker-7, O=Acme", names => names.AddDnsName("worker-7.acme.example"));

        var caller = (await bench.VerifiedAsync(CertificateBench.Present(certificate))).Caller;

        Assert.Equal("postern/payroll-worker", caller.Name);
        Assert.Equal(CredentialKind.Certificate, caller.Credential);
        Assert.Equal($"CN=Test Root {PresentedCertificate.SerialOf(certificate.SerialNumber)}", caller.CredentialId);
        Assert.Equal("worker-7.acme.example", caller.Certificate);
        Assert.Equal("payments*", Assert.Single(Assert.Single(caller.NamespaceBounds)));
        Assert.Equal(new DateTimeOffset(certificate.NotAfter), caller.ExpiresAt);
    }

    [Theory]
    [InlineData("Uri", "workers/spiffe://acme.example/payments/worker")]
    [InlineData("Dns", "workers/worker.acme.example")]
    [InlineData("CommonName", "workers/worker-7")]
    public async Task Certificate_NamesItsCaller(string subject, string name)
    {
        await using var bench = new CertificateBench(options => options with { Account = null, Subject = Enum.Parse<CertificateSubject>(subject), Kind = CallerKind.Agent });
        using var certificate = bench.Root.Issue("CN=worker-7", names =>
        {
            names.AddUri(new Uri("spiffe://acme.example/payments/worker"));
            names.AddDnsName("Worker.Acme.example");
        });
        using var nameless = bench.Root.Issue("O=Acme");

        var caller = (await bench.VerifiedAsync(CertificateBench.Present(certificate))).Caller;

        Assert.Equal(name, caller.Name);
        Assert.Equal("workers", caller.Issuer);
        Assert.Equal(CallerKind.Agent, caller.Kind);
        Assert.Equal("spiffe://acme.example/payments/worker", caller.Certificate);
        Assert.Contains("not exactly one", (await bench.RefusalAsync(CertificateBench.Present(nameless))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_WithSeveralNames_NamesNobody()
    {
        await using var bench = new CertificateBench(options => options with { Account = null, Subject = CertificateSubject.Dns });
        using var certificate = bench.Root.Issue("CN=worker", names =>
        {
            names.AddDnsName("a.example");
            names.AddDnsName("b.example");
        });

        Assert.Contains("not exactly one DNS name", (await bench.RefusalAsync(CertificateBench.Present(certificate))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_AndAuthorization_AreOneTooMany()
    {
        await using var bench = new CertificateBench();
        using var certificate = bench.Root.Issue();

        var result = await bench.AskAsync(CertificateBench.Present(certificate), "Bearer token");

        Assert.Equal(RefusalReason.Unauthenticated, result.Refusal!.Reason);
        Assert.Contains("Send one credential", result.Refusal.Text, StringComparison.Ordinal);
        await bench.VerifiedAsync(CertificateBench.Present(certificate));
    }

    [Fact]
    public async Task CertificateThatNoEntryTakes_IsTransport_AndTheTokenCounts()
    {
        await using var bench = new CertificateBench(options => options with { Filters = [new CertificateFilterOptions { Organization = "acme" }] });
        using var sidecar = bench.Root.Issue("CN=mesh");
        using var stranger = new TestAuthority("CN=Test Root").Issue("O=Acme");

        foreach (var certificate in new[] { sidecar, stranger })
        {
            Assert.Contains("no source for Opaque", (await bench.AskAsync(CertificateBench.Present(certificate), "Bearer token")).Refusal!.Detail, StringComparison.Ordinal);
            Assert.Contains("No credential", (await bench.RefusalAsync(CertificateBench.Present(certificate))).Text, StringComparison.Ordinal);
        }

        using var ours = bench.Root.Issue("O=Acme");
        await bench.VerifiedAsync(CertificateBench.Present(ours));
    }

    [Fact]
    public async Task Entries_FirstThatFits_Decides()
    {
        await using var bench = new CertificateBench();
        bench.Accounts.Account("other");
        bench.Reload(
            bench.Options with { Name = "others", Filters = [new CertificateFilterOptions { CommonName = "other-*" }, new CertificateFilterOptions { Dns = "*.other.example" }], Account = "other" },
            bench.Options);
        using var other = bench.Root.Issue("CN=other-1");
        using var another = bench.Root.Issue("CN=x", names => names.AddDnsName("a.other.example"));
        using var worker = bench.Root.Issue("CN=worker");

        Assert.Equal("other", (await bench.VerifiedAsync(CertificateBench.Present(other))).Caller.Subject);
        Assert.Equal("other", (await bench.VerifiedAsync(CertificateBench.Present(another))).Caller.Subject);
        Assert.Equal("payroll-worker", (await bench.VerifiedAsync(CertificateBench.Present(worker))).Caller.Subject);
    }

    public static TheoryData<string> BadNames() => [.. Bad.Keys];

    private static readonly Dictionary<string, (Func<TestAuthority, (X509Certificate2, IReadOnlyList<X509Certificate2>)> Issue, string Text)> Bad = new()
    {
        ["expired"] = (root => (root.Issue(to: TestAuthority.From.AddYears(1)), []), "expired"),
        ["not yet valid"] = (root => (root.Issue(from: TestAuthority.To.AddYears(-1)), []), "isn't valid yet"),
        ["for servers"] = (root => (root.Issue(usage: "1.3.6.1.5.5.7.3.1"), []), "not for clients"),
        ["for anything"] = (root => (root.Issue(usage: ""), []), "not for clients"),
        ["for any usage"] = (root => (root.Issue(usage: "2.5.29.37.0"), []), "not for clients"),
        ["an authority's"] = (root => (root.Issue(with: request =>
        {
            request.CertificateExtensions.Remove(request.CertificateExtensions.Single(e => e is X509BasicConstraintsExtension));
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        }), []), "is an authority's"),
        ["not for signatures"] = (root => (root.Issue(with: request =>
        {
            request.CertificateExtensions.Remove(request.CertificateExtensions.Single(e => e is X509KeyUsageExtension));
            request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.NonRepudiation, true));
        }), []), "not for signatures"),
        ["M2 NUL"] = (root => (root.Issue(with: request => request.CertificateExtensions.Add(TestAuthority.Names((2, "a\0b")))), []), "can't be read"),
        ["M3 expired intermediate"] = (root => Below(new TestAuthority(root, to: TestAuthority.From.AddYears(2))), "expired"),
        ["M3 intermediate that is none"] = (root => Below(new TestAuthority(root, with: request => request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true)))), "basic constraints"),
        ["M3 deeper than allowed"] = (root => Below(new TestAuthority(new TestAuthority(root, "CN=One", request => request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true))), "CN=Two")), "basic constraints"),
        ["M3 too many above"] = (root => Below(Enumerable.Range(0, 5).Aggregate(new TestAuthority(root, "CN=I"), (above, i) => new TestAuthority(above, $"CN=I{i}"))), "too many"),
        ["M3 name constraints"] = (root => Below(Constrained(root), "b.example"), "name constraints"),
    };

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task Certificate_Bad_IsRefused_AndItIsNoTransport(string name)
    {
        await using var bench = new CertificateBench();
        var (certificate, others) = Bad[name].Issue(bench.Root);

        var presented = CertificateBench.Present(certificate, others);

        Assert.Contains(Bad[name].Text, (await bench.RefusalAsync(presented)).Text, StringComparison.Ordinal);
        Assert.Contains("Send one credential", (await bench.AskAsync(presented, "Bearer token")).Refusal!.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_BelowIntermediates_IsTaken()
    {
        await using var bench = new CertificateBench();
        var (certificate, others) = Below(new TestAuthority(new TestAuthority(bench.Root, "CN=One"), "CN=Two"));
        var (constrained, above) = Below(Constrained(bench.Root), "a.example");

        await bench.VerifiedAsync(CertificateBench.Present(certificate, others));
        await bench.VerifiedAsync(CertificateBench.Present(constrained, above));
        Assert.Contains("No credential", (await bench.RefusalAsync(CertificateBench.Present(certificate))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_ForgedInTheNameOfTheRoot_IsNobodys()
    {
        await using var bench = new CertificateBench();
        var forged = new TestAuthority("CN=Test Root");
        using var certificate = forged.Issue();

        Assert.Contains("No credential", (await bench.RefusalAsync(CertificateBench.Present(certificate, forged.Certificate))).Text, StringComparison.Ordinal);
        Assert.Contains("No credential", (await bench.RefusalAsync(CertificateBench.Present(bench.Root.Certificate))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Certificate_Sha1_IsTooWeak()
    {
        await using var bench = new CertificateBench();
        using var certificate = bench.Root.Issue(signer: bench.Root.Weak);

        Assert.Contains("too weak", (await bench.RefusalAsync(CertificateBench.Present(certificate))).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DeniedSerial_IsRefused_HoweverItIsWritten()
    {
        await using var bench = new CertificateBench();
        using var certificate = bench.Root.Issue();
        using var other = bench.Root.Issue();
        var serial = string.Join(':', Convert.FromHexString(certificate.SerialNumber).Select(b => b.ToString("x2")));

        bench.Reload(bench.Options with { DeniedSerials = ["00:" + serial] });

        Assert.Contains("revoked", (await bench.RefusalAsync(CertificateBench.Present(certificate))).Text, StringComparison.Ordinal);
        await bench.VerifiedAsync(CertificateBench.Present(other));
    }

    [Fact]
    public async Task Revoked_EndsWhatIsOpen()
    {
        await using var bench = new CertificateBench();
        using var certificate = bench.Root.Issue();
        using var other = bench.Root.Issue();
        var presented = CertificateBench.Present(certificate);
        var (open, others) = (await bench.VerifiedAsync(presented), await bench.VerifiedAsync(CertificateBench.Present(other)));

        bench.Revocations.Apply(new StoreChanges
        {
            Revision = new StoreRevision("s", 1), IsWhole = false, Revocations = [new Revocation(RevocationKind.Certificate, presented.Id, bench.Time.GetUtcNow(), null, "test/root")],
        });

        Assert.Equal(LeaseEnd.Revoked, open.Ended);
        Assert.Equal(LeaseEnd.None, others.Ended);
        Assert.Contains("revoked", (await bench.RefusalAsync(presented)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DisabledAccount_EndsWhatIsOpen()
    {
        await using var bench = new CertificateBench();
        using var certificate = bench.Root.Issue();
        var presented = CertificateBench.Present(certificate);
        var open = await bench.VerifiedAsync(presented);

        bench.Accounts.Apply(bench.Account with { Disabled = true, Version = 2 });

        Assert.Equal(LeaseEnd.Revoked, open.Ended);
        Assert.Contains("is disabled", (await bench.RefusalAsync(presented)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CallsOfAConnection_AreOneCallerUntilItsCertificateEnds()
    {
        await using var bench = new CertificateBench();
        using var certificate = bench.Root.Issue(to: bench.Time.GetUtcNow().AddHours(1));
        var presented = CertificateBench.Present(certificate);

        var first = await bench.VerifiedAsync(presented);
        Assert.Same(first, await bench.VerifiedAsync(presented));
        bench.Time.Advance(TimeSpan.FromMinutes(61));

        Assert.Contains("expired", (await bench.RefusalAsync(presented)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reload_ThatTakesAnAuthorityAway_EndsWhatItOpened_AndOthersGoOn()
    {
        await using var bench = new CertificateBench();
        var others = new TestAuthority("CN=Others");
        var second = bench.Options with { Name = "others", Authorities = [bench.Write("others.pem", others)] };
        bench.Reload(bench.Options, second);
        using var certificate = bench.Root.Issue();
        using var other = others.Issue();
        var (one, two) = (CertificateBench.Present(certificate), CertificateBench.Present(other));
        var (first, kept) = (await bench.VerifiedAsync(one), await bench.VerifiedAsync(two));

        bench.Write("ca.pem", new TestAuthority("CN=New"));
        bench.Reload(bench.Options, second);
        await bench.RetireAsync();

        Assert.Equal(LeaseEnd.Revoked, first.Ended);
        Assert.Equal(LeaseEnd.None, kept.Ended);
        Assert.Contains("No credential", (await bench.RefusalAsync(one)).Text, StringComparison.Ordinal);
        await bench.VerifiedAsync(two);
    }

    // An authority is replaced in two steps: the new one beside the old, then without it.
    [Fact]
    public async Task Reload_ThatAddsAnAuthority_EndsNothing_UntilTheOldOneIsGone()
    {
        await using var bench = new CertificateBench();
        var next = new TestAuthority("CN=Next");
        using var certificate = bench.Root.Issue();
        using var renewed = next.Issue();
        var presented = CertificateBench.Present(certificate);
        var open = await bench.VerifiedAsync(presented);

        bench.Write("ca.pem", bench.Root, next);
        await ReloadAsync(bench, bench.Options);
        Assert.Equal(LeaseEnd.None, open.Ended);
        Assert.NotSame(open, await bench.VerifiedAsync(presented));
        var opened = await bench.VerifiedAsync(CertificateBench.Present(renewed));
        await ReloadAsync(bench, bench.Options with { Filters = [new CertificateFilterOptions { CommonName = "*rker" }] });
        await ReloadAsync(bench, bench.Options with { DeniedSerials = ["01"] });
        Assert.Equal((LeaseEnd.None, LeaseEnd.None), (open.Ended, opened.Ended));

        bench.Write("ca.pem", next);
        await ReloadAsync(bench, bench.Options);
        Assert.Equal((LeaseEnd.Revoked, LeaseEnd.None), (open.Ended, opened.Ended));
        bench.Write("ca.pem", bench.Root, next);
        await ReloadAsync(bench, bench.Options);
        Assert.Equal(LeaseEnd.Revoked, open.Ended);
    }

    [Fact]
    public async Task Reload_AfterWhichTheCertificateIsAnothers_OrNobodys_EndsWhatIsOpen()
    {
        await using var bench = new CertificateBench();
        bench.Accounts.Account("other");
        using var certificate = bench.Root.Issue();
        var presented = CertificateBench.Present(certificate);
        var options = bench.Options;
        foreach (var (changed, end) in new[]
        {
            (options with { Account = "other" }, LeaseEnd.Changed),
            (options with { Namespaces = ["payments"] }, LeaseEnd.Changed),
            (options with { Name = "renamed" }, LeaseEnd.Changed),
            (options with { DeniedSerials = [certificate.SerialNumber] }, LeaseEnd.Revoked),
            (options with { Filters = [new CertificateFilterOptions { Dns = "*.example" }] }, LeaseEnd.Revoked),
            (options with { Account = "nobody" }, LeaseEnd.Revoked),
        })
        {
            await ReloadAsync(bench, options);
            var open = await bench.VerifiedAsync(presented);
            await ReloadAsync(bench, changed);
            Assert.Equal(end, open.Ended);
        }
    }

    private static async Task ReloadAsync(CertificateBench bench, CertificateOptions options)
    {
        bench.Reload(options);
        await bench.RetireAsync();
    }

    private static TestAuthority Constrained(TestAuthority root) => new(root, with: request =>
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(TestAuthority.OnlyDns("a.example"));
    });

    private static (X509Certificate2, IReadOnlyList<X509Certificate2>) Below(TestAuthority authority, string? dns = null) =>
        (authority.Issue(names: dns is null ? null : names => names.AddDnsName(dns)), authority.Chain);
}
