using System.Collections.Immutable;
using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Identity.Jwt;

namespace Postern.Identity.Certificates;

/// <summary>
/// The names in a certificate, each as what it is: an e-mail address is no DNS name and a common name neither. Names that a reader and a library could see
/// differently (control characters, several values in one place, an alternative name twice over) make the certificate unreadable.
/// </summary>
internal sealed record CertificateNames
{
    private const string AlternativeNames = "2.5.29.17";
    private const int MostNames = 100;

    public ImmutableArray<string> CommonNames { get; private init; } = [];

    public ImmutableArray<string> Organizations { get; private init; } = [];

    public ImmutableArray<string> Units { get; private init; } = [];

    public ImmutableArray<string> Dns { get; private init; } = [];

    public ImmutableArray<string> Uris { get; private init; } = [];

    public ImmutableArray<string> Emails { get; private init; } = [];

    /// <summary>What people and policy call the certificate: its one URI, else its one DNS name, else its one common name; null where it has none of these once.</summary>
    public string? Name => Only(Uris) ?? Only(Dns) ?? Only(CommonNames);

    /// <summary>The one name of its kind; null where there is none, or several.</summary>
    public static string? Only(ImmutableArray<string> names) => names.Length == 1 ? names[0] : null;

    /// <summary>Null where the names can't be read with certainty.</summary>
    public static CertificateNames? Read(X509Certificate2 certificate)
    {
        try
        {
            var subject = new List<(string Oid, string Value)>();
            foreach (var part in certificate.SubjectName.EnumerateRelativeDistinguishedNames())
            {
                // What stands in one place with another name, or isn't text, throws or is null.
                if (part.HasMultipleElements || part.GetSingleElementValue() is not { } value)
                {
                    return null;
                }

                subject.Add((part.GetSingleElementType().Value ?? "", value));
            }

            var alternatives = certificate.Extensions.Where(extension => extension.Oid?.Value == AlternativeNames).ToList();
            if (alternatives.Count > 1)
            {
                return null;
            }

            var names = alternatives.Count == 0 ? [] : ReadAlternatives(alternatives[0].RawData);
            if (subject.Count + names.Count > MostNames || !subject.Select(entry => entry.Value).Concat(names.Select(entry => entry.Value)).All(ClaimReader.IsName))
            {
                return null;
            }

            var read = new CertificateNames
            {
                CommonNames = Values(subject, "2.5.4.3"), Organizations = Values(subject, "2.5.4.10"), Units = Values(subject, "2.5.4.11"),
                Emails = Values(names, 1), Dns = [.. Values(names, 2).Select(name => name.ToLowerInvariant())], Uris = Values(names, 6),
            };
            return IsSpiffeOrNone(names) ? read : null;
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException or InvalidOperationException or ArgumentException)
        {
            return null;
        }
    }

    // RFC 5280 §4.2.1.6. Names of other kinds are read past.
    private static List<(int Kind, string Value)> ReadAlternatives(byte[] encoded)
    {
        var reader = new AsnReader(encoded, AsnEncodingRules.DER);
        var sequence = reader.ReadSequence();
        reader.ThrowIfNotEmpty();
        var names = new List<(int, string)>();
        while (sequence.HasData)
        {
            var tag = sequence.PeekTag();
            if (tag.TagClass != TagClass.ContextSpecific)
            {
                throw new AsnContentException();
            }

            if (tag.TagValue is 1 or 2 or 6)
            {
                names.Add((tag.TagValue, sequence.ReadCharacterString(UniversalTagNumber.IA5String, new Asn1Tag(TagClass.ContextSpecific, tag.TagValue))));
            }
            else
            {
                sequence.ReadEncodedValue();
            }
        }

        return names;
    }

    // SPIFFE X.509-SVID §2: such a certificate has one URI and no other.
    private static bool IsSpiffeOrNone(List<(int Kind, string Value)> names)
    {
        var uris = names.Where(name => name.Kind == 6).Select(name => name.Value).ToList();
        return !uris.Any(uri => uri.StartsWith("spiffe:", StringComparison.OrdinalIgnoreCase)) || (uris.Count == 1 && SpiffeId.IsValid(uris[0]));
    }

    // A certificate for all of "*.example.com" names nobody.
    private static ImmutableArray<string> Values<TKind>(List<(TKind Kind, string Value)> names, TKind kind) =>
        [.. names.Where(name => EqualityComparer<TKind>.Default.Equals(name.Kind, kind) && !name.Value.Contains('*', StringComparison.Ordinal)).Select(name => name.Value)];
}
