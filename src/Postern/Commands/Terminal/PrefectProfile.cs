using Microsoft.IdentityModel.JsonWebTokens;

namespace Postern.Commands.Terminal;

/// <summary>
/// A profile of the stock <c>prefect</c> command line and SDK. Basic (<c>PREFECT_API_AUTH_STRING</c>) is the one setting that they send everywhere, WebSockets
/// included; they don't renew it.
/// </summary>
internal static class PrefectProfile
{
    private const string Url = "PREFECT_API_URL";
    private const string Auth = "PREFECT_API_AUTH_STRING";
    private const string Authorities = "PREFECT_API_SSL_CERT_FILE";

    /// <summary>The file that Prefect reads: <c>PREFECT_PROFILES_PATH</c>, otherwise <c>profiles.toml</c> in <c>PREFECT_HOME</c> or <c>~/.prefect</c>.</summary>
    public static string File => Environment.GetEnvironmentVariable("PREFECT_PROFILES_PATH") is { Length: > 0 } named ? named : Path.Combine(
        Environment.GetEnvironmentVariable("PREFECT_HOME") is { Length: > 0 } home ? home : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".prefect"), "profiles.toml");

    /// <summary>What Prefect sends as Basic: any name, and the token as password.</summary>
    public static string AuthOf(string token) => "postern:" + token;

    /// <summary>Writes address and token into the profile. What else stands there stays; which profile is active is changed only where none is.</summary>
    /// <returns>Whether it is the active profile.</returns>
    /// <exception cref="LoginException">The file isn't TOML, or can't be written; nothing was changed.</exception>
    public static bool Write(string profile, Uri api, string token, string? authority)
    {
        var document = TomlFile.Read(File);
        var table = TomlFile.Table(TomlFile.Table(document, "profiles"), profile);
        table[Url] = api.ToString().TrimEnd('/');
        table[Auth] = AuthOf(token);
        if (authority is not null)
        {
            table[Authorities] = Path.GetFullPath(authority);
        }

        if (!document.ContainsKey("active"))
        {
            document["active"] = profile;
        }

        TomlFile.Save(File, document);
        return document["active"] as string == profile;
    }

    /// <summary>Until when the profile's token holds; null where it has none (any more).</summary>
    public static DateTimeOffset? HoldsUntil(string profile) =>
        TomlFile.Find(TomlFile.Read(File), "profiles", profile) is { } table && table.TryGetValue(Auth, out var auth) && auth is string text && text.Split(':', 2) is [_, var token]
            && new JsonWebTokenHandler().CanReadToken(token) ? new DateTimeOffset(new JsonWebToken(token).ValidTo, TimeSpan.Zero) : null;

    /// <summary>Takes address and token out of the profile; the rest of it stays.</summary>
    public static void Remove(string profile)
    {
        var document = TomlFile.Read(File);
        if (TomlFile.Find(document, "profiles", profile) is { } table && table.Remove(Auth))
        {
            table.Remove(Url);
            TomlFile.Save(File, document);
        }
    }
}
