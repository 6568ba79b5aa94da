using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A gate whose second listener asks for client certificates, and the authority of its workers.</summary>
internal sealed class CertificateGate : IAsyncDisposable
{
    private readonly TestCertificate _server;

    private CertificateGate(TestCertificate server, Gate gate, TestAuthority workers)
    {
        _server = server;
        Gate = gate;
        Workers = workers;
    }

    public Gate Gate { get; }

    public TestAuthority Workers { get; }

    /// <param name="entries">Items of <c>identity.certificates</c>, one per line; <c>{ca}</c> is the authority's file.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="mode">Whether certificates are asked for: <c>optional</c> or <c>required</c>.</param>
    /// <param name="script">The engine.</param>
    /// <param name="extra">Further sections of postern.yaml.</param>
    public static async Task<CertificateGate> StartAsync(string entries, string policy, string mode = "optional", Func<ArrivedCall, StubAnswer>? script = null, string extra = "")
    {
        var server = new TestCertificate();
        var workers = new TestAuthority("CN=Workers");
        var authority = Path.Combine(server.Folder, "ca.pem");
        await File.WriteAllTextAsync(authority, workers.Pem);
        var gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = policy,
            Listen = $$"""
                - address: "127.0.0.1:0"
                  tls: { certificate: "{{server.CertificateFile}}", key: "{{server.KeyFile}}", clientCertificates: {{mode}}, clientAuthorities: ["{{authority}}"] }
                """,
            IdentityExtra = $"  accounts: enabled\n  certificates:\n" + string.Join('\n', entries.Split('\n').Select(line => "    " + line.Replace("{ca}", authority, StringComparison.Ordinal))),
            Extra = extra,
            Script = script ?? (static _ => StubAnswer.Ok()),
        });
        return new CertificateGate(server, gate, workers);
    }

    /// <summary>Writes other authorities into the file that listener and identity read.</summary>
    public Task TrustAsync(params TestAuthority[] authorities) =>
        File.WriteAllTextAsync(Path.Combine(_server.Folder, "ca.pem"), string.Join('\n', authorities.Select(authority => authority.Pem)));

    public void RenewServer() => _server.Renew();

    /// <summary>Connects with a certificate, or without one.</summary>
    public Task<RawHttp2> ConnectAsync(X509Certificate2? certificate, IEnumerable<X509Certificate2>? others = null, string name = "gate.test")
    {
        var tls = _server.Trusting("h2");
        tls.TargetHost = name;
        if (certificate is not null)
        {
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, [.. others ?? []], offline: true);
        }

        return RawHttp2.ConnectAsync(Gate.Listener(1), tls);
    }

    /// <summary>A client of the token endpoint with a certificate, or without one.</summary>
    public TokenClient Tokens(X509Certificate2? certificate)
    {
        var tls = _server.Trusting("http/1.1");
        tls.TargetHost = "gate.test";
        if (certificate is not null)
        {
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(certificate, [], offline: true);
        }

        return new TokenClient(Gate.Listener(1), System.Net.HttpVersion.Version11, tls);
    }

    public static Task<RawAnswer> CallAsync(RawHttp2 client, string method, byte[] message, string? token = null, params (string, string)[] more) =>
        client.CallAsync([.. RawHttp2.SecureCallHeaders(GrpcClient.WorkflowService + method, token), .. more], GrpcFrame.Of(message));

    public async ValueTask DisposeAsync()
    {
        await Gate.DisposeAsync();
        _server.Dispose();
    }
}
