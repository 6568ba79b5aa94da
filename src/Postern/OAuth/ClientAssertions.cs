using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Jwt;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>Accounts that prove themselves by a signed assertion (RFC 7523, <c>private_key_jwt</c>): the gate keeps only their public keys. Each is good once.</summary>
internal sealed class ClientAssertions(AccountDirectory directory, IStore store, string issuer, TimeProvider time)
{
    private const string Type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    private const int LongestId = 256;
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_skew = TimeSpan.FromSeconds(60);


    public async ValueTask<OAuthClient> AuthenticateAsync(OAuthForm form, string assertion)
    {
        if (form["client_assertion_type"] != Type)
        {
            throw OAuthException.InvalidRequest($"client_assertion_type must be {Type}.");
        }

        if (BearerToken.Read("Bearer " + assertion) is not { } token || token.HasCritical || !TokenAlgorithms.IsKnown(token.Algorithm))
        {
            throw OAuthException.InvalidClient("The client assertion can't be read or is signed in a way that isn't accepted.");
        }

        if (Text(token.Claims, "sub") is not { } subject || token.Issuer != subject || (form["client_id"] is { } id && id != subject))
        {
            throw OAuthException.InvalidClient("The client assertion must name the client as its iss and sub.");
        }

        var principal = directory.FindNamed(subject) ?? directory.Find(subject);
        if (principal?.Account is not { PublicKeys.Length: > 0 } account || Key(account, token) is not { } key || !await TokenSignature.IsValidAsync(token, key.Key, token.Issuer))
        {
            throw directory.IsLoaded
                ? OAuthException.InvalidClient("The client assertion isn't signed by a key of the account.")
                : OAuthException.Unavailable("Accounts can't be looked up at the moment.");
        }

        if (principal.Problem(time.GetUtcNow()) is { } problem)
        {
            throw OAuthException.InvalidClient($"The account {problem}.");
        }

        await UseAsync(token, form.Cancellation);
        return new OAuthClient(principal.Name, new VerifiedToken(principal.ToCaller(CredentialKind.Federated, null, DateTimeOffset.MaxValue), time.GetUtcNow(), principal.Lease));
    }

    private async Task UseAsync(BearerToken token, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (TokenTimes.Read(token.Claims) is not { } times || now > times.Expires + s_skew || times.Expires > now + s_longest || times.NotBefore > now + s_skew || times.Issued > now + s_skew)
        {
            throw OAuthException.InvalidClient("The client assertion has expired, isn't valid yet, or lives longer than 10 minutes.");
        }

        if (!IsForUs(token.Claims))
        {
            throw OAuthException.InvalidClient($"The client assertion is for somebody else: its aud must be {issuer}.");
        }

        if (Text(token.Claims, "jti") is not { Length: > 0 and <= LongestId } id)
        {
            throw OAuthException.InvalidClient("The client assertion has no jti.");
        }

        var item = new OneTime
        {
            Kind = OneTimeKind.ClientAssertion,
            Id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{token.Issuer}\n{id}"))),
            ExpiresAt = times.Expires + s_skew,
        };
        if (!await store.PutAsync(item, cancellation))
        {
            throw OAuthException.InvalidClient("The client assertion was used before.");
        }
    }

    // RFC 7523 §3: the issuer, or the endpoint's own URL; nothing else, and not among others.
    private bool IsForUs(JsonElement claims)
    {
        var audience = claims.TryGetProperty("aud", out var value) ? value : default;
        var one = audience.ValueKind == JsonValueKind.Array && audience.GetArrayLength() == 1 ? audience[0] : audience;
        return one.ValueKind == JsonValueKind.String && one.GetString() is { } text && (text == issuer || text == issuer + OAuthPaths.Token);
    }

    private IssuerKey? Key(Account account, BearerToken token)
    {
        try
        {
            return IssuerKeySet.Read($"{{\"keys\":[{string.Join(',', account.PublicKeys)}]}}", null, time.GetUtcNow()).Find(token.KeyId, token.Algorithm);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement claims, string name) => claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
