using System.Security.Cryptography.X509Certificates;

namespace Postern.Identity.Certificates;

/// <summary>
/// The certificate that a client proved in the handshake, one for each connection, with what is known of it: a chain is built once for a connection and each new
/// configuration, not for each call.
/// </summary>
/// <param name="certificate">The certificate.</param>
/// <param name="others">What the client sent beside it.</param>
internal sealed class PresentedCertificate(X509Certificate2 certificate, IReadOnlyList<X509Certificate2> others)
{
    private KnownCertificate? _known;

    public X509Certificate2 Certificate => certificate;

    public IReadOnlyList<X509Certificate2> Others => others;

    /// <summary>Its public name, by which it is revoked and found in records: its issuer and serial number.</summary>
    public string Id { get; } = $"{certificate.Issuer} {SerialOf(certificate.SerialNumber)}";

    /// <summary>A serial number as it is compared: upper-case, without colons and leading zeros.</summary>
    public static string SerialOf(string text)
    {
        var digits = string.Concat(text.Where(c => c is not (':' or ' '))).TrimStart('0').ToUpperInvariant();
        return digits.Length > 0 ? digits : "0";
    }

    /// <summary>What a source found out about it; null where it wasn't asked yet.</summary>
    public KnownCertificate? KnownTo(object source) => Volatile.Read(ref _known) is { } known && ReferenceEquals(known.By, source) ? known : null;

    public KnownCertificate Remember(KnownCertificate known)
    {
        Volatile.Write(ref _known, known);
        return known;
    }
}

/// <summary>What a source found out about a certificate.</summary>
/// <param name="By">The source.</param>
/// <param name="Entry">The entry that takes it; null where none does.</param>
/// <param name="Token">The caller whom it named, once it did.</param>
internal sealed record KnownCertificate(object By, CertificateEntry? Entry, VerifiedToken? Token);
