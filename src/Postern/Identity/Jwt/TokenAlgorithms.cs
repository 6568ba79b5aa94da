using Microsoft.IdentityModel.Tokens;

namespace Postern.Identity.Jwt;

/// <summary>
/// RFC 8725 §3.1: the algorithms are ours to name. Symmetric ones would let whoever reads a public key sign, "none" anybody; and an algorithm goes only with the
/// kind of key that it was made for.
/// </summary>
internal static class TokenAlgorithms
{
    private const int LeastRsaBits = 2048;

    public static IReadOnlyList<string> All { get; } = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    public static bool IsKnown(string algorithm) => All.Contains(algorithm, StringComparer.Ordinal);

    /// <summary>Whether the key is of the kind that the algorithm needs and isn't published for another one.</summary>
    public static bool Fits(string algorithm, JsonWebKey key)
    {
        if (!string.IsNullOrEmpty(key.Alg) && !string.Equals(key.Alg, algorithm, StringComparison.Ordinal))
        {
            return false;
        }

        return algorithm switch
        {
            "ES256" => key is { Kty: "EC", Crv: "P-256" },
            "ES384" => key is { Kty: "EC", Crv: "P-384" },
            "ES512" => key is { Kty: "EC", Crv: "P-521" },
            _ => key.Kty == "RSA" && IsKnown(algorithm),
        };
    }

    /// <summary>
    /// Whether a published key may verify tokens at all. Not so: symmetric keys, keys for encryption, weak ones, and those whose private half stands beside the
    /// public one, since then every reader can sign.
    /// </summary>
    public static bool IsUsable(JsonWebKey key) =>
        // "jwt-svid" is how a SPIFFE trust bundle calls its keys for tokens.
        key.Use is null or "" or "sig" or "jwt-svid"
        && (key.KeyOps.Count == 0 || key.KeyOps.Contains("verify"))
        && string.IsNullOrEmpty(key.D)
        && All.Any(algorithm => Fits(algorithm, key))
        && key.Kty switch
        {
            "RSA" => !string.IsNullOrEmpty(key.N) && !string.IsNullOrEmpty(key.E) && key.KeySize >= LeastRsaBits,
            _ => !string.IsNullOrEmpty(key.X) && !string.IsNullOrEmpty(key.Y),
        };
}
