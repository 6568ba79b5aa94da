using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http.Features;
using Postern.Identity.Certificates;

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

    /// <param name="connection">The connection's features: a certificate that its client proved is kept there, for whoever asks who is calling.</param>
    public SslServerAuthenticationOptions ForConnection(IFeatureCollection connection)
    {
        var current = Volatile.Read(ref _current);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = current.Context,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            EnabledSslProtocols = System.Security.Authentication.SslProtocols.Tls12 | System.Security.Authentication.SslProtocols.Tls13,
            ClientCertificateRequired = AsksForClientCertificates,
            // A resumed session would carry on what was proved under other authorities, and lacks what the client sent beside its certificate.
            AllowTlsResume = !AsksForClientCertificates,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            // The platform's verdict is against the system's authorities; only ours count here. No certificate is an answer only where it is optional.
            RemoteCertificateValidationCallback = (_, certificate, chain, errors) => certificate is null
                ? _options.ClientCertificates != ClientCertificates.Required
                : current.Admits(certificate, chain, errors, connection),
        };
    }

    private Loaded Load()
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_options.Certificate);
        var certificate = X509Certificate2.CreateFromPemFile(_options.Certificate, _options.Key);
        chain.RemoveAt(0);
        return new Loaded(certificate, SslStreamCertificateContext.Create(certificate, chain, offline: true), CertificateAuthorities.Load(_options.ClientAuthorities));
    }

    private sealed record Loaded(X509Certificate2 Certificate, SslStreamCertificateContext Context, CertificateAuthorities Authorities)
    {
        public bool Admits(X509Certificate certificate, X509Chain? chain, SslPolicyErrors errors, IFeatureCollection connection)
        {
            if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
            {
                return false;
            }

            // Copies: the handshake's own are gone after it.
            var presented = new PresentedCertificate(
                X509CertificateLoader.LoadCertificate(certificate.GetRawCertData()),
                [.. (chain?.ChainPolicy.ExtraStore ?? []).Take(CertificateAuthorities.MostPresented).Select(other => X509CertificateLoader.LoadCertificate(other.RawDataMemory.Span))]);
            if (Authorities.Judge(presented.Certificate, presented.Others, null) is not { IsTheirs: true, Problem: null })
            {
                return false;
            }

            connection.Set(presented);
            return true;
        }
    }
}
