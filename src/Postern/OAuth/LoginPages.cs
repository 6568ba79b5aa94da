using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.OAuth;

/// <summary>What the sign-in page shows and carries.</summary>
/// <param name="Gate">The gate's public host: where one signs in.</param>
/// <param name="Login">The login on its way, sealed.</param>
/// <param name="Provider">Name of the identity provider; null where none is configured.</param>
/// <param name="Name">The name that was typed last; null at first.</param>
/// <param name="Problem">Why the last try came to nothing; null at first.</param>
/// <param name="Waiting">Where a program waits for the code; null where none does.</param>
internal sealed record SignInPage(string Gate, string Login, string? Provider, string? Name, string? Problem, string? Waiting);

/// <summary>The few pages that a person sees. No script, nothing from elsewhere, in nobody's frame.</summary>
internal static class LoginPages
{
    private const string Style =
        "body{font:1.1em/1.5 system-ui,sans-serif;max-width:26em;margin:4em auto;padding:0 1em;color:#1d2330;background:#fff}h1{font-size:1.6em;line-height:1.2}"
        + "label{display:block;margin-top:1em;font-weight:600}input{font:inherit;box-sizing:border-box;width:100%;padding:.4em .6em;border:1px solid #6b7280;border-radius:.3em;color:inherit;background:inherit}"
        + "button,.button{font:inherit;display:inline-block;margin-top:1.2em;padding:.4em 1.2em;border:1px solid #1d4ed8;border-radius:.3em;background:#1d4ed8;color:#fff;text-decoration:none;cursor:pointer}"
        + "button.second{background:none;color:#1d4ed8}.code{white-space:nowrap}input:focus-visible,button:focus-visible,.button:focus-visible{outline:3px solid #93c5fd;outline-offset:2px}"
        + ".problem{border-left:.3em solid #b91c1c;padding:.3em .8em;background:#fef2f2;color:#7f1d1d}hr{margin:2em 0 1em;border:0;border-top:1px solid #d1d5db}"
        + "@media(prefers-color-scheme:dark){body{color:#e5e7eb;background:#111827}.problem{background:#450a0a;color:#fecaca}button.second{color:#93c5fd}}";

    private static readonly string s_style = $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)))}'";

    public static Task MessageAsync(HttpContext context, int status, string title, string text) => WriteAsync(context, status, title, $"<p>{Text(text)}</p>");

    public static Task AskCodeAsync(HttpContext context) => WriteAsync(context, 200, "Sign in a device", $"""
        <form method="get" action="{OAuthPaths.Device}">
        <label for="user_code">The code that your terminal or device shows</label>
        <input id="user_code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus required maxlength="20">
        <button>Continue</button></form>
        """);

    public static Task ConfirmAsync(HttpContext context, string name, string code, string? from, string confirmation) => WriteAsync(context, 200, "Sign in this device?", $"""
        <p>A device{(from is null ? "" : $" at {Text(from)}")} that shows the code <b class="code">{Text(code)}</b> will act as <b>{Text(name)}</b>.</p>
        <p>Go on only if you started this yourself and see the same code there.</p>
        <form method="post" action="{OAuthPaths.Device}"><input type="hidden" name="confirmation" value="{Text(confirmation)}">
        <button name="decision" value="allow">Sign it in</button> <button name="decision" value="deny" class="second">No</button></form>
        """);

    /// <summary>A name and a password, or the way to the identity provider.</summary>
    public static Task SignInAsync(HttpContext context, int status, SignInPage page)
    {
        var provider = page.Provider is null ? "" : $"""
            <p><a class="button" href="{OAuthPaths.SignIn}?login={Text(page.Login)}">Sign in with {Text(page.Provider)}</a></p>
            <hr>
            <p>Or as a local user:</p>
            """;
        var problem = page.Problem is null ? "" : $"""<p class="problem" id="problem" role="alert">{Text(page.Problem)}</p>""";
        var about = page.Problem is null ? "" : " aria-describedby=\"problem\"";
        var (ofName, ofPassword) = page.Name is { Length: > 0 } ? ("", " autofocus") : (" autofocus", "");
        return WriteAsync(context, status, "Sign in", $"""
            <p>to <b>{Text(page.Gate)}</b></p>
            {provider}
            {problem}
            <form method="post" action="{OAuthPaths.SignIn}"><input type="hidden" name="login" value="{Text(page.Login)}">
            <label for="username">User name</label>
            <input id="username" name="username" value="{Text(page.Name ?? "")}" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="63"{about}{ofName}>
            <label for="password">Password</label>
            <input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256"{about}{ofPassword}>
            <button>Sign in</button></form>
            """, page.Waiting);
    }

    /// <summary>Sends the browser on.</summary>
    public static void SendTo(HttpContext context, string address)
    {
        // After a form (RFC 9700 §4.12): no password goes on with it.
        context.Response.StatusCode = HttpMethods.IsPost(context.Request.Method) ? StatusCodes.Status303SeeOther : StatusCodes.Status302Found;
        context.Response.Headers.Location = address;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
    }

    /// <summary>A page of the gate's own.</summary>
    public static async Task WriteAsync(HttpContext context, int status, string title, string body, string? waiting = null)
    {
        var headers = context.Response.Headers;
        context.Response.StatusCode = status;
        headers.ContentType = "text/html; charset=utf-8";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = $"default-src 'none'; style-src {s_style}; form-action 'self'{Further(waiting)}; frame-ancestors 'none'; base-uri 'none'";
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers.TryAdd("Referrer-Policy", "no-referrer");
        var page = $"""
            <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{Text(title)}</title>
            <style>{Style}</style></head><body><main>
            <h1>{Text(title)}</h1>
            {body}
            </main></body></html>
            """;
        var bytes = Encoding.UTF8.GetBytes(page);
        context.Response.ContentLength = bytes.Length;
        await context.Response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
    }

    // Browsers hold a form to this on the way to the program that waits too. The policy's grammar has no addresses of IPv6.
    private static string Further(string? waiting) => waiting is null ? "" : new Uri(waiting) is { HostNameType: not UriHostNameType.IPv6 } url ? $" {url.GetLeftPart(UriPartial.Authority)}" : " http:";

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
