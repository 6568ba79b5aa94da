using System.Globalization;
using Tomlyn.Model;

namespace Postern.Commands.Terminal;

/// <summary>
/// A profile of the stock <c>temporal</c> command line: with its <c>oauth</c> table the command line sends the access token and refreshes it by itself.
/// </summary>
internal static class TemporalProfile
{
    /// <summary>The file that the command line reads: <c>TEMPORAL_CONFIG_FILE</c>, otherwise <c>~/.config/temporalio/temporal.toml</c>.</summary>
    public static string File => Environment.GetEnvironmentVariable("TEMPORAL_CONFIG_FILE") is { Length: > 0 } named
        ? named
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".config", "temporalio", "temporal.toml");

    /// <summary>Writes the login into the profile. What else stands there stays: an address that is set already, a namespace, other profiles.</summary>
    /// <exception cref="LoginException">The file isn't TOML, or can't be written; nothing was changed.</exception>
    public static void Write(string profile, Uri gate, Uri tokenUrl, IssuedTokens tokens, string? authority)
    {
        var document = TomlFile.Read(File);
        var table = TomlFile.Table(TomlFile.Table(document, "profile"), profile);
        table["address"] = gate.Authority;
        // oauth switches TLS on by itself.
        var tls = TomlFile.Table(table, "tls");
        tls["disabled"] = gate.Scheme == Uri.UriSchemeHttp;
        if (authority is not null)
        {
            tls["server_ca_cert_path"] = Path.GetFullPath(authority);
        }

        table["oauth"] = new TomlTable
        {
            ["client_id"] = OAuthEndpoint.Client,
            ["token_url"] = tokenUrl.ToString(),
            ["access_token"] = tokens.AccessToken,
            ["refresh_token"] = tokens.RefreshToken,
            ["token_type"] = "Bearer",
            ["expires_at"] = tokens.ExpiresAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        };
        TomlFile.Save(File, document);
    }

    /// <summary>The refresh token of the profile, which the command line rotates; null where it has none (any more).</summary>
    public static string? RefreshTokenOf(string profile) => TomlFile.Find(TomlFile.Read(File), "profile", profile, "oauth") is { } oauth && oauth.TryGetValue("refresh_token", out var token) ? token as string : null;

    /// <summary>Takes the login out of the profile; the rest of it stays.</summary>
    public static void Remove(string profile)
    {
        var document = TomlFile.Read(File);
        if (TomlFile.Find(document, "profile", profile) is { } table && table.Remove("oauth"))
        {
            TomlFile.Save(File, document);
        }
    }
}
