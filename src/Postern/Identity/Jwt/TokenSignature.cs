using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Identity.Jwt;

/// <summary>The library's part in judging a token: its signature by the one key that was chosen for it. What the token says is judged by whoever asks.</summary>
internal static class TokenSignature
{
    private static readonly JsonWebTokenHandler s_handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = BearerToken.Longest };

    /// <param name="token">The token.</param>
    /// <param name="key">The key.</param>
    /// <param name="issuer">What must stand in <c>iss</c>; null where the token was chosen by something else, having none.</param>
    public static async ValueTask<bool> IsValidAsync(BearerToken token, SecurityKey key, string? issuer)
    {
        var result = await s_handler.ValidateTokenAsync(token.Parsed, new TokenValidationParameters
        {
            IssuerSigningKey = key,
            // There is one key to try: without this a token that names none would be tried against none.
            TryAllIssuerSigningKeys = true,
            RequireSignedTokens = true,
            ValidAlgorithms = TokenAlgorithms.All,
            ValidIssuer = issuer,
            ValidateIssuer = issuer is not null,
            // Audience and times are judged by us: exactly, against our own clock, and so that "expired" and "issuer out of reach" can be told apart.
            ValidateAudience = false,
            ValidateLifetime = false,
        });
        return result.IsValid;
    }
}
