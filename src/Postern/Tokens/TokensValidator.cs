using Postern.Configuration;

namespace Postern.Tokens;

/// <summary>Checks the token endpoint by itself.</summary>
internal static class TokensValidator
{
    public static void Validate(TokensOptions options, string path, Problems problems)
    {
        // Compared as text by whoever verifies a token: one way to write it.
        if (options.Issuer.Length > 0 && !Addresses.IsOrigin(options.Issuer))
        {
            problems.Error($"{path}.issuer", $"{problems.Written($"{path}.issuer")} can't be what tokens are issued by; write https:// with a host, and a port where it isn't 443 (http:// only on loopback), nothing behind it");
        }
    }
}
