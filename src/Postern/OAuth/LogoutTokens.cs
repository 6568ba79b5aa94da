using System.Text.Json;
using Postern.Identity;
using Postern.Identity.Jwt;
using Postern.Identity.Session;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>
/// Sessions that the identity provider ends (OpenID Connect Back-Channel Logout 1.0): it posts a token that says whose. Each counts once.
/// </summary>
internal sealed class LogoutTokens(IssuerOptions issuer, LoginOptions login, JwtIdentitySource source, BrowserSessions sessions, IStore store, TimeProvider time)
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";
    private const int LongestId = 256;

    public async Task EndAsync(OAuthForm form)
    {
        if (BearerToken.Read("Bearer " + form.Required("logout_token")) is not { } token || token.Issuer != issuer.Issuer)
        {
            throw Invalid("The logout token can't be read or is of another issuer.");
        }

        var authentic = await source.VerifyLogoutTokenAsync(token, login.ClientId, form.Cancellation);
        if (authentic.Refusal is { } refusal)
        {
            throw refusal.Reason == RefusalReason.CannotTell ? OAuthException.Unavailable(refusal.Text) : Invalid(OAuthClients.Bare(refusal));
        }

        var (subject, session, id) = (Text(token.Claims, "sub"), Text(token.Claims, "sid"), Text(token.Claims, "jti"));
        // §2.6: without the event, or with a nonce, it is some other token, an ID token for example.
        if (!IsLogout(token.Claims) || token.Claims.TryGetProperty("nonce", out _) || (subject ?? session) is null || id is null || authentic.Times.Issued is null)
        {
            throw Invalid("The token is no logout token.");
        }

        var item = new OneTime
        {
            Kind = OneTimeKind.LogoutToken, Id = LoginSeals.HashOf($"{token.Issuer}\n{id}"), ExpiresAt = authentic.Times.Expires + issuer.ClockSkew + TimeSpan.FromMinutes(1),
        };
        // Noted first and used up last: what failed in between may be sent again.
        if (!await store.PutAsync(item, form.Cancellation) && await store.OneTimeAsync(item.Kind, item.Id, form.Cancellation) is { UsedAt: not null })
        {
            throw Invalid("The logout token was used before.");
        }

        await sessions.EndOfIssuerAsync(issuer.Name, subject, session, form.Cancellation);
        await store.TakeAsync(item.Kind, item.Id, time.GetUtcNow(), form.Cancellation);
    }

    private static bool IsLogout(JsonElement claims) =>
        claims.TryGetProperty("events", out var events) && events.ValueKind == JsonValueKind.Object && events.TryGetProperty(Event, out var what) && what.ValueKind == JsonValueKind.Object;

    private static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= LongestId } text ? text : null;

    private static OAuthException Invalid(string text) => new("invalid_request", text) { Counts = true };
}
