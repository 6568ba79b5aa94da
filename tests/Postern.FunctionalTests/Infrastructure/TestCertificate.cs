using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A self-signed certificate for loopback in two PEM files.</summary>
internal sealed class TestCertificate : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("postern-tls-").FullName;

    public TestCertificate() => Renew();

    public string Folder => _folder;

    public string CertificateFile => Path.Combine(_folder, "tls.crt");

    public string KeyFile => Path.Combine(_folder, "tls.key");

    public string Thumbprint { get; private set; } = "";

    /// <summary>Writes a new certificate over the old one.</summary>
    public void Renew()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=gate.test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("gate.test");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
        Thumbprint = certificate.Thumbprint;
    }

    /// <summary>A client that trusts exactly the certificate of now.</summary>
    public SslClientAuthenticationOptions Trusting(string protocol) => new()
    {
        TargetHost = "gate.test",
        ApplicationProtocols = [new SslApplicationProtocol(protocol)],
        RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.GetCertHashString() == Thumbprint,
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
