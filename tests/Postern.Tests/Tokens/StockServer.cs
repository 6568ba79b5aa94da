using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Postern.Tests.Tokens;

/// <summary>What a stock server's default claim mapper makes of a token: no leeway, and one key set that any JSON object replaces.</summary>
internal sealed partial class StockServer(string audience)
{
    private Dictionary<string, ECDsa> _keys = [];

    /// <summary>A tick of the refresh. Throws on a set that would leave the server without keys.</summary>
    public void Fetch(ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty)
        {
            return;
        }

        _keys = JsonDocument.Parse(body).RootElement.GetProperty("keys").EnumerateArray().ToDictionary(key => key.GetProperty("kid").GetString()!, key => ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars(key.GetProperty("x").GetString()), Y = Base64Url.DecodeFromChars(key.GetProperty("y").GetString()) },
        }));
        Assert.NotEmpty(_keys);
    }

    /// <summary>Namespace and role of each permission, or why the call is refused.</summary>
    public (IReadOnlyList<(string Namespace, string Role)> Grants, string? Refusal) Judge(string header, DateTimeOffset now)
    {
        var parts = header["Bearer ".Length..].Split('.');
        var head = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0])).RootElement;
        if (head.GetProperty("alg").GetString() != "ES256" || head.GetProperty("typ").GetString() != "JWT")
        {
            return ([], "alg or typ");
        }

        if (!_keys.TryGetValue(head.GetProperty("kid").GetString()!, out var key))
        {
            return ([], "kid");
        }

        if (!key.VerifyData(Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]), Base64Url.DecodeFromChars(parts[2]), HashAlgorithmName.SHA256))
        {
            return ([], "signature");
        }

        var claims = Claims(header);
        if (claims.GetProperty("exp").GetInt64() <= now.ToUnixTimeSeconds())
        {
            return ([], "exp");
        }

        if (IsAhead(claims, "iat", now) || IsAhead(claims, "nbf", now))
        {
            return ([], "iat or nbf");
        }

        if (claims.GetProperty("aud").GetString() != audience)
        {
            return ([], "aud");
        }

        var grants = claims.GetProperty("permissions").EnumerateArray().Select(entry => Permission().Match(entry.GetString()!)).Where(match => match.Success);
        return ([.. grants.Select(match => (match.Groups["namespace"].Value, match.Groups["role"].Value))], null);
    }

    public static JsonElement Claims(string header) => JsonDocument.Parse(Base64Url.DecodeFromChars(header["Bearer ".Length..].Split('.')[1])).RootElement;

    private static bool IsAhead(JsonElement claims, string name, DateTimeOffset now) =>
        claims.TryGetProperty(name, out var time) && (time.ValueKind != JsonValueKind.Number || time.GetInt64() > now.ToUnixTimeSeconds());

    // The documented permissionsRegex.
    [GeneratedRegex("^(?<namespace>.*):(?<role>[A-Za-z]+)$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Permission();
}
