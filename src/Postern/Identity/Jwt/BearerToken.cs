using System.Buffers;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Identity.Jwt;

/// <summary>
/// A signed token taken apart and not verified yet. Read strictly: exactly three parts, no name twice, no text that isn't text, so that the library, the policy
/// and we all see the same values.
/// </summary>
internal sealed class BearerToken
{
    /// <summary>Longest token that is looked at, in characters.</summary>
    public const int Longest = 16 * 1024;

    private const string Scheme = "Bearer ";
    private static readonly SearchValues<char> Alphabet = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private BearerToken(JsonWebToken parsed, JsonElement header, JsonElement claims)
    {
        Parsed = parsed;
        Claims = claims;
        Algorithm = Text(header, "alg") ?? "";
        KeyId = Text(header, "kid");
        Type = Text(header, "typ");
        Issuer = Text(claims, "iss") ?? "";
        NamesIssuer = claims.TryGetProperty("iss", out _);
        // RFC 7515 §4.1.11: what a token calls critical must be understood; nothing of the kind is.
        HasCritical = header.TryGetProperty("crit", out _);
    }

    public JsonWebToken Parsed { get; }

    public JsonElement Claims { get; }

    public string Algorithm { get; }

    public string? KeyId { get; }

    public string? Type { get; }

    public string Issuer { get; }

    /// <summary>Whether there is an <c>iss</c>, whatever stands in it.</summary>
    public bool NamesIssuer { get; }

    public bool HasCritical { get; }

    /// <summary>Reads an <c>authorization</c> value; null where it isn't a single bearer token that can be read with certainty.</summary>
    public static BearerToken? Read(string authorization)
    {
        if (!authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || authorization.Length - Scheme.Length > Longest)
        {
            return null;
        }

        var encoded = authorization.AsSpan(Scheme.Length);
        // Five parts are an encrypted token: nothing here could read it. Two, or an empty third, are an unsigned one.
        if (encoded.ContainsAnyExcept(Alphabet) || encoded.Count('.') != 2 || encoded[^1] == '.')
        {
            return null;
        }

        try
        {
            var parsed = new JsonWebToken(encoded.ToString());
            return StrictJson.ReadObject(Base64UrlEncoder.DecodeBytes(parsed.EncodedHeader)) is { } header && StrictJson.ReadObject(Base64UrlEncoder.DecodeBytes(parsed.EncodedPayload)) is { } claims && HasTextOrNothing(header, "kid") && HasTextOrNothing(header, "typ")
                ? new BearerToken(parsed, header, claims)
                : null;
        }
#pragma warning disable CA1031 // The token is a stranger's text: whatever it makes a parser throw, it can't be read.
        catch (Exception)
#pragma warning restore CA1031
        {
            return null;
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool HasTextOrNothing(JsonElement element, string name) => !element.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.String;
}
