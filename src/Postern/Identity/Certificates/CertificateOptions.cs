using Postern.Configuration;
using Postern.Model;

namespace Postern.Identity.Certificates;

/// <summary>Client certificates of some authorities, and for whom they speak. The first entry that a certificate fits decides.</summary>
internal sealed record CertificateOptions
{
    /// <summary>Names the entry; with <c>subject</c> it becomes part of every caller's name. Required, unique among all sources, letters, digits, <c>-</c> and <c>_</c>.</summary>
    [Required("workers")]
    public string Name { get; init; } = "";

    /// <summary>PEM files of the authorities: roots, and intermediates beside them. Nothing else is trusted, the system's authorities included. Required.</summary>
    [Required("[workers-ca.pem]"), Path]
    public IReadOnlyList<string> Authorities { get; init; } = [];

    /// <summary>Which of their certificates: one filter must match. Default: all. Required where an authority is one of the system's, since others get certificates there too.</summary>
    public IReadOnlyList<CertificateFilterOptions> Filters { get; init; } = [];

    /// <summary>The account of the gate that they speak for. Either this or <c>subject</c>; needs <c>identity.accounts</c>.</summary>
    public string? Account { get; init; }

    /// <summary>Which name in the certificate is the caller's: <c>uri</c> (SPIFFE ids), <c>dns</c>, <c>common-name</c>. There must be exactly one of it.</summary>
    public CertificateSubject? Subject { get; init; }

    /// <summary>Kind of caller, with <c>subject</c>: <c>service</c> (default), <c>agent</c>, <c>human</c>.</summary>
    public CallerKind Kind { get; init; } = CallerKind.Service;

    /// <summary>Namespaces (globs) that they may ever act in, whatever policy allows. Default: no such bound.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = [];

    /// <summary>Serial numbers, in hexadecimal, of certificates that count no more. Default: none.</summary>
    public IReadOnlyList<string> DeniedSerials { get; init; } = [];
}

/// <summary>Which name in a certificate names its caller.</summary>
internal enum CertificateSubject { Uri, Dns, CommonName }

/// <summary>
/// What a certificate's names must be. All that is written must match, one value of each kind; without regard to case, with at most one <c>*</c>, at the beginning or
/// at the end.
/// </summary>
internal sealed record CertificateFilterOptions
{
    /// <summary>Common name (CN).</summary>
    public string? CommonName { get; init; }

    /// <summary>Organization (O).</summary>
    public string? Organization { get; init; }

    /// <summary>Organizational unit (OU).</summary>
    public string? OrganizationalUnit { get; init; }

    /// <summary>DNS name among the alternative names.</summary>
    public string? Dns { get; init; }

    /// <summary>URI among the alternative names.</summary>
    public string? Uri { get; init; }

    /// <summary>E-mail address among the alternative names.</summary>
    public string? Email { get; init; }

    internal IReadOnlyList<(string Key, string? Pattern)> Fields() =>
        [("commonName", CommonName), ("organization", Organization), ("organizationalUnit", OrganizationalUnit), ("dns", Dns), ("uri", Uri), ("email", Email)];
}
