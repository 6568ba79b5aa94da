using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>A client certificate is a credential like any other: it names one caller, ends when it is revoked, and nothing beside the handshake can pretend to it.</summary>
public sealed class CertificateIsTheCaller
{
    private const string Policy = """
        bindings:
          - { who: ["account:workers/spiffe://acme.example/payments/worker"], role: developer, where: { temporal: payments } }
          - { who: ["certificate:spiffe://acme.example/*"], role: viewer, where: { temporal: reports } }
          - { who: ["account:mesh-worker"], role: worker, where: { temporal: "*" } }
          - { who: ["user:test/root"], role: developer, where: { temporal: payments } }
        """;

    private const string Entries = """
        - { name: batch, authorities: ["{ca}"], filters: [{ organization: acme, dns: "*.batch.example" }], account: mesh-worker, namespaces: [payments] }
        - { name: workers, authorities: ["{ca}"], filters: [{ uri: "spiffe://acme.example/*" }], subject: uri }
        """;

    private static readonly Uri Worker = new("spiffe://acme.example/payments/worker");

    [Fact]
    public async Task SpiffeId_IsTheCaller_InPolicyAndRecord()
    {
        await using var bench = await CertificateGate.StartAsync(Entries, Policy);
        using var certificate = bench.Workers.Issue(names: names => names.AddUri(Worker));
        await using var client = await bench.ConnectAsync(certificate);

        Assert.Equal(0, (await CertificateGate.CallAsync(client, "StartWorkflowExecution", Requests.Start())).Status);
        Assert.Equal(0, (await CertificateGate.CallAsync(client, "DescribeWorkflowExecution", Requests.Describe("reports"))).Status);
        var denied = await CertificateGate.CallAsync(client, "StartWorkflowExecution", Requests.Start("reports"));

        Assert.Equal(GrpcCode.PermissionDenied, denied.Status);
        Assert.Contains("spiffe://acme.example/payments/worker may not workflow.start", denied.Message, StringComparison.Ordinal);
        var record = bench.Gate.Audit.Records().First(line => line["caller"] == $"workers/{Worker}");
        Assert.StartsWith("CN=Workers ", record["credential"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task AccountsCertificate_IsBoundToItsNamespaces_AndEndsWithItsAccount()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var bench = await CertificateGate.StartAsync(
            Entries, Policy, script: call => StubAnswer.Ok() with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null });
        await using var accounts = new GateAccounts(bench.Gate);
        var account = await accounts.AddAsync("mesh-worker");
        using var certificate = bench.Workers.Issue("CN=w, O=Acme", names => names.AddDnsName("w.batch.example"));
        await using var client = await bench.ConnectAsync(certificate);
        await Eventually.AnswersAsync(() => CertificateGate.CallAsync(client, "GetSystemInfo", []), answer => answer.Status == 0);
        Assert.Equal(GrpcCode.PermissionDenied, (await CertificateGate.CallAsync(client, "PollWorkflowTaskQueue", Requests.Poll("billing"))).Status);

        var open = CertificateGate.CallAsync(client, "PollWorkflowTaskQueue", Requests.Poll(), null, ("grpc-timeout", "300S"));
        await Eventually.TrueAsync(() => bench.Gate.Engine.Open == 1);
        await accounts.UpdateAsync(account with { Disabled = true });

        Assert.Equal(GrpcCode.Unauthenticated, (await open).Status);
        release.SetResult();
        Assert.Equal(GrpcCode.Unauthenticated, (await CertificateGate.CallAsync(client, "PollWorkflowTaskQueue", Requests.Poll())).Status);
    }

    [Fact]
    public async Task TwoCredentials_AreOneTooMany_AndAMeshsCertificateIsNone()
    {
        await using var bench = await CertificateGate.StartAsync(Entries, Policy);
        using var certificate = bench.Workers.Issue(names: names => names.AddUri(Worker));
        using var mesh = bench.Workers.Issue("CN=mesh");
        await using var client = await bench.ConnectAsync(certificate);
        await using var sidecar = await bench.ConnectAsync(mesh);
        await using var without = await bench.ConnectAsync(null);
        var token = bench.Gate.Issuer.Token("root");

        var both = await CertificateGate.CallAsync(client, "StartWorkflowExecution", Requests.Start(), token);
        Assert.Equal(GrpcCode.Unauthenticated, both.Status);
        Assert.Contains("Send one credential", both.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await CertificateGate.CallAsync(sidecar, "StartWorkflowExecution", Requests.Start(), token)).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await CertificateGate.CallAsync(sidecar, "StartWorkflowExecution", Requests.Start())).Status);
        Assert.Equal(0, (await CertificateGate.CallAsync(without, "StartWorkflowExecution", Requests.Start(), token)).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await CertificateGate.CallAsync(without, "StartWorkflowExecution", Requests.Start())).Status);
        Assert.All(bench.Gate.Audit.Records().Where(line => line["operation"] == "StartWorkflowExecution" && line["decision"] == "allow"), line => Assert.Equal("test/root", line["caller"]));
    }

    [Theory]
    [InlineData("x-forwarded-client-cert")]
    [InlineData("X-Forwarded-Client-Cert")]
    [InlineData("x_forwarded_client_cert")]
    [InlineData("x-client-cert")]
    [InlineData("x-ssl-client-cert")]
    [InlineData("ssl-client-cert")]
    [InlineData("x-amzn-mtls-clientcert")]
    public async Task M5_CertificateInAHeader_IsNoCredential(string header)
    {
        await using var bench = await CertificateGate.StartAsync(Entries, Policy);
        using var certificate = bench.Workers.Issue(names: names => names.AddUri(Worker));
        var text = $"Hash=00;URI={Worker};Cert=\"{Uri.EscapeDataString(certificate.ExportCertificatePem())}\"";
        await using var without = await bench.ConnectAsync(null);

        Assert.Equal(GrpcCode.Unauthenticated, (await CertificateGate.CallAsync(without, "StartWorkflowExecution", Requests.Start(), null, (header.ToLowerInvariant(), text))).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await bench.Gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), null, TestContext.Current.CancellationToken, (header, text))).Status);

        await using var client = await bench.ConnectAsync(certificate);
        Assert.Equal(0, (await CertificateGate.CallAsync(client, "StartWorkflowExecution", Requests.Start(), null, (header.ToLowerInvariant(), "URI=spiffe://acme.example/root"))).Status);
        Assert.Equal($"workers/{Worker}", bench.Gate.Audit.Records().Last(line => line["operation"] == "StartWorkflowExecution" && line["caller"] is not null)["caller"]);
    }

    [Theory]
    [InlineData("optional")]
    [InlineData("required")]
    public async Task Handshake_StrangersCertificate_IsEnded_WhateverServerIsNamed(string mode)
    {
        await using var bench = await CertificateGate.StartAsync(Entries, Policy, mode);
        using var stranger = new TestAuthority("CN=Workers").Issue(names: names => names.AddUri(Worker));
        using var expired = bench.Workers.Issue(names: names => names.AddUri(Worker), to: TestAuthority.From.AddYears(1));
        using var forServers = bench.Workers.Issue(names: names => names.AddUri(Worker), usage: "1.3.6.1.5.5.7.3.1");
        foreach (var name in new[] { "gate.test", "internal.test", "" })
        {
            foreach (var certificate in new[] { stranger, expired, forServers })
            {
                await EndsAsync(() => bench.ConnectAsync(certificate, name: name));
            }
        }

        if (mode == "required")
        {
            await EndsAsync(() => bench.ConnectAsync(null));
            await EndsAsync(() => bench.ConnectAsync(null, name: "internal.test"));
        }

        using var ours = bench.Workers.Issue(names: names => names.AddUri(Worker));
        await using var client = await bench.ConnectAsync(ours, name: "internal.test");
        Assert.Equal(0, (await CertificateGate.CallAsync(client, "StartWorkflowExecution", Requests.Start())).Status);
    }

    [Fact]
    public async Task Intermediate_ThatTheClientSends_IsTaken_AndAnExpiredOneIsNot()
    {
        await using var bench = await CertificateGate.StartAsync(Entries, Policy);
        var below = new TestAuthority(bench.Workers, "CN=Below");
        var ended = new TestAuthority(bench.Workers, "CN=Ended", to: TestAuthority.From.AddYears(2));
        using var certificate = below.Issue(names: names => names.AddUri(Worker));
        using var late = ended.Issue(names: names => names.AddUri(Worker));

        await using var client = await bench.ConnectAsync(certificate, below.Chain);

        Assert.Equal(0, (await CertificateGate.CallAsync(client, "StartWorkflowExecution", Requests.Start())).Status);
        await EndsAsync(() => bench.ConnectAsync(late, ended.Chain));
        await EndsAsync(() => bench.ConnectAsync(certificate));
    }

    [Fact]
    public Task M6_AuthoritiesAndOwnCertificate_AreReplaced_AndOpenPollsGoOn() => ReplaceAsync(connections: 4, polls: 100);

    [Fact]
    [Trait("Length", "long")]
    public Task M6_AuthoritiesAndOwnCertificate_AreReplaced_Under10000OpenPolls_AndNoneIsLost() => ReplaceAsync(connections: 20, polls: 500);

    private static async Task ReplaceAsync(int connections, int polls)
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var bench = await CertificateGate.StartAsync(
            Entries + "\n- { name: canaries, authorities: [\"{ca}\"], filters: [{ organizationalUnit: canary }], account: canary-worker }",
            Policy + "\n  - { who: [\"account:canary-worker\"], role: worker, where: { temporal: \"*\" } }",
            script: call => StubAnswer.Ok() with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null });
        await using var accounts = new GateAccounts(bench.Gate);
        await accounts.AddAsync("mesh-worker");
        var canary = await accounts.AddAsync("canary-worker");
        using var certificate = Batch(bench.Workers);
        using var watched = bench.Workers.Issue("CN=c, OU=canary");
        await using var tells = await bench.ConnectAsync(watched);
        var clients = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => bench.ConnectAsync(certificate)));
        await Eventually.AnswersAsync(() => CertificateGate.CallAsync(clients[0], "GetSystemInfo", []), answer => answer.Status == 0);
        await Eventually.AnswersAsync(() => CertificateGate.CallAsync(tells, "GetSystemInfo", []), answer => answer.Status == 0);
        var ends = PollAsync(tells);
        var open = new List<(RawHttp2 Client, int Stream)>();
        foreach (var client in clients)
        {
            for (var i = 0; i < polls; i++)
            {
                var stream = client.NextStream();
                open.Add((client, stream));
                await client.HeadersAsync(stream, [.. RawHttp2.SecureCallHeaders(GrpcClient.WorkflowService + "PollWorkflowTaskQueue"), ("grpc-timeout", "600S")]);
                await client.DataAsync(stream, GrpcFrame.Of(Requests.Poll()));
            }
        }

        await Eventually.TrueAsync(() => bench.Gate.Engine.Open == open.Count + 1);

        // The next authority beside the old one, and a new certificate of the gate's own.
        var next = new TestAuthority("CN=Next Workers");
        using var early = Batch(next);
        await EndsAsync(() => bench.ConnectAsync(early));
        bench.RenewServer();
        await bench.TrustAsync(bench.Workers, next);
        Assert.Equal(200, (await bench.Gate.ReloadAsync()).Status);
        await using (var renewed = await bench.ConnectAsync(early))
        {
            Assert.Equal(0, (await CertificateGate.CallAsync(renewed, "GetSystemInfo", [])).Status);
        }

        // What is open was looked at under the new authorities: the one that had to end did.
        await accounts.UpdateAsync(canary with { Disabled = true });
        Assert.Equal(GrpcCode.Unauthenticated, (await ends).Status);
        release.SetResult();
        foreach (var (client, stream) in open)
        {
            Assert.Equal(0, (await client.AnswerAsync(stream)).Status);
        }

        // Without the old one its certificates are nobody's, on connections that stay.
        await bench.TrustAsync(next);
        Assert.Equal(200, (await bench.Gate.ReloadAsync()).Status);
        await using var after = await bench.ConnectAsync(early);
        Assert.Equal(0, (await PollAsync(after)).Status);
        foreach (var client in clients)
        {
            Assert.Equal(GrpcCode.Unauthenticated, (await PollAsync(client)).Status);
            Assert.False(client.Closed.IsCompleted);
            Assert.False(client.GoAway.IsCompleted);
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task AuthorityThatIsTakenAway_EndsThePollsThatRestOnIt_AndNoOthers()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var bench = await CertificateGate.StartAsync(
            Entries, Policy, script: call => StubAnswer.Ok() with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null });
        await using var accounts = new GateAccounts(bench.Gate);
        await accounts.AddAsync("mesh-worker");
        var next = new TestAuthority("CN=Next Workers");
        await bench.TrustAsync(bench.Workers, next);
        Assert.Equal(200, (await bench.Gate.ReloadAsync()).Status);
        using var old = Batch(bench.Workers);
        using var renewed = Batch(next);
        await using var ending = await bench.ConnectAsync(old);
        await using var staying = await bench.ConnectAsync(renewed);
        await Eventually.AnswersAsync(() => CertificateGate.CallAsync(staying, "GetSystemInfo", []), answer => answer.Status == 0);
        var (ends, stays) = (PollAsync(ending), PollAsync(staying));
        await Eventually.TrueAsync(() => bench.Gate.Engine.Open == 2);

        await bench.TrustAsync(next);
        Assert.Equal(200, (await bench.Gate.ReloadAsync()).Status);

        Assert.Equal(GrpcCode.Unauthenticated, (await ends).Status);
        release.SetResult();
        Assert.Equal(0, (await stays).Status);
    }

    private static Task<RawAnswer> PollAsync(RawHttp2 client) => CertificateGate.CallAsync(client, "PollWorkflowTaskQueue", Requests.Poll(), null, ("grpc-timeout", "300S"));

    private static System.Security.Cryptography.X509Certificates.X509Certificate2 Batch(TestAuthority authority) => authority.Issue("CN=w, O=Acme", names => names.AddDnsName("w.batch.example"));

    // With TLS 1.3 a client learns of the refusal after its own part of the handshake.
    private static async Task EndsAsync(Func<Task<RawHttp2>> connect)
    {
        var error = await Record.ExceptionAsync(async () =>
        {
            await using var client = await connect();
            var answer = await CertificateGate.CallAsync(client, "GetSystemInfo", []);
            Assert.True(answer.Closed, answer.ToString());
        });

        Assert.True(error is null or IOException or System.Security.Authentication.AuthenticationException or System.Net.Sockets.SocketException or InvalidOperationException, error?.ToString());
    }
}
