using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Postern.Identity.Jwt;
using Postern.Model;

namespace Postern.Identity.Login;

/// <summary>The identity provider with which people log in through the gate (OpenID Connect Core §3.1): where a browser is sent, and what its code is worth.</summary>
internal sealed class LoginProvider(IssuerOptions options, LoginOptions login, HttpClient http, JwtIdentitySource source, TimeProvider time)
{
    private static readonly TimeSpan s_rediscoverAfter = TimeSpan.FromMinutes(5);

    private Discovered? _discovered;

    public string Issuer => options.Issuer;

    /// <summary>What people know it by.</summary>
    public string Name => options.Name;

    /// <summary>Where the browser is sent. Throws <see cref="HttpRequestException"/> and its like where the provider can't be asked.</summary>
    public async Task<string> AddressAsync(string redirect, string state, string nonce, string verifier, CancellationToken cancellation)
    {
        var provider = await DiscoverAsync(cancellation);
        return QueryHelpers.AddQueryString(provider.AuthorizationEndpoint, new Dictionary<string, string?>
        {
            ["response_type"] = "code",
            ["client_id"] = login.ClientId,
            ["redirect_uri"] = redirect,
            ["scope"] = string.Join(' ', login.Scopes),
            ["state"] = state,
            ["nonce"] = nonce,
            ["code_challenge"] = Pkce.Challenge(verifier),
            ["code_challenge_method"] = "S256",
        });
    }

    /// <summary>Where the browser is sent to end the session there too (OpenID Connect RP-Initiated Logout 1.0); null where the provider has no such place. Throws as <see cref="AddressAsync"/> does.</summary>
    public async Task<string?> LogoutAddressAsync(string redirect, CancellationToken cancellation) =>
        (await DiscoverAsync(cancellation)).EndSessionEndpoint is { } address
            ? QueryHelpers.AddQueryString(address, new Dictionary<string, string?> { ["client_id"] = login.ClientId, ["post_logout_redirect_uri"] = redirect })
            : null;

    /// <summary>Who logged in. Throws as <see cref="AddressAsync"/> does.</summary>
    public async Task<AuthenticationResult> RedeemAsync(string code, string redirect, string nonce, string verifier, CancellationToken cancellation)
    {
        var provider = await DiscoverAsync(cancellation);
        var form = new Dictionary<string, string> { ["grant_type"] = "authorization_code", ["code"] = code, ["redirect_uri"] = redirect, ["code_verifier"] = verifier };
        using var request = new HttpRequestMessage(HttpMethod.Post, provider.TokenEndpoint);
        if (login.ClientSecret is { } secret && provider.TakesBasic)
        {
            // RFC 6749 §2.3.1: each half form-encoded.
            var both = $"{Uri.EscapeDataString(login.ClientId)}:{Uri.EscapeDataString(secret.Reveal())}";
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(both)));
        }
        else
        {
            form["client_id"] = login.ClientId;
            if (login.ClientSecret is not null)
            {
                form["client_secret"] = login.ClientSecret.Reveal();
            }
        }

        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Content = new FormUrlEncodedContent(form);
        using var answer = await http.SendAsync(request, cancellation);
        var text = await answer.Content.ReadAsStringAsync(cancellation);
        if ((int)answer.StatusCode >= 500)
        {
            throw new HttpRequestException($"the token endpoint answered {(int)answer.StatusCode}");
        }

        if (!answer.IsSuccessStatusCode)
        {
            return Refuse("The identity provider didn't take the login's code.", $"{(int)answer.StatusCode}");
        }

        using var document = JsonDocument.Parse(text);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("id_token", out var idToken) && idToken.ValueKind == JsonValueKind.String
            && BearerToken.Read("Bearer " + idToken.GetString()) is { } token
            ? await JudgeAsync(token, nonce, cancellation)
            : Refuse("The identity provider gave no ID token that can be read.", "id_token");
    }

    private async ValueTask<AuthenticationResult> JudgeAsync(BearerToken token, string nonce, CancellationToken cancellation)
    {
        if (token.Issuer != options.Issuer)
        {
            return Refuse("The ID token is of another issuer.", "iss");
        }

        var result = await source.VerifyIdTokenAsync(token, login.ClientId, cancellation);
        if (result.Token is null)
        {
            return result;
        }

        if (!token.Claims.TryGetProperty("nonce", out var said) || said.ValueKind != JsonValueKind.String || said.GetString() != nonce)
        {
            return Refuse("The ID token is of another login.", "nonce");
        }

        // §3.1.3.7: for several audiences it says which of them asked.
        var isOfSeveral = token.Claims.TryGetProperty("aud", out var audience) && audience.ValueKind == JsonValueKind.Array && audience.GetArrayLength() > 1;
        var party = token.Claims.TryGetProperty("azp", out var azp) && azp.ValueKind == JsonValueKind.String ? azp.GetString() : null;
        return party == login.ClientId || (party is null && !isOfSeveral) ? result : Refuse("The ID token was made for another client.", "azp");
    }

    private async Task<Discovered> DiscoverAsync(CancellationToken cancellation)
    {
        if (_discovered is { } known && time.GetElapsedTime(known.At) < s_rediscoverAfter)
        {
            return known;
        }

        var address = new Uri(options.Issuer.TrimEnd('/') + "/.well-known/openid-configuration");
        using var answer = await http.GetAsync(address, cancellation);
        answer.EnsureSuccessStatusCode();
        var document = OpenIdConnectConfiguration.Create(await answer.Content.ReadAsStringAsync(cancellation));
        if (document.Issuer != options.Issuer)
        {
            throw new FormatException($"the discovery document names the issuer '{document.Issuer}'");
        }

        foreach (var endpoint in new[] { document.AuthorizationEndpoint, document.TokenEndpoint })
        {
            // What goes to the one is a secret, and the other is where people type their passwords.
            if (!Uri.TryCreate(endpoint, UriKind.Absolute, out var url) || !KeySetSource.IsTrusted(url, options.Issuer))
            {
                throw new FormatException("an endpoint of the discovery document is neither https nor, like its issuer, on this host");
            }
        }

        var logout = Uri.TryCreate(document.EndSessionEndpoint, UriKind.Absolute, out var end) && KeySetSource.IsTrusted(end, options.Issuer) ? document.EndSessionEndpoint : null;
        var methods = document.TokenEndpointAuthMethodsSupported;
        return _discovered = new Discovered(document.AuthorizationEndpoint, document.TokenEndpoint, logout, methods.Count == 0 || methods.Contains("client_secret_basic"), time.GetTimestamp());
    }

    private static AuthenticationResult Refuse(string text, string detail) => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);

    private sealed record Discovered(string AuthorizationEndpoint, string TokenEndpoint, string? EndSessionEndpoint, bool TakesBasic, long At);
}
