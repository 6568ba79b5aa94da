using System.Text.Json.Nodes;

namespace Postern.Dev.IdentityProvider;

/// <summary>What the identity provider says about itself.</summary>
internal static class DiscoveryDocuments
{
    public static JsonObject Configuration(string issuer) => new()
    {
        ["issuer"] = issuer,
        ["authorization_endpoint"] = $"{issuer}/authorize",
        ["token_endpoint"] = $"{issuer}/token",
        ["jwks_uri"] = $"{issuer}/jwks",
        ["response_types_supported"] = Words("code"),
        ["response_modes_supported"] = Words("query"),
        ["grant_types_supported"] = Words("authorization_code", "client_credentials"),
        ["subject_types_supported"] = Words("public"),
        ["id_token_signing_alg_values_supported"] = Words("ES256"),
        ["token_endpoint_auth_methods_supported"] = Words("client_secret_basic", "client_secret_post", "none"),
        ["code_challenge_methods_supported"] = Words("S256"),
        ["scopes_supported"] = Words("openid"),
        ["claims_supported"] = Words("sub", "name", "email", "email_verified", "groups", "kind"),
        ["authorization_response_iss_parameter_supported"] = true,
    };

    public static JsonObject KeySet(DevSigningKey key) => new()
    {
        ["keys"] = new JsonArray(new JsonObject
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["use"] = "sig",
            ["alg"] = "ES256",
            ["kid"] = key.KeyId,
            ["x"] = key.X,
            ["y"] = key.Y,
        }),
    };

    private static JsonArray Words(params ReadOnlySpan<string> words)
    {
        var array = new JsonArray();
        foreach (var word in words)
        {
            array.Add((JsonNode)word);
        }

        return array;
    }
}
