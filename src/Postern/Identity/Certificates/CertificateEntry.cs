using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Postern.Identity.Certificates;

/// <summary>One entry of the configuration, ready to be asked.</summary>
internal sealed class CertificateEntry
{
    private readonly CertificateAuthorities _authorities;
    private readonly ImmutableArray<CertificateFilter> _filters;
    private readonly HashSet<string> _denied;

    /// <param name="options">The entry.</param>
    /// <param name="place">Its place among the others, since the first that fits decides.</param>
    public CertificateEntry(CertificateOptions options, int place)
    {
        Options = options;
        _authorities = CertificateAuthorities.Load(options.Authorities);
        _filters = [.. options.Filters.Select(filter => new CertificateFilter(filter))];
        _denied = [.. options.DeniedSerials.Select(PresentedCertificate.SerialOf)];
        Meaning = string.Join('\n', (IEnumerable<string>)[$"{options.Name} {options.Account} {options.Subject} {options.Kind}", .. options.Namespaces]);
        Print = string.Join('\n', (IEnumerable<string>)[
            $"{place}", Meaning, "",
            .. options.Filters.Select(filter => string.Join('|', filter.Fields().Select(field => field.Pattern))), "", .. _denied.Order(StringComparer.Ordinal), "",
            .. _authorities.Roots.Select(root => root.GetCertHashString(HashAlgorithmName.SHA256)),
        ]);
    }

    public CertificateOptions Options { get; }

    /// <summary>Who its callers are and what they are bound to; not which certificates it takes.</summary>
    public string Meaning { get; }

    /// <summary>Everything that decides who is called what; two entries with the same one judge alike.</summary>
    public string Print { get; }

    /// <summary>What its callers rest on: ended when the entry says something else.</summary>
    public Lease Lease { get; init; } = Lease.Lasting();

    public bool IsDenied(PresentedCertificate certificate) => _denied.Contains(PresentedCertificate.SerialOf(certificate.Certificate.SerialNumber));

    public ChainVerdict Judge(PresentedCertificate certificate, DateTimeOffset now) => _authorities.Judge(certificate.Certificate, certificate.Others, now);

    /// <summary>Whether names fit. What can't be read fits no filter and is no stranger's either: who asks must refuse it.</summary>
    public bool Fits(CertificateNames names) => _filters.IsEmpty || _filters.Any(filter => filter.Matches(names));
}
