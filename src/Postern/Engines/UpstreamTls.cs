using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Engines;

/// <summary>TLS towards an engine, read from the files that the options name. Each call reads them again, so that a new lane has the newest certificate.</summary>
internal static class UpstreamTls
{
    /// <summary>
    /// What a connection to <paramref name="host"/> is made with. Throws <see cref="IOException"/> or
    /// <see cref="System.Security.Cryptography.CryptographicException"/> where a file can't be used.
    /// </summary>
    /// <param name="options">The engine's block.</param>
    /// <param name="host">The name or address that is connected to.</param>
    /// <param name="protocol">What is spoken inside.</param>
    public static SslClientAuthenticationOptions Create(UpstreamTlsOptions options, string host, SslApplicationProtocol protocol)
    {
        var tls = new SslClientAuthenticationOptions
        {
            TargetHost = options.ServerName ?? host,
            ApplicationProtocols = [protocol],
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        };
        if (options.Authorities.Count > 0)
        {
            // Only these: an authority of the system's must not be able to stand in for the engine.
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            foreach (var file in options.Authorities)
            {
                policy.CustomTrustStore.ImportFromPemFile(file);
            }

            // id-kp-serverAuth: a client's certificate of the same authority is not the engine's.
            policy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.1"));
            tls.CertificateChainPolicy = policy;
        }

        if (options is { Certificate: { } certificate, Key: { } key })
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificate);
            chain.RemoveAt(0);
            tls.ClientCertificateContext = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificate, key), chain, offline: true);
        }

        return tls;
    }
}
