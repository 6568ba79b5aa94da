using System.Collections.Immutable;

namespace Postern.Identity.Certificates;

/// <summary>One filter, ready to be asked: all that it names must match.</summary>
internal sealed class CertificateFilter(CertificateFilterOptions options)
{
    public bool Matches(CertificateNames names) =>
        Matches(options.CommonName, names.CommonNames) && Matches(options.Organization, names.Organizations) && Matches(options.OrganizationalUnit, names.Units)
        && Matches(options.Dns, names.Dns) && Matches(options.Uri, names.Uris) && Matches(options.Email, names.Emails);

    private static bool Matches(string? pattern, ImmutableArray<string> values) => pattern is null || values.Any(value => Matches(pattern, value));

    private static bool Matches(string pattern, string value) =>
        pattern.StartsWith('*') ? value.EndsWith(pattern[1..], StringComparison.OrdinalIgnoreCase)
        : pattern.EndsWith('*') ? value.StartsWith(pattern[..^1], StringComparison.OrdinalIgnoreCase)
        : value.Equals(pattern, StringComparison.OrdinalIgnoreCase);
}
