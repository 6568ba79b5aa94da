using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Tokens;

/// <summary>Signs access tokens (RFC 9068) and knows them again: ES256 with the keys of one folder, which all gates of a cluster share.</summary>
internal sealed class AccessTokens(SigningKeys keys, string issuer)
{
    private const string Type = "at+jwt";
    private const int Longest = 16 * 1024;
    private static readonly Dictionary<string, object> s_head = new(StringComparer.Ordinal) { ["typ"] = Type };

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false, MapInboundClaims = false, MaximumTokenSizeInBytes = Longest };

    public string Issuer => issuer;

    public SigningKeys Keys => keys;

    public string Sign(JsonObject claims) => _handler.CreateToken(claims.ToJsonString(), keys.Current.Credentials, s_head);

    /// <summary>A token that the gates signed, whatever its audience and times; null for any other text.</summary>
    public async ValueTask<JsonWebToken?> ReadAsync(string text)
    {
        if (text.Length is 0 or > Longest || !_handler.CanReadToken(text))
        {
            return null;
        }

        JsonWebToken token;
        try
        {
            token = new JsonWebToken(text);
        }
        catch (Exception e) when (e is ArgumentException or System.Text.Json.JsonException or FormatException)
        {
            return null;
        }

        if (token.Alg != SecurityAlgorithms.EcdsaSha256 || !string.Equals(token.Typ, Type, StringComparison.OrdinalIgnoreCase) || keys.Find(token.Kid) is not { } key)
        {
            return null;
        }

        var result = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKey = key.Credentials.Key,
            TryAllIssuerSigningKeys = true,
            RequireSignedTokens = true,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidIssuer = issuer,
            ValidateAudience = false,
            ValidateLifetime = false,
        });
        return result.IsValid ? token : null;
    }
}
