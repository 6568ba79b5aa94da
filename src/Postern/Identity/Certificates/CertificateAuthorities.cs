using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Postern.Identity.Certificates;

/// <summary>What a certificate is to some authorities.</summary>
/// <param name="IsTheirs">Whether one of them vouches for it by signature, whatever else is wrong with it.</param>
/// <param name="Problem">What is wrong with it, for its holder; null where nothing is.</param>
/// <param name="Ends">When it, or the first of those above it, ends.</param>
internal readonly record struct ChainVerdict(bool IsTheirs, string? Problem, DateTimeOffset Ends);

/// <summary>
/// The authorities of client certificates. The platform builds and checks chains; nothing but these files is trusted, and nothing is fetched, whatever addresses a
/// certificate names.
/// </summary>
internal sealed class CertificateAuthorities
{
    /// <summary>Certificates that are taken from a client beside its own.</summary>
    public const int MostPresented = 8;

    private const int LongestChain = 6;
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    // SHA-256 and better, with RSA, RSA-PSS and ECDSA.
    private static readonly string[] Signatures =
    [
        "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.12", "1.2.840.113549.1.1.13", "1.2.840.113549.1.1.10", "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.3", "1.2.840.10045.4.3.4",
    ];

    private readonly X509Certificate2Collection _roots = [];
    private readonly X509Certificate2Collection _intermediates = [];

    private CertificateAuthorities(X509Certificate2Collection all)
    {
        foreach (var authority in all)
        {
            (IsRoot(authority) ? _roots : _intermediates).Add(authority);
        }
    }

    public IReadOnlyList<X509Certificate2> Roots => [.. _roots];

    /// <summary>Reads PEM files. Throws where they can't be used.</summary>
    public static CertificateAuthorities Load(IReadOnlyList<string> files)
    {
        var all = new X509Certificate2Collection();
        foreach (var file in files)
        {
            all.ImportFromPemFile(file);
        }

        return new CertificateAuthorities(all);
    }

    /// <summary>Judges a client's certificate.</summary>
    /// <param name="leaf">The certificate.</param>
    /// <param name="presented">What the client sent beside it.</param>
    /// <param name="now">The time; null: the platform's.</param>
    public ChainVerdict Judge(X509Certificate2 leaf, IEnumerable<X509Certificate2> presented, DateTimeOffset? now)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_roots);
        chain.ChainPolicy.ExtraStore.AddRange(_intermediates);
        foreach (var other in presented)
        {
            chain.ChainPolicy.ExtraStore.Add(other);
        }

        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // A server's certificate of the same authority is not a client's.
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        if (now is { } time)
        {
            chain.ChainPolicy.VerificationTime = time.LocalDateTime;
            chain.ChainPolicy.VerificationTimeIgnored = false;
        }

        try
        {
            var isGood = chain.Build(leaf);
            var status = chain.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (all, one) => all | one.Status);
            var isTheirs = (status & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid)) == X509ChainStatusFlags.NoError
                && chain.ChainElements.Count > 1 && _roots.Any(root => root.RawDataMemory.Span.SequenceEqual(chain.ChainElements[^1].Certificate.RawDataMemory.Span));
            var ends = chain.ChainElements.Select(element => new DateTimeOffset(element.Certificate.NotAfter)).DefaultIfEmpty().Min();
            return new ChainVerdict(isTheirs, Problem(status) ?? Problem(leaf, chain) ?? (isGood ? null : "The certificate can't be verified."), ends);
        }
        finally
        {
            foreach (var element in chain.ChainElements)
            {
                element.Certificate.Dispose();
            }
        }
    }

    // Self-issued: whether it is signed by itself the chain says.
    private static bool IsRoot(X509Certificate2 certificate) => certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);

    private static string? Problem(X509ChainStatusFlags status) =>
        status.HasFlag(X509ChainStatusFlags.NotTimeValid) ? "The certificate, or one above it, has expired or isn't valid yet."
        : status.HasFlag(X509ChainStatusFlags.NotValidForUsage) ? "The certificate is not for clients (extended key usage clientAuth)."
        : (status & (X509ChainStatusFlags.HasExcludedNameConstraint | X509ChainStatusFlags.HasNotPermittedNameConstraint | X509ChainStatusFlags.HasNotSupportedNameConstraint
            | X509ChainStatusFlags.HasNotDefinedNameConstraint | X509ChainStatusFlags.InvalidNameConstraints)) != X509ChainStatusFlags.NoError ? "The certificate's authority may not give out such names (name constraints)."
        : status.HasFlag(X509ChainStatusFlags.InvalidBasicConstraints) ? "A certificate above it may not give out certificates (basic constraints)."
        : null;

    private static string? Problem(X509Certificate2 leaf, X509Chain chain)
    {
        if (leaf.Extensions.OfType<X509BasicConstraintsExtension>().Any(basic => basic.CertificateAuthority))
        {
            return "The certificate is an authority's, not a client's.";
        }

        // Without the extension a certificate is for everything, and so for nothing in particular.
        if (!leaf.Extensions.OfType<X509EnhancedKeyUsageExtension>().Any(usage => usage.EnhancedKeyUsages.Cast<Oid>().Any(oid => oid.Value == ClientAuthentication)))
        {
            return "The certificate is not for clients (extended key usage clientAuth).";
        }

        if (leaf.Extensions.OfType<X509KeyUsageExtension>().Any(usage => !usage.KeyUsages.HasFlag(X509KeyUsageFlags.DigitalSignature)))
        {
            return "The certificate's key is not for signatures (key usage digitalSignature).";
        }

        return chain.ChainElements.Count > LongestChain ? "There are too many certificates above it."
            : chain.ChainElements.SkipLast(1).Any(element => !Signatures.Contains(element.Certificate.SignatureAlgorithm.Value)) ? "The certificate, or one above it, is signed in a way that is too weak."
            : null;
    }
}
