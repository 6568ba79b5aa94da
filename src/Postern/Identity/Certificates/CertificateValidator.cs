using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Configuration;

namespace Postern.Identity.Certificates;

/// <summary>Checks for whom client certificates speak, their authorities' files included: one authority too many is a door for everybody.</summary>
internal static class CertificateValidator
{
    public static void Validate(IdentityOptions options, string path, Problems problems)
    {
        var open = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Certificates.Count; i++)
        {
            var (entry, place) = (options.Certificates[i], $"{path}[{i}]");
            ValidateCaller(entry, options.KeepsAccounts, place, problems);
            for (var j = 0; j < entry.Filters.Count; j++)
            {
                ValidateFilter(entry.Filters[j], $"{place}.filters[{j}]", problems);
            }

            for (var j = 0; j < entry.DeniedSerials.Count; j++)
            {
                if (entry.DeniedSerials[j].Length > 0 && !entry.DeniedSerials[j].All(c => char.IsAsciiHexDigit(c) || c is ':' or ' '))
                {
                    problems.Error($"{place}.deniedSerials[{j}]", $"'{entry.DeniedSerials[j]}' is no serial number; write it as openssl x509 -serial shows it, such as 4F:0A:91");
                }
            }

            foreach (var root in Roots(entry, place, problems))
            {
                if (open.TryGetValue(root, out var before))
                {
                    problems.Error(place, $"is never reached for an authority that {before} takes every certificate of; write filters there, or put this entry before it");
                }
                else if (entry.Filters.Count == 0)
                {
                    open.Add(root, place);
                }
            }
        }
    }

    private static void ValidateCaller(CertificateOptions entry, bool keepsAccounts, string path, Problems problems)
    {
        if (entry.Account is null == entry.Subject is null)
        {
            problems.Error(path, entry.Account is null ? "says for nobody that its certificates speak; write account: payroll-worker, or subject: uri" : "names an account and a subject; remove one of the two");
        }

        if (entry.Account is not null && !keepsAccounts)
        {
            problems.Error($"{path}.account", "is one of the gate's own, and it keeps none; write accounts: enabled in identity");
        }

        if (entry.Account is not null && problems.IsWritten($"{path}.kind"))
        {
            problems.Error($"{path}.kind", "is the account's own; remove the line");
        }
    }

    private static void ValidateFilter(CertificateFilterOptions filter, string path, Problems problems)
    {
        foreach (var (key, pattern) in filter.Fields())
        {
            if (pattern is null || pattern.Length == 0)
            {
                continue;
            }

            var stars = pattern.Count(c => c == '*');
            if (pattern == "*")
            {
                problems.Error($"{path}.{key}", "matches everything; name more, or remove the line");
            }
            else if (stars > 1 || (stars == 1 && !pattern.StartsWith('*') && !pattern.EndsWith('*')))
            {
                problems.Error($"{path}.{key}", $"'{pattern}' can't be used; a * may stand once, at the beginning or at the end");
            }
        }
    }

    private static List<string> Roots(CertificateOptions entry, string path, Problems problems)
    {
        // What isn't written or isn't there was reported when the file was read.
        var files = entry.Authorities.Where(file => file.Length > 0).ToList();
        if (files.Count == 0)
        {
            return [];
        }

        try
        {
            var roots = CertificateAuthorities.Load(files).Roots.Select(root => root.GetCertHashString(HashAlgorithmName.SHA256)).ToList();
            if (roots.Count == 0)
            {
                problems.Error($"{path}.authorities", "hold no root certificate, so that no chain ends in them; add the authority's own, self-signed certificate");
            }

            if (entry.Filters.Count == 0 && roots.Any(IsPublic))
            {
                problems.Error($"{path}.authorities", "hold an authority that this system trusts for the public web: anybody can have a certificate of it; write filters that only yours meet");
            }

            return roots;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            problems.Error($"{path}.authorities", "can't be read as certificates; write PEM files with the authorities' certificates");
            return [];
        }
    }

    private static bool IsPublic(string root)
    {
        using var system = new X509Store(StoreName.Root, StoreLocation.LocalMachine, OpenFlags.ReadOnly);
        return system.Certificates.Any(known => known.GetCertHashString(HashAlgorithmName.SHA256) == root);
    }
}
