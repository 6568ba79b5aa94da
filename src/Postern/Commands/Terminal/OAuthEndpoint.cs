using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace Postern.Commands.Terminal;

/// <summary>What a gate's token endpoint answered.</summary>
internal sealed record IssuedTokens(string AccessToken, string RefreshToken, DateTimeOffset ExpiresAt);

/// <summary>A gate's OAuth endpoints, as its public client.</summary>
internal sealed class OAuthEndpoint(HttpClient http, JsonElement metadata, TimeProvider time)
{
    public const string Client = "postern-cli";

    private const string RefreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token";
    private const int LongestAnswer = 256 * 1024;

    public Uri Issuer => Url("issuer");

    public bool HasLogin => metadata.TryGetProperty("authorization_endpoint", out _);

    public Uri TokenUrl => Url("token_endpoint");

    /// <summary>Reads the gate's discovery document (RFC 8414); it must be the gate's own.</summary>
    public static async Task<OAuthEndpoint> DiscoverAsync(HttpClient http, Uri issuer, TimeProvider time, CancellationToken cancellation)
    {
        var url = new Uri(issuer, "/.well-known/oauth-authorization-server");
        using var response = await SendAsync(http, new HttpRequestMessage(HttpMethod.Get, url), cancellation);
        var document = await ReadAsync(response, cancellation);
        if (response.StatusCode != HttpStatusCode.OK || Text(document, "issuer") is not { } named)
        {
            throw new LoginException($"{url} answers {(int)response.StatusCode}: is a token endpoint configured at this gate (tokens: …)?");
        }

        // RFC 8414 §3.3: otherwise one gate could send a login to another.
        if (named.TrimEnd('/') != issuer.GetLeftPart(UriPartial.Authority))
        {
            throw new LoginException($"{url} says that it is {named}: name the gate so, with --issuer {named}.");
        }

        return new OAuthEndpoint(http, document, time);
    }

    public Uri AuthorizeUrl(string redirect, string challenge, string state) => new(QueryHelpers.AddQueryString(Url("authorization_endpoint").ToString(), new Dictionary<string, string?>
    {
        ["response_type"] = "code", ["client_id"] = Client, ["redirect_uri"] = redirect, ["code_challenge"] = challenge, ["code_challenge_method"] = "S256", ["state"] = state,
    }));

    public Task<IssuedTokens> RedeemAsync(string code, string redirect, string verifier, CancellationToken cancellation) =>
        AskAsync(cancellation, ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect), ("code_verifier", verifier));

    public Task<IssuedTokens> RefreshAsync(string token, CancellationToken cancellation) => AskAsync(cancellation, ("grant_type", "refresh_token"), ("refresh_token", token));

    /// <summary>A second session of the same login, for a program that rotates its own refresh token.</summary>
    public Task<IssuedTokens> ForkAsync(string token, CancellationToken cancellation) => AskAsync(
        cancellation, ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", token), ("subject_token_type", RefreshTokenType), ("requested_token_type", RefreshTokenType));

    public async Task RevokeAsync(string token, CancellationToken cancellation)
    {
        using var response = await PostAsync(Url("revocation_endpoint"), cancellation, ("token", token));
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw Refused(response.StatusCode, await ReadAsync(response, cancellation));
        }
    }

    /// <summary>Device authorization (RFC 8628): shows the code, then waits until somebody has confirmed it elsewhere.</summary>
    public async Task<IssuedTokens> AuthorizeDeviceAsync(Action<Uri, string> show, CancellationToken cancellation)
    {
        using var response = await PostAsync(Url("device_authorization_endpoint"), cancellation);
        var answer = await ReadAsync(response, cancellation);
        if (response.StatusCode != HttpStatusCode.OK || Text(answer, "device_code") is not { } device || Text(answer, "user_code") is not { } user || Text(answer, "verification_uri") is not { } page)
        {
            throw Refused(response.StatusCode, answer);
        }

        show(new Uri(Text(answer, "verification_uri_complete") ?? page), user);
        var interval = TimeSpan.FromSeconds(answer.TryGetProperty("interval", out var seconds) && seconds.TryGetInt32(out var stated) ? stated : 5);
        while (true)
        {
            await Task.Delay(interval, time, cancellation);
            try
            {
                return await AskAsync(cancellation, ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", device));
            }
            catch (LoginException e) when (e.Error is "authorization_pending" or "slow_down")
            {
                // RFC 8628 §3.5.
                interval += e.Error == "slow_down" ? TimeSpan.FromSeconds(5) : TimeSpan.Zero;
            }
        }
    }

    /// <summary>Who the gate says that the token's holder is, and what the policy says of him.</summary>
    public async Task<JsonElement> WhoAmIAsync(string token, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Issuer, "/oauth/whoami")) { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        using var response = await SendAsync(http, request, cancellation);
        var answer = await ReadAsync(response, cancellation);
        return response.StatusCode == HttpStatusCode.OK ? answer : throw Refused(response.StatusCode, answer);
    }

    private async Task<IssuedTokens> AskAsync(CancellationToken cancellation, params (string, string)[] form)
    {
        using var response = await PostAsync(TokenUrl, cancellation, form);
        var answer = await ReadAsync(response, cancellation);
        return response.StatusCode == HttpStatusCode.OK && Text(answer, "access_token") is { } access && Text(answer, "refresh_token") is { } refresh
            ? new IssuedTokens(access, refresh, time.GetUtcNow() + TimeSpan.FromSeconds(answer.TryGetProperty("expires_in", out var life) && life.TryGetInt32(out var seconds) ? seconds : 60))
            : throw Refused(response.StatusCode, answer);
    }

    private async Task<HttpResponseMessage> PostAsync(Uri url, CancellationToken cancellation, params (string, string)[] form)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = Form([.. form, ("client_id", Client)]) };
        return await SendAsync(http, request, cancellation);
    }

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] pairs) => new(pairs.Select(pair => new KeyValuePair<string, string>(pair.Name, pair.Value)));

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, HttpRequestMessage request, CancellationToken cancellation)
    {
        try
        {
            return await http.SendAsync(request, cancellation);
        }
        catch (HttpRequestException e)
        {
            throw new LoginException($"{request.RequestUri!.GetLeftPart(UriPartial.Authority)} can't be reached: {e.Message}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new LoginException($"{request.RequestUri!.GetLeftPart(UriPartial.Authority)} doesn't answer.");
        }
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            await response.Content.LoadIntoBufferAsync(LongestAnswer, cancellation);
            using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellation));
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is JsonException or HttpRequestException)
        {
            return default;
        }
    }

    private static LoginException Refused(HttpStatusCode status, JsonElement answer) => new(
        Text(answer, "error_description") ?? Text(answer, "error") ?? $"The gate answers {(int)status} without a reason.", Text(answer, "error"));

    private static string? Text(JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private Uri Url(string name)
    {
        var url = Text(metadata, name) is { } text && Uri.TryCreate(text, UriKind.Absolute, out var read) ? read : throw new LoginException($"The gate names no {name}: it can't do this.");
        // Whoever answers for the gate must not send secrets elsewhere.
        return name == "issuer" || url.GetLeftPart(UriPartial.Authority) == Issuer.GetLeftPart(UriPartial.Authority) ? url : throw new LoginException($"The gate's {name} isn't its own: {url}");
    }
}
