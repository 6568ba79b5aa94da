namespace Postern.OAuth;

/// <summary>The paths of the authorization server on the public listeners. Each is compared as it was sent.</summary>
internal static class OAuthPaths
{
    public const string Metadata = "/.well-known/oauth-authorization-server";
    public const string Keys = "/oauth/jwks";
    public const string Token = "/oauth/token";
    public const string Revoke = "/oauth/revoke";
    public const string Introspect = "/oauth/introspect";

    public const string WhoAmI = "/oauth/whoami";

    public const string Authorize = "/oauth/authorize";
    public const string SignIn = "/oauth/login";
    public const string Callback = "/oauth/callback";
    public const string DeviceAuthorization = "/oauth/device_authorization";
    public const string Device = "/oauth/device";

    /// <summary>Whether a request target may be one of these: what every call of an engine is asked, so no more than a look.</summary>
    public static bool MayBe(string target) => target.Length > 2 && target[1] is 'o' or '.' && (target.StartsWith("/oauth/", StringComparison.Ordinal) || target.StartsWith("/.well-known/", StringComparison.Ordinal));

    public static bool IsKnown(string path) => path is Metadata or Keys or Token or Revoke or Introspect or WhoAmI or Authorize or SignIn or Callback or DeviceAuthorization or Device;

    /// <summary>Those that a person's browser comes to.</summary>
    public static bool IsPage(string path) => path is Authorize or SignIn or Callback or Device;
}
