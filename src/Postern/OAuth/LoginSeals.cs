using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.Tokens;
using Microsoft.Net.Http.Headers;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>
/// What a browser carries through a login: encrypted and sealed with keys that all gates of a cluster share, so that any of them goes on and strangers leave nothing in the store. A cookie
/// binds it to the browser that began.
/// </summary>
internal sealed class LoginSeals(Sealer sealer, bool isSecure)
{
    private const int CookieLength = 43;
    private const int LongestText = 16 * 1024;

    // RFC 6265bis §4.1.3: with the prefix no other host can set it.
    private readonly string _cookie = isSecure ? "__Host-postern-login" : "postern-login";

    public string Close<T>(T value, JsonTypeInfo<T> type) =>
        Base64UrlEncoder.Encode(sealer.Close(JsonSerializer.SerializeToUtf8Bytes(value, type), Encoding.ASCII.GetBytes(typeof(T).Name)));

    /// <summary>Null where it isn't ours, or something else.</summary>
    public T? Open<T>(string? text, JsonTypeInfo<T> type)
        where T : class
    {
        if (text is not { Length: > 0 and <= LongestText } || text.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')))
        {
            return null;
        }

        try
        {
            return sealer.TryOpen(Base64UrlEncoder.DecodeBytes(text), Encoding.ASCII.GetBytes(typeof(T).Name), out var data) ? JsonSerializer.Deserialize(data, type) : null;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The hash of the browser's cookie; it gets one where it has none.</summary>
    public string Browser(HttpContext context)
    {
        if (Known(context) is { } known)
        {
            return known;
        }

        var value = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        context.Response.Headers.Append(HeaderNames.SetCookie, new SetCookieHeaderValue(_cookie, value)
        {
            Path = "/", HttpOnly = true, Secure = isSecure, SameSite = Microsoft.Net.Http.Headers.SameSiteMode.Lax, MaxAge = TimeSpan.FromHours(1),
        }.ToString());
        return HashOf(value);
    }

    /// <summary>Whether this is the browser that began.</summary>
    public bool IsBrowser(HttpContext context, string hash) =>
        Known(context) is { } known && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(known), Encoding.ASCII.GetBytes(hash));

    /// <summary>The hash under which a secret of much randomness, or of short life, stands in the store.</summary>
    public static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    private string? Known(HttpContext context) => context.Request.Cookies[_cookie] is { Length: CookieLength } value ? HashOf(value) : null;
}
