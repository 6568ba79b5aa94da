using Postern.Configuration;

namespace Postern.Engines.Temporal;

/// <summary>Checks one Temporal engine's block by itself.</summary>
internal static class TemporalEngineValidator
{
    public static void Validate(TemporalEngineOptions options, string path, Problems problems)
    {
        var isRemote = false;
        for (var i = 0; i < options.Addresses.Count; i++)
        {
            var (place, address) = ($"{path}.addresses[{i}]", options.Addresses[i]);
            if (Addresses.TryParseUpstream(address, out var host, out _))
            {
                isRemote |= !Addresses.IsLoopback(host);
            }
            else if (address.Length > 0)
            {
                problems.Error(place, $"{problems.Written(place)} isn't an engine's address; write host:port without a scheme, such as temporal-frontend:7233");
            }
        }

        for (var i = 0; i < options.CompletionCallbacks.Count; i++)
        {
            var place = $"{path}.completionCallbacks[{i}]";
            if (!CallbackAddresses.IsPattern(options.CompletionCallbacks[i]))
            {
                problems.Error(place, $"{problems.Written(place)} isn't an address of one host; write scheme, host and path, with '*' in the path only, such as https://hooks.example.com/*");
            }
        }

        if (options.Tls is { } tls)
        {
            UpstreamTlsValidator.Validate(tls, $"{path}.tls", problems);
        }

        ValidateCredential(options, isRemote, path, problems);
    }

    private static void ValidateCredential(TemporalEngineOptions options, bool isRemote, string path, Problems problems)
    {
        var credential = options.Credential;
        var place = $"{path}.credential";
        var kinds = new[] { problems.IsWritten($"{place}.mint"), problems.IsWritten($"{place}.bearer"), credential.None };
        if (kinds.Count(k => k) > 1)
        {
            problems.Error(place, "names more than one kind; keep one of mint, bearer, none");
        }
        else if (problems.IsWritten($"{place}.none") && !credential.None && !kinds.Any(k => k))
        {
            problems.Error(place, "names no kind; write { mint: { audience: temporal } }, { bearer: ${file:token} }, or none");
        }

        if (options.Tls is null && isRemote && (credential.Mint is not null || credential.Bearer is not null))
        {
            problems.Warning(path, "the credential travels in clear text to an engine on another machine; write tls: { authorities: [ca.pem] }");
        }
    }
}
