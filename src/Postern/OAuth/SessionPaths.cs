namespace Postern.OAuth;

/// <summary>The gate's own paths on the host of an engine's pages, below a prefix that no engine has. Each is compared as it was sent.</summary>
internal static class SessionPaths
{
    public const string Prefix = "/.postern";

    /// <summary>Who is signed in.</summary>
    public const string Home = Prefix + "/";
    public const string Login = Prefix + "/login";
    public const string Callback = Prefix + "/callback";
    public const string Logout = Prefix + "/logout";
    public const string BackChannelLogout = Prefix + "/backchannel-logout";

    /// <summary>The longest way back that is carried through a login, since it travels in addresses.</summary>
    private const int LongestReturn = 512;

    /// <summary>Whether a request target is the gate's own, known or not.</summary>
    public static bool Has(string target) => target.StartsWith(Prefix, StringComparison.Ordinal) && (target.Length == Prefix.Length || target[Prefix.Length] is '/' or '?');

    /// <summary>Where a login leads in the end: a path of the same host, or its root.</summary>
    public static string ReturnTo(string? text) =>
        text is { Length: > 0 and <= LongestReturn } && text[0] == '/' && !text.StartsWith("//", StringComparison.Ordinal) && text.All(c => c is > ' ' and < '\x7f' and not '\\')
        && (!Has(text) || text == Home) ? text : "/";
}
