using Postern.Configuration;

namespace Postern.Engines.Prefect;

/// <summary>Checks one Prefect engine's block by itself.</summary>
internal static class PrefectEngineValidator
{
    public static void Validate(PrefectEngineOptions options, string path, Problems problems)
    {
        var isRead = TryReadAddress(options.Address, out var address);
        if (options.Address.Length > 0 && !isRead)
        {
            problems.Error($"{path}.address", $"{problems.Written($"{path}.address")} isn't a server's address; write scheme, host and port with no path, such as http://prefect:4200");
        }

        if (options.Ui is { Length: > 0 } ui)
        {
            if (!Addresses.IsOrigin(ui))
            {
                problems.Error($"{path}.ui", $"{problems.Written($"{path}.ui")} can't be where people open pages; write https:// with a host, and a port where it isn't 443 (http:// only on loopback), nothing behind it");
            }
            else if (options.Hosts.Count > 0 && !options.Hosts.Contains(new Uri(ui).Host, StringComparer.OrdinalIgnoreCase))
            {
                problems.Error($"{path}.ui", $"is at a host that selects another engine; add {new Uri(ui).Host} to {path}.hosts");
            }
        }

        if (options.Tls is { } tls)
        {
            UpstreamTlsValidator.Validate(tls, $"{path}.tls", problems);
            if (isRead && address.Scheme == Uri.UriSchemeHttp)
            {
                problems.Error($"{path}.tls", "does nothing, since the address begins with http; write https, or remove tls");
            }
        }

        ValidateCredential(options, isRead && address.Scheme == Uri.UriSchemeHttp && !Addresses.IsLoopback(address.Host), path, problems);
    }

    /// <summary>Scheme, host and port; false for anything else, since a path here would be put before each call's own.</summary>
    public static bool TryReadAddress(string text, out Uri address)
    {
        var isRead = Uri.TryCreate(text, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
            && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" } && uri.Host.Length > 0;
        address = isRead ? uri! : null!;
        return isRead;
    }

    private static void ValidateCredential(PrefectEngineOptions options, bool isClearAndRemote, string path, Problems problems)
    {
        var credential = options.Credential;
        var place = $"{path}.credential";
        bool[] kinds = [problems.IsWritten($"{place}.authString"), problems.IsWritten($"{place}.bearer"), credential.None];
        if (kinds.Count(kind => kind) > 1)
        {
            problems.Error(place, "names more than one kind; keep one of authString, bearer, none");
        }
        else if (problems.IsWritten($"{place}.none") && !credential.None && !kinds.Any(kind => kind))
        {
            problems.Error(place, "names no kind; write { authString: ${file:prefect-auth} }, { bearer: ${file:token} }, or none");
        }

        if (credential.AuthString is { } secret && !secret.Reveal().AsSpan().Trim().Contains(':'))
        {
            problems.Error($"{place}.authString", "isn't user:password; write it as PREFECT_SERVER_API_AUTH_STRING has it");
        }

        if (isClearAndRemote && !credential.None)
        {
            problems.Warning(path, "the credential travels in clear text to a server on another machine; write an https address");
        }
    }
}
