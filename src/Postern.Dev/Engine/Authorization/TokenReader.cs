using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Dev.Engine.Authorization;

/// <summary>Reads a token as the default claim mapper does: RS256 or ES256 with a known key, times without any leeway, permissions as text.</summary>
internal sealed class TokenReader(DevEngineAuthorization options, KeySet keys, TimeProvider time)
{
    private const int Remembered = 1000;
    private static readonly string[] Algorithms = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256];

    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = 256 * 1024 };
    private readonly Regex? permissions = options.PermissionsRegex is { } pattern
        ? new Regex(pattern.Replace("(?P<", "(?<", StringComparison.Ordinal), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)
        : null;

    // Signatures that were found good, for the keys they were checked against.
    private readonly ConcurrentDictionary<string, Payload> verified = new(StringComparer.Ordinal);
    private IReadOnlyDictionary<string, SecurityKey>? verifiedWith;

    /// <summary>The claims of an authorization header's value; null when it is no good.</summary>
    public async Task<Claims?> ReadAsync(string header)
    {
        var space = header.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0 || !header.AsSpan(0, space).Equals("bearer", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var payload = await VerifyAsync(header[(space + 1)..]);
        return payload is null || !InTime(payload) || !ForUs(payload) ? null : payload.Claims;
    }

    private static double? Number(JsonElement root, string name, out bool broken)
    {
        broken = false;
        if (!root.TryGetProperty(name, out var value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number))
        {
            return number;
        }

        broken = true;
        return null;
    }

    private static Role RoleOf(string name) => name.ToUpperInvariant() switch
    {
        "READ" => Role.Reader,
        "WRITE" => Role.Writer,
        "WORKER" => Role.Worker,
        "ADMIN" => Role.Admin,
        _ => Role.None,
    };

    private async Task<Payload?> VerifyAsync(string token)
    {
        var known = keys.Keys;
        if (!ReferenceEquals(known, verifiedWith) || verified.Count > Remembered)
        {
            verified.Clear();
            verifiedWith = known;
        }

        if (verified.TryGetValue(token, out var before))
        {
            return before;
        }

        if (Decode(token) is not { } jwt || jwt.Kid is not { Length: > 0 } kid || !known.TryGetValue(kid, out var key))
        {
            return null;
        }

        var result = await handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKey = key,
            ValidAlgorithms = Algorithms,
            ValidateIssuer = false,
            // Times and audience are judged below, on every call and by the server's own rules.
            ValidateAudience = false,
            ValidateLifetime = false,
            RequireExpirationTime = false,
        });
        if (!result.IsValid || Read(jwt) is not { } payload)
        {
            return null;
        }

        verified[token] = payload;
        return payload;
    }

    private JsonWebToken? Decode(string token)
    {
        try
        {
            return handler.CanReadToken(token) ? handler.ReadJsonWebToken(token) : null;
        }
        catch (Exception error) when (error is ArgumentException or SecurityTokenException or JsonException or FormatException or InvalidOperationException)
        {
            // Not a token that could be read: as good as none.
            return null;
        }
    }

    private Payload? Read(JsonWebToken jwt)
    {
        using var json = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(jwt.EncodedPayload));
        var root = json.RootElement;
        if (!root.TryGetProperty("sub", out var subject) || subject.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        var expires = Number(root, "exp", out var brokenExpiry);
        var notBefore = Number(root, "nbf", out var brokenStart);
        var issued = Number(root, "iat", out var brokenIssue);
        if (brokenExpiry || brokenStart || brokenIssue)
        {
            return null;
        }

        return new Payload(ClaimsOf(subject.GetString()!, root), expires, notBefore, issued, AudiencesOf(root));
    }

    private static List<string> AudiencesOf(JsonElement root)
    {
        if (!root.TryGetProperty("aud", out var audience))
        {
            return [];
        }

        return audience.ValueKind switch
        {
            JsonValueKind.String => [audience.GetString()!],
            JsonValueKind.Array => [.. audience.EnumerateArray().Where(a => a.ValueKind == JsonValueKind.String).Select(a => a.GetString()!)],
            _ => [],
        };
    }

    private Claims ClaimsOf(string subject, JsonElement root)
    {
        var system = Role.None;
        var namespaces = new Dictionary<string, Role>(StringComparer.Ordinal);
        if (root.TryGetProperty(options.PermissionsClaim, out var list) && list.ValueKind == JsonValueKind.Array)
        {
            foreach (var entry in list.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.String))
            {
                if (Split(entry.GetString()!) is not { } permission)
                {
                    continue;
                }

                if (permission.Namespace == "temporal-system")
                {
                    system |= permission.Role;
                }
                else
                {
                    namespaces[permission.Namespace] = namespaces.GetValueOrDefault(permission.Namespace) | permission.Role;
                }
            }
        }

        return new Claims(subject, system, namespaces);
    }

    private (string Namespace, Role Role)? Split(string permission)
    {
        if (permissions is not null)
        {
            var match = permissions.Match(permission);
            return match.Success ? (match.Groups["namespace"].Value, RoleOf(match.Groups["role"].Value)) : null;
        }

        var parts = permission.Split(':');
        return parts.Length == 2 ? (parts[0], RoleOf(parts[1])) : null;
    }

    private bool InTime(Payload payload)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;
        return (payload.Expires is not { } expires || now < expires)
            && (payload.NotBefore is not { } start || now >= start)
            && (payload.Issued is not { } issued || now >= issued);
    }

    private bool ForUs(Payload payload) => string.IsNullOrEmpty(options.Audience) || payload.Audiences.Contains(options.Audience);

    private sealed record Payload(Claims Claims, double? Expires, double? NotBefore, double? Issued, IReadOnlyList<string> Audiences);
}
