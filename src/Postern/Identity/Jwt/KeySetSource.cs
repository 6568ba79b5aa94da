using System.Net;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Postern.Identity.Jwt;

/// <summary>Where an issuer's key set is read from: its file, or by discovery (OpenID Connect Discovery 1.0, RFC 8414) at its URL.</summary>
internal sealed class KeySetSource(string issuer, string? file) : IDisposable
{
    private const int LargestDocument = 1024 * 1024;
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(10);

    private readonly HttpClient? _http = file is null ? CreateClient(issuer) : null;

    public bool IsFile => file is not null;

    public async Task<string> ReadAsync(CancellationToken cancellation)
    {
        if (file is not null)
        {
            return await File.ReadAllTextAsync(file, cancellation);
        }

        var document = await GetAsync(new Uri(issuer.TrimEnd('/') + "/.well-known/openid-configuration"), cancellation);
        var configuration = OpenIdConnectConfiguration.Create(document);
        if (!string.Equals(configuration.Issuer, issuer, StringComparison.Ordinal))
        {
            throw new FormatException($"the discovery document names the issuer '{configuration.Issuer}'");
        }

        return Uri.TryCreate(configuration.JwksUri, UriKind.Absolute, out var keys)
            ? await GetAsync(keys, cancellation)
            : throw new FormatException("the discovery document names no key set");
    }

    public void Dispose() => _http?.Dispose();

    /// <summary>
    /// Whether keys of an issuer may be read at an address: over https, or in clear text on this host where the issuer itself is there. An https issuer that points
    /// to a clear address gives up what its certificate proves.
    /// </summary>
    public static bool IsTrusted(Uri address, string issuer) =>
        address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback && IsOnThisHost(issuer));

    private static bool IsOnThisHost(string issuer) => Uri.TryCreate(issuer, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && url.IsLoopback;

    /// <summary>A client for an issuer's own endpoints.</summary>
    public static HttpClient CreateClient(string issuer) => new(new SocketsHttpHandler
    {
        // A redirect would let whoever answers for one host choose another to trust.
        AllowAutoRedirect = false,
        // A proxy sees an https request as a tunnel; a clear one, which only an issuer on this host gets, it could answer itself.
        UseProxy = !IsOnThisHost(issuer),
        UseCookies = false,
        ConnectTimeout = FetchTimeout,
        ActivityHeadersPropagator = null,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
    })
    {
        Timeout = FetchTimeout,
        MaxResponseContentBufferSize = LargestDocument,
    };

    private async Task<string> GetAsync(Uri address, CancellationToken cancellation)
    {
        if (!IsTrusted(address, issuer))
        {
            throw new FormatException($"{address} is neither https nor, like its issuer, on this host");
        }

        using var answer = await _http!.GetAsync(address, cancellation);
        return answer.StatusCode == HttpStatusCode.OK
            ? await answer.Content.ReadAsStringAsync(cancellation)
            : throw new HttpRequestException($"{address} answered {(int)answer.StatusCode}");
    }
}
