using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>M: client certificates. Whatever a certificate says in the wrong place, or somebody above it had no right to say, names nobody and reaches no engine.</summary>
public sealed class CertificateCases(CertificateCases.Bench bench) : IClassFixture<CertificateCases.Bench>
{
    private const string Worker = "spiffe://acme.example/payments/worker";
    private const string Dns = "w.batch.example";

    private static readonly Dictionary<string, Func<TestAuthority, Shown>> Bad = new()
    {
        ["M2 NUL in a DNS name"] = root => Named(root, (2, Dns + "\0.evil.example")),
        ["M2 NUL before the part that fits"] = root => Named(root, (2, "evil.example\0." + Dns)),
        ["M2 e-mail address that looks like a DNS name"] = root => Named(root, (1, Dns)),
        ["M2 URI that looks like a DNS name"] = root => Named(root, (6, Dns)),
        ["M2 common name that looks like a DNS name"] = root => new(root.Issue($"CN={Dns}, O=Acme")),
        ["M2 DNS name that looks like a SPIFFE id"] = root => Named(root, (2, Worker)),
        ["M2 e-mail address that looks like a SPIFFE id"] = root => Named(root, (1, Worker)),
        ["M2 common name that looks like a SPIFFE id"] = root => new(root.Issue($"CN=\"{Worker}\"")),
        ["M2 wildcard"] = root => Named(root, (2, "*.batch.example")),
        ["M2 several names in one place of the subject"] = root => new(root.Issue(
            names: names => names.AddDnsName(Dns), distinguished: TestAuthority.Several(("2.5.4.10", "Acme"), ("2.5.4.10", "Evil")))),
        ["M2 two SPIFFE ids"] = root => Named(root, (6, Worker), (6, "spiffe://acme.example/payments/other")),
        ["M2 SPIFFE id with dots"] = root => Named(root, (6, "spiffe://acme.example/x/../payments/worker")),
        ["M2 SPIFFE id with an escape"] = root => Named(root, (6, "spiffe://acme.example/payments/%77orker")),
        ["M2 SPIFFE id with a slash at its end"] = root => Named(root, (6, Worker + "/")),
        ["M2 SPIFFE id with a query"] = root => Named(root, (6, Worker + "?x")),
        ["M2 SPIFFE id with a port"] = root => Named(root, (6, "spiffe://acme.example:1/payments/worker")),
        ["M3 expired"] = root => new(root.Issue("CN=w, O=Acme", names => names.AddDnsName(Dns), to: TestAuthority.From.AddYears(1))),
        ["M3 not yet valid"] = root => new(root.Issue("CN=w, O=Acme", names => names.AddDnsName(Dns), from: TestAuthority.To.AddYears(-1))),
        ["M3 expired intermediate"] = root => Below(new TestAuthority(root, to: TestAuthority.From.AddYears(2))),
        ["M3 intermediate that is none"] = root => Below(new TestAuthority(root, with: request => request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true)))),
        ["M3 deeper than allowed"] = root => Below(new TestAuthority(
            new TestAuthority(root, "CN=One", request => request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true))), "CN=Two")),
        ["M3 too many above"] = root => Below(Enumerable.Range(0, 5).Aggregate(new TestAuthority(root, "CN=I"), (above, i) => new TestAuthority(above, $"CN=I{i}"))),
        ["M3 name constraints"] = root => Below(new TestAuthority(root, with: request =>
        {
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            request.CertificateExtensions.Add(TestAuthority.OnlyDns("a.example"));
        })),
        ["M3 another's authority of the same name"] = _ => new(new TestAuthority("CN=Workers").Issue("CN=w, O=Acme", names => names.AddDnsName(Dns))),
        ["M3 signed by a worker's certificate"] = root => Below(new TestAuthority(root, with: request => request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.2")], false)))),
        ["M3 for servers"] = root => new(root.Issue("CN=w, O=Acme", names => names.AddDnsName(Dns), usage: "1.3.6.1.5.5.7.3.1")),
        ["M3 signed with SHA-1"] = root => new(root.Issue("CN=w, O=Acme", names => names.AddDnsName(Dns), signer: root.Weak)),
    };

    public static TheoryData<string> Names => [.. Bad.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Certificate_ThatIsNotGood_NamesNobody(string id)
    {
        var watch = new Watch(bench.Gate.Gate);
        var (certificate, above) = Bad[id](bench.Gate.Workers);
        var answer = await CallAsync(certificate, above);

        Assert.True(answer is null or { Closed: true } or { Status: GrpcCode.Unauthenticated }, $"{id}: {answer}");
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task Certificate_ThatIsGood_IsServed()
    {
        using var dns = bench.Gate.Workers.Issue("CN=w, O=Acme", names => names.AddDnsName(Dns));
        using var uri = bench.Gate.Workers.Issue(names: names => names.AddUri(new Uri(Worker)));

        Assert.Equal((0, 0), ((await CallAsync(dns, []))?.Status, (await CallAsync(uri, []))?.Status));
    }

    [Fact]
    public async Task M3_DeniedSerial_IsRefused_OnConnectionsThatStandToo()
    {
        await using var gate = await CertificateGate.StartAsync(Bench.Entries, Bench.Policy);
        using var certificate = gate.Workers.Issue(names: names => names.AddUri(new Uri(Worker)));
        using var other = gate.Workers.Issue(names: names => names.AddUri(new Uri(Worker)));
        await using var client = await gate.ConnectAsync(certificate);
        await using var neighbour = await gate.ConnectAsync(other);
        Assert.Equal(0, (await DescribeAsync(client)).Status);

        var file = gate.Gate.ConfigFile;
        File.WriteAllText(file, File.ReadAllText(file).Replace("subject: uri", $"subject: uri, deniedSerials: [\"{certificate.SerialNumber}\"]", StringComparison.Ordinal));
        Assert.Equal(200, (await gate.Gate.ReloadAsync()).Status);

        Assert.Equal(GrpcCode.Unauthenticated, (await DescribeAsync(client)).Status);
        Assert.Equal(0, (await DescribeAsync(neighbour)).Status);
    }

    // Null where the handshake already ended it.
    private async Task<RawAnswer?> CallAsync(X509Certificate2 certificate, IReadOnlyList<X509Certificate2> above)
    {
        try
        {
            await using var client = await bench.Gate.ConnectAsync(certificate, above);
            return await DescribeAsync(client);
        }
        catch (Exception e) when (e is IOException or AuthenticationException or System.Net.Sockets.SocketException or InvalidOperationException)
        {
            return null;
        }
    }

    private static Task<RawAnswer> DescribeAsync(RawHttp2 client) => CertificateGate.CallAsync(client, "DescribeWorkflowExecution", Requests.Describe());

    private static Shown Named(TestAuthority root, params (int Tag, string Text)[] names) =>
        new(root.Issue("CN=w, O=Acme", with: request => request.CertificateExtensions.Add(TestAuthority.Names(names))));

    private static Shown Below(TestAuthority authority) => new(authority.Issue("CN=w, O=Acme", names => names.AddDnsName(Dns)), authority.Chain);

    private sealed record Shown(X509Certificate2 Certificate, IReadOnlyList<X509Certificate2> Above)
    {
        public Shown(X509Certificate2 certificate)
            : this(certificate, [])
        {
        }
    }

    public sealed class Bench : IAsyncLifetime
    {
        internal const string Entries = """
            - { name: batch, authorities: ["{ca}"], filters: [{ organization: acme, dns: "*.batch.example" }], account: mesh-worker }
            - { name: workers, authorities: ["{ca}"], filters: [{ uri: "spiffe://acme.example/*" }], subject: uri }
            """;

        internal const string Policy = """
            bindings:
              - { who: ["account:workers/spiffe://acme.example/payments/worker", "account:mesh-worker"], role: developer, where: { temporal: payments } }
            """;

        private GateAccounts? _accounts;

        internal CertificateGate Gate { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Gate = await CertificateGate.StartAsync(Entries, Policy);
            _accounts = new GateAccounts(Gate.Gate);
            await _accounts.AddAsync("mesh-worker");
            using var certificate = Gate.Workers.Issue("CN=w, O=Acme", names => names.AddDnsName(Dns));
            await using var client = await Gate.ConnectAsync(certificate);
            await Eventually.AnswersAsync(() => DescribeAsync(client), answer => answer.Status == 0);
        }

        public async ValueTask DisposeAsync()
        {
            await _accounts!.DisposeAsync();
            await Gate.DisposeAsync();
        }
    }
}
