using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Dev.IdentityProvider;

/// <summary>Makes the access and id tokens.</summary>
internal sealed class DevTokens(DevSigningKey key, TimeSpan lifetime, TimeProvider time)
{
    /// <summary>Who access tokens are for: the gate's <c>audiences</c>.</summary>
    public const string Audience = "postern";

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };

    public TimeSpan Lifetime => lifetime;

    public string AccessToken(string issuer, DevUser user, string client) => Make(issuer, Audience, "at+jwt", new Dictionary<string, object>(Person(user))
    {
        ["client_id"] = client,
        ["kind"] = "human",
        ["groups"] = user.Groups,
    });

    public string AccessToken(string issuer, DevAccount account) => Make(issuer, Audience, "at+jwt", new Dictionary<string, object>
    {
        ["sub"] = account.Id,
        ["client_id"] = account.Id,
        ["kind"] = account.Kind,
        ["groups"] = account.Groups,
    });

    public string IdToken(string issuer, DevUser user, string client, string? nonce)
    {
        var claims = new Dictionary<string, object>(Person(user));
        if (nonce is not null)
        {
            claims["nonce"] = nonce;
        }

        return Make(issuer, client, "JWT", claims);
    }

    private static Dictionary<string, object> Person(DevUser user) => new()
    {
        ["sub"] = user.Email,
        ["name"] = user.Name,
        ["email"] = user.Email,
        ["email_verified"] = user.EmailVerified,
    };

    private string Make(string issuer, string audience, string type, Dictionary<string, object> claims)
    {
        var now = time.GetUtcNow();
        claims["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = issuer,
            Audience = audience,
            TokenType = type,
            IssuedAt = now.UtcDateTime,
            Expires = (now + lifetime).UtcDateTime,
            Claims = claims,
            SigningCredentials = key.Credentials,
        });
    }
}
