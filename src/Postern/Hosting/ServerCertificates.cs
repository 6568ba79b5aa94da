using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Hosting;

/// <summary>
/// The certificate and authorities of one listener, read from files, swapped on reload. Connections that stand keep what they were made with;
/// new ones see the new certificate, so no stream is dropped.
/// </summary>
internal sealed class ServerCertificates
{
    private readonly ListenTlsOptions _options;
    private Loaded _current;

    public ServerCertificates(ListenTlsOptions options)
    {
        _options = options;
        _current = Load();
    }

    /// <summary>When the certificate in use ends.</summary>
    public DateTimeOffset NotAfter => new(Volatile.Read(ref _current).Certificate.NotAfter);

    public bool AsksForClientCertificates => _options.ClientCertificates != ClientCertificates.None;

    /// <summary>Reads the files again. Throws, and changes nothing, where they can't be used.</summary>
    public void Reload() => Volatile.Write(ref _current, Load());

    public SslServerAuthenticationOptions ForConnection()
    {
        var current = Volatile.Read(ref _current);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = current.Context,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            EnabledSslProtocols = System.Security.Authentication.SslProtocols.Tls12 | System.Security.Authentication.SslProtocols.Tls13,
            ClientCertificateRequired = AsksForClientCertificates,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            // The platform's verdict is against the system's authorities; only ours count here. No certificate is an answer only where it is optional.
            RemoteCertificateValidationCallback = (_, certificate, _, errors) => certificate is null
                ? _options.ClientCertificates != ClientCertificates.Required
                : current.IsTrusted(certificate, errors),
        };
    }

    private Loaded Load()
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_options.Certificate);
        var certificate = X509Certificate2.CreateFromPemFile(_options.Certificate, _options.Key);
        var authorities = new X509Certificate2Collection();
        foreach (var file in _options.ClientAuthorities)
        {
            authorities.ImportFromPemFile(file);
        }

        chain.RemoveAt(0);
        return new Loaded(certificate, SslStreamCertificateContext.Create(certificate, chain, offline: true), authorities);
    }

    private sealed record Loaded(X509Certificate2 Certificate, SslStreamCertificateContext Context, X509Certificate2Collection Authorities)
    {
        public bool IsTrusted(X509Certificate certificate, SslPolicyErrors errors)
        {
            if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) || Authorities.Count == 0)
            {
                return false;
            }

            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(Authorities);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            // id-kp-clientAuth: a server's certificate of the same authority is not a client's.
            chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.2"));
            using var candidate = X509CertificateLoader.LoadCertificate(certificate.GetRawCertData());
            return chain.Build(candidate);
        }
    }
}
