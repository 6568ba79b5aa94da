using System.Collections.Immutable;
using System.Text.Json;
using Postern.Identity.Jwt;
using Postern.Model;

namespace Postern.Identity.Federated;

/// <summary>One rule, ready to be asked.</summary>
internal sealed class FederationRule(FederationRuleOptions options)
{
    private readonly ImmutableArray<(string Path, Glob Pattern)> _claims = [.. options.Claims.Select(claim => (claim.Key, new Glob(claim.Value)))];

    public string Account => options.Account;

    public bool Matches(JsonElement claims)
    {
        foreach (var (path, pattern) in _claims)
        {
            if (ClaimReader.At(claims, path) is not { } value || !Matches(pattern, value))
            {
                return false;
            }
        }

        // A rule that asks for nothing is a mistake, whoever wrote it.
        return !_claims.IsEmpty;
    }

    private static bool Matches(Glob pattern, JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? value.EnumerateArray().Any(item => Text(item) is { } text && pattern.Matches(text))
        : Text(value) is { } only && pattern.Matches(only);

    // Issuers write flags and numbers as such or as text, so that both are taken as they are written.
    private static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number => value.GetRawText(),
        _ => null,
    };
}
