using Postern.Configuration;

namespace Postern.Engines;

/// <summary>TLS towards an engine.</summary>
internal sealed record UpstreamTlsOptions
{
    /// <summary>PEM files of the authorities that the engine's certificate must chain to. Default: the system's.</summary>
    [Path]
    public IReadOnlyList<string> Authorities { get; init; } = [];

    /// <summary>Name expected in the engine's certificate. Default: the address's host.</summary>
    public string? ServerName { get; init; }

    /// <summary>PEM file of our client certificate. Default: none.</summary>
    [Path]
    public string? Certificate { get; init; }

    /// <summary>PEM file of its key. Required with <see cref="Certificate"/>.</summary>
    [Path]
    public string? Key { get; init; }
}

/// <summary>Checks the block by itself.</summary>
internal static class UpstreamTlsValidator
{
    public static void Validate(UpstreamTlsOptions options, string path, Problems problems)
    {
        if ((options.Certificate is null) != (options.Key is null))
        {
            var missing = options.Key is null ? "key" : "certificate";
            problems.Error($"{path}.{missing}", $"is required, since the other half of the pair is given; write {missing}: client.pem");
        }
    }
}
