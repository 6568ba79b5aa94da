using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Postern.Configuration;
using Postern.Engines;

namespace Postern.Commands.Checks;

/// <summary>Whether each certificate file holds what it should, with its key, and for how long still.</summary>
internal static class CertificateChecks
{
    /// <summary>From then on a certificate's end is a warning.</summary>
    public static readonly TimeSpan Ahead = TimeSpan.FromDays(21);

    public static void Run(PosternOptions options, Problems problems, TimeProvider time)
    {
        for (var i = 0; i < options.Listen.Count; i++)
        {
            if (options.Listen[i].Tls is { } tls)
            {
                CheckPair(tls.Certificate, tls.Key, $"listen[{i}].tls", problems, time);
                CheckAuthorities(tls.ClientAuthorities, $"listen[{i}].tls.clientAuthorities", problems, time);
            }
        }

        CheckIdentity(options, problems, time);
        for (var i = 0; i < options.Engines.Temporal.Count; i++)
        {
            CheckUpstream(options.Engines.Temporal[i].Tls, $"engines.temporal[{i}].tls", problems, time);
        }

        for (var i = 0; i < options.Engines.Prefect.Count; i++)
        {
            CheckUpstream(options.Engines.Prefect[i].Tls, $"engines.prefect[{i}].tls", problems, time);
        }
    }

    private static void CheckUpstream(UpstreamTlsOptions? tls, string path, Problems problems, TimeProvider time)
    {
        if (tls is not null)
        {
            CheckPair(tls.Certificate ?? "", tls.Key ?? "", path, problems, time);
            CheckAuthorities(tls.Authorities, $"{path}.authorities", problems, time);
        }
    }

    private static void CheckIdentity(PosternOptions options, Problems problems, TimeProvider time)
    {
        for (var i = 0; i < options.Identity.Certificates.Count; i++)
        {
            CheckAuthorities(options.Identity.Certificates[i].Authorities, $"identity.certificates[{i}].authorities", problems, time);
        }
    }

    private static void CheckPair(string certificate, string key, string path, Problems problems, TimeProvider time)
    {
        // What isn't written or isn't there was reported when the file was read.
        if (certificate.Length == 0 || key.Length == 0)
        {
            return;
        }

        try
        {
            using var loaded = X509Certificate2.CreateFromPemFile(certificate, key);
            CheckTime(loaded, $"{path}.certificate", problems, time);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            problems.Error($"{path}.certificate", "the certificate and its key can't be used together; write PEM files that belong to each other, the key not encrypted");
        }
    }

    private static void CheckAuthorities(IReadOnlyList<string> files, string path, Problems problems, TimeProvider time)
    {
        for (var i = 0; i < files.Count; i++)
        {
            if (files[i].Length == 0)
            {
                continue;
            }

            var place = $"{path}[{i}]";
            try
            {
                var loaded = new X509Certificate2Collection();
                loaded.ImportFromPemFile(files[i]);
                if (loaded.Count == 0)
                {
                    problems.Error(place, "holds no certificate; write a PEM file with the authority's certificate");
                }

                foreach (var authority in loaded)
                {
                    CheckTime(authority, place, problems, time);
                    authority.Dispose();
                }
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
            {
                problems.Error(place, "can't be read as certificates; write a PEM file with the authority's certificate");
            }
        }
    }

    private static void CheckTime(X509Certificate2 certificate, string path, Problems problems, TimeProvider time)
    {
        var now = time.GetUtcNow();
        var (from, to) = (new DateTimeOffset(certificate.NotBefore), new DateTimeOffset(certificate.NotAfter));
        if (now > to)
        {
            problems.Error(path, $"the certificate ended on {Day(to)}; nobody accepts it any more");
        }
        else if (now < from)
        {
            problems.Error(path, $"the certificate begins on {Day(from)}; nobody accepts it yet");
        }
        else if (to - now < Ahead)
        {
            problems.Warning(path, $"the certificate ends on {Day(to)}, in {(int)(to - now).TotalDays} days");
        }
    }

    private static string Day(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);
}
