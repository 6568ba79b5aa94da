using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity.Certificates;

namespace Postern.Tests.Identity.Certificates;

public sealed class CertificateFilterTests
{
    private static readonly TestAuthority Root = new();
    private static readonly CertificateNames Worker = CertificateNames.Read(Root.Issue("CN=Worker-7, OU=Payments, OU=Batch, O=Acme", names =>
    {
        names.AddDnsName("Worker.Acme.example");
        names.AddEmailAddress("worker@acme.example");
        names.AddUri(new Uri("spiffe://acme.example/payments/worker"));
    }))!;

    public static TheoryData<string, string, bool> Fields() => new()
    {
        { "commonName", "worker-7", true },
        { "commonName", "WORKER-*", true },
        { "commonName", "*-7", true },
        { "commonName", "worker", false },
        { "commonName", "worker.acme.example", false },
        { "organization", "acme", true },
        { "organization", "acm", false },
        { "organizationalUnit", "batch", true },
        { "organizationalUnit", "payments", true },
        { "organizationalUnit", "acme", false },
        { "dns", "worker.acme.example", true },
        { "dns", "*.acme.example", true },
        { "dns", "*.ACME.example", true },
        { "dns", "worker@acme.example", false },
        { "dns", "worker-7", false },
        { "uri", "spiffe://acme.example/*", true },
        { "uri", "worker.acme.example", false },
        { "email", "*@acme.example", true },
        { "email", "worker.acme.example", false },
    };

    [Theory]
    [MemberData(nameof(Fields))]
    public void Filter_Field_MatchesItsOwnKindOfNameOnly(string field, string pattern, bool matches) =>
        Assert.Equal(matches, new CertificateFilter(Options(field, pattern)).Matches(Worker));

    [Fact]
    public void Filter_AllOfItsFields_MustMatch()
    {
        Assert.True(new CertificateFilter(new CertificateFilterOptions { Organization = "acme", CommonName = "worker-*" }).Matches(Worker));
        Assert.False(new CertificateFilter(new CertificateFilterOptions { Organization = "other", CommonName = "worker-*" }).Matches(Worker));
    }

    [Fact]
    public void Names_Wildcard_NamesNobody()
    {
        var names = CertificateNames.Read(Root.Issue("CN=*.acme.example", names => names.AddDnsName("*.acme.example")))!;

        Assert.Empty(names.Dns);
        Assert.Empty(names.CommonNames);
        Assert.False(new CertificateFilter(new CertificateFilterOptions { Dns = "*.acme.example" }).Matches(names));
    }

    public static TheoryData<string> Unreadable() => [.. Requests.Keys];

    private static readonly Dictionary<string, Action<CertificateRequest>> Requests = new()
    {
        ["NUL in a DNS name"] = request => request.CertificateExtensions.Add(TestAuthority.Names((2, "worker.acme.example\0.evil.example"))),
        ["NUL in an e-mail address"] = request => request.CertificateExtensions.Add(TestAuthority.Names((1, "root@acme.example\0@evil.example"))),
        ["line break in a URI"] = request => request.CertificateExtensions.Add(TestAuthority.Names((6, "spiffe://acme.example/a\nb"))),
        ["two SPIFFE ids"] = request => request.CertificateExtensions.Add(TestAuthority.Names((6, "spiffe://acme.example/a"), (6, "spiffe://acme.example/b"))),
        ["SPIFFE id beside another URI"] = request => request.CertificateExtensions.Add(TestAuthority.Names((6, "spiffe://acme.example/a"), (6, "https://acme.example/b"))),
        ["SPIFFE id in upper case"] = request => request.CertificateExtensions.Add(TestAuthority.Names((6, "SPIFFE://acme.example/a"))),
        ["SPIFFE id with a way up"] = request => request.CertificateExtensions.Add(TestAuthority.Names((6, "spiffe://acme.example/a/../b"))),
        ["SPIFFE id of the domain alone"] = request => request.CertificateExtensions.Add(TestAuthority.Names((6, "spiffe://acme.example"))),
        ["SPIFFE id with a port"] = request => request.CertificateExtensions.Add(TestAuthority.Names((6, "spiffe://acme.example:8443/a"))),
        ["alternative names that are none"] = request => request.CertificateExtensions.Add(new X509Extension("2.5.29.17", [0x30, 0x05, 0x82, 0x01], false)),
        ["alternative names with more behind"] = request => request.CertificateExtensions.Add(new X509Extension("2.5.29.17", [.. TestAuthority.Names((2, "a.example")).RawData, 5, 0], false)),
    };

    [Theory]
    [MemberData(nameof(Unreadable))]
    public void Names_ThatCouldBeReadInTwoWays_AreNone(string name)
    {
        using var certificate = Root.Issue(with: Requests[name]);

        Assert.Null(CertificateNames.Read(certificate));
        Assert.NotNull(CertificateNames.Read(Root.Issue(with: request => request.CertificateExtensions.Add(TestAuthority.Names((2, "a.example"), (1, "a@a.example"), (6, "spiffe://acme.example/a"))))));
    }

    [Fact]
    public void Names_SubjectThatCouldBeReadInTwoWays_IsNone()
    {
        using var several = Root.Issue(distinguished: TestAuthority.Several(("2.5.4.3", "worker"), ("2.5.4.11", "payments")));
        using var bell = Root.Issue("CN=\"worker\u0007\"");
        using var one = Root.Issue(distinguished: TestAuthority.Several(("2.5.4.3", "worker")));

        Assert.Null(CertificateNames.Read(several));
        Assert.Null(CertificateNames.Read(bell));
        Assert.Equal("worker", Assert.Single(CertificateNames.Read(one)!.CommonNames));
    }

    private static CertificateFilterOptions Options(string field, string pattern) => field switch
    {
        "commonName" => new CertificateFilterOptions { CommonName = pattern },
        "organization" => new CertificateFilterOptions { Organization = pattern },
        "organizationalUnit" => new CertificateFilterOptions { OrganizationalUnit = pattern },
        "dns" => new CertificateFilterOptions { Dns = pattern },
        "uri" => new CertificateFilterOptions { Uri = pattern },
        _ => new CertificateFilterOptions { Email = pattern },
    };
}
