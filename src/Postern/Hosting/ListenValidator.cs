using System.Net;
using System.Security.Cryptography;
using Postern.Configuration;
using Postern.Identity.Certificates;

namespace Postern.Hosting;

/// <summary>Checks each listener by itself; what crosses listeners is checked at the root.</summary>
internal static class ListenValidator
{
    public static void Validate(ListenOptions options, string path, Problems problems)
    {
        var endPoint = CheckAddress(options.Address, $"{path}.address", problems);
        if (options.Tls is { } tls)
        {
            ValidateTls(tls, $"{path}.tls", problems);
            Meaningless(options.ClearText, $"{path}.clearText", "the listener has tls; remove one of the two", problems);
            Meaningless(problems.IsWritten($"{path}.protocol"), $"{path}.protocol", "with tls the client chooses (ALPN); remove the line", problems);
        }
        else if (!options.ClearText && endPoint is not null && !IPAddress.IsLoopback(endPoint.Address))
        {
            problems.Error(path, $"{options.Address} can be reached from elsewhere and has no tls, so that tokens would travel in clear text; "
                + "write tls: { certificate: …, key: … }, or clearText: true where something in front ends TLS");
        }
    }

    public static void ValidateAdmin(AdminOptions options, string path, Problems problems)
    {
        if (CheckAddress(options.Address, $"{path}.address", problems) is { } endPoint && !IPAddress.IsLoopback(endPoint.Address))
        {
            problems.Warning($"{path}.address", "can be reached from elsewhere, and asks nobody who they are: keep it inside a network that only probes and operators reach");
        }
    }

    public static void ValidateKeys(KeysOptions options, string path, Problems problems) => CheckAddress(options.Address, $"{path}.address", problems);

    private static IPEndPoint? CheckAddress(string address, string path, Problems problems)
    {
        if (Addresses.TryParseListen(address, out var endPoint))
        {
            return endPoint;
        }

        // An address that isn't written is the binder's to report.
        if (address.Length == 0)
        {
            return null;
        }

        problems.Error(path, $"{problems.Written(path)} isn't an address to listen on; write an IP address and a port, such as 0.0.0.0:7233 or \"[::]:7233\"");
        return null;
    }

    private static void ValidateTls(ListenTlsOptions options, string path, Problems problems)
    {
        if (options.ClientCertificates == ClientCertificates.None)
        {
            Meaningless(options.ClientAuthorities.Count > 0, $"{path}.clientAuthorities", "client certificates aren't asked for; write clientCertificates: optional or required", problems);
        }
        else if (options.ClientAuthorities.Count == 0)
        {
            problems.Error($"{path}.clientAuthorities", "is required with clientCertificates, since otherwise any certificate would do; write clientAuthorities: [workers-ca.pem]");
        }
        else if (options.ClientAuthorities.All(file => file.Length > 0) && HoldNoRoot(options.ClientAuthorities))
        {
            problems.Error($"{path}.clientAuthorities", "hold no root certificate, so that no client's certificate leads to one; add the authority's own, self-signed certificate");
        }
    }

    // What can't be read as certificates is said where they are loaded, and by postern check.
    private static bool HoldNoRoot(IReadOnlyList<string> files)
    {
        try
        {
            return CertificateAuthorities.Load(files).Roots.Count == 0;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void Meaningless(bool isWritten, string path, string text, Problems problems)
    {
        if (isWritten)
        {
            problems.Error(path, text);
        }
    }
}
