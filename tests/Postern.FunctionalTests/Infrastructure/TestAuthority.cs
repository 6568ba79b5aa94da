using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>An authority of client certificates, and whatever it is asked to sign: also what no authority should.</summary>
internal sealed class TestAuthority
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int _serial = 1;

    /// <summary>A root.</summary>
    public TestAuthority(string name = "CN=Test Root", Action<CertificateRequest>? with = null)
    {
        var request = Request(name, with);
        Certificate = request.CreateSelfSigned(From, To);
        Chain = [];
    }

    /// <summary>An authority below another.</summary>
    public TestAuthority(TestAuthority above, string name = "CN=Test Intermediate", Action<CertificateRequest>? with = null, DateTimeOffset? to = null)
    {
        using var signed = Request(name, with).Create(above.Certificate.SubjectName, above.Signer, From.AddMinutes(1), to ?? To.AddMinutes(-1), [0x10, (byte)above._serial++]);
        Certificate = signed.CopyWithPrivateKey(_key);
        Chain = [Certificate, .. above.Chain];
    }

    // Given apart from the certificate, it signs whatever it is told to.
    private X509SignatureGenerator Signer => X509SignatureGenerator.CreateForECDsa(_key);

    /// <summary>Signs with SHA-1.</summary>
    public X509SignatureGenerator Weak => new Sha1(_key);

    public static DateTimeOffset From { get; } = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static DateTimeOffset To { get; } = new(2090, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public X509Certificate2 Certificate { get; }

    /// <summary>What a client sends beside its certificate: everything below the root.</summary>
    public IReadOnlyList<X509Certificate2> Chain { get; }

    public string Pem => Certificate.ExportCertificatePem();

    /// <summary>A client's certificate with its key.</summary>
    /// <param name="subject">Its subject.</param>
    /// <param name="names">Its alternative names; null: none.</param>
    /// <param name="with">Changes the request after all.</param>
    /// <param name="from">Its begin.</param>
    /// <param name="to">Its end.</param>
    /// <param name="usage">Its extended key usage; empty: no such extension.</param>
    /// <param name="distinguished">Its subject where no text says it.</param>
    /// <param name="signer">Signs instead of the authority's usual way.</param>
    public X509Certificate2 Issue(
        string subject = "CN=worker", Action<SubjectAlternativeNameBuilder>? names = null, Action<CertificateRequest>? with = null, DateTimeOffset? from = null, DateTimeOffset? to = null,
        string usage = "1.3.6.1.5.5.7.3.2", X500DistinguishedName? distinguished = null, X509SignatureGenerator? signer = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(distinguished ?? new X500DistinguishedName(subject), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        if (usage.Length > 0)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        }

        if (names is not null)
        {
            var builder = new SubjectAlternativeNameBuilder();
            names(builder);
            request.CertificateExtensions.Add(builder.Build());
        }

        with?.Invoke(request);
        using var signed = request.Create(Certificate.SubjectName, signer ?? Signer, from ?? From.AddMinutes(2), to ?? To.AddMinutes(-2), [0x20, (byte)(_serial / 200), (byte)(1 + (_serial++ % 200))]);
        // A key in memory only can't be used by a TLS client on every platform.
        using var pair = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(pair.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Alternative names written by hand: tag (1 e-mail, 2 DNS, 6 URI) and text, which no builder would take.</summary>
    public static X509Extension Names(params (int Tag, string Text)[] names)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (var (tag, text) in names)
            {
                writer.WriteCharacterString(UniversalTagNumber.IA5String, text, new Asn1Tag(TagClass.ContextSpecific, tag));
            }
        }

        return new X509Extension("2.5.29.17", writer.Encode(), false);
    }

    /// <summary>RFC 5280 §4.2.1.10: only DNS names below one.</summary>
    public static X509Extension OnlyDns(string below)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0)))
        using (writer.PushSequence())
        {
            writer.WriteCharacterString(UniversalTagNumber.IA5String, below, new Asn1Tag(TagClass.ContextSpecific, 2));
        }

        return new X509Extension("2.5.29.30", writer.Encode(), true);
    }

    /// <summary>A subject with several names in one place.</summary>
    public static X500DistinguishedName Several(params (string Oid, string Text)[] names)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSetOf())
        {
            foreach (var (oid, text) in names)
            {
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(oid);
                    writer.WriteCharacterString(UniversalTagNumber.UTF8String, text);
                }
            }
        }

        return new X500DistinguishedName(writer.Encode());
    }

    private CertificateRequest Request(string name, Action<CertificateRequest>? with)
    {
        var request = new CertificateRequest(new X500DistinguishedName(name), _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        if (with is null)
        {
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        }

        with?.Invoke(request);
        return request;
    }

    private sealed class Sha1(ECDsa key) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm)
        {
            var writer = new AsnWriter(AsnEncodingRules.DER);
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier("1.2.840.10045.4.1");
            }

            return writer.Encode();
        }

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) => key.SignData(data, HashAlgorithmName.SHA1, DSASignatureFormat.Rfc3279DerSequence);

        protected override PublicKey BuildPublicKey() => new(key);
    }
}
