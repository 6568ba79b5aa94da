using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.Dev.IdentityProvider;

/// <summary>The two pages that people see. Server-rendered, nothing is loaded from elsewhere, no script.</summary>
internal static class LoginPage
{
    public static Task ShowAsync(HttpContext context, AuthorizationRequest request, string login, DevDirectory directory)
    {
        var people = string.Concat(directory.Users.Values.OrderBy(u => u.Name, StringComparer.Ordinal).Select(user => $"""
            <li><button name="user" value="{Text(user.Email)}">
              <span class="mark" aria-hidden="true">{Text(user.Name[..1].ToUpperInvariant())}</span>
              <span class="who"><b>{Text(user.Name)}</b> <small>{Text(user.Email)}{(user.EmailVerified ? "" : " (not verified)")}</small></span>
              <span class="groups">{string.Concat(user.Groups.Select(g => $"<i>{Text(g)}</i>"))}</span>
            </button></li>

            """));

        // Chromium applies form-action to the redirect that answers the form too, so the program's own origin must stand in it.
        return WriteAsync(context, StatusCodes.Status200OK, $"'self' {request.RedirectOrigin}", "Who are you today?", $"""
            <p><b>{Text(request.Client.Id)}</b> wants to know who is calling. Choose one; it gets a token in that name.</p>
            <form method="post" action="/login">
            <input type="hidden" name="login" value="{Text(login)}">
            <ul>
            {people}</ul>
            <button class="quiet" name="cancel" value="yes">Cancel</button>
            </form>
            <footer>postern-dev, on this machine only. There are no passwords here. People live in <code>postern-dev.yaml</code>.</footer>
            """);
    }

    public static Task ShowErrorAsync(HttpContext context, string text) =>
        WriteAsync(context, StatusCodes.Status400BadRequest, "'none'", "This can't work", $"<p>{Text(text)}</p><footer>postern-dev. Go back to the program that sent you here and start again.</footer>");

    private static Task WriteAsync(HttpContext context, int status, string formAction, string title, string body)
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = $"default-src 'none'; style-src 'sha256-{StyleHash}'; form-action {formAction}; frame-ancestors 'none'; base-uri 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{title} · Postern</title>
            <style>{Style}</style>
            </head>
            <body>
            <main>
            <h1>{title}</h1>
            {body}
            </main>
            </body>
            </html>

            """, context.RequestAborted);
    }

    private static string Text(string value) => WebUtility.HtmlEncode(value);

    private const string Style =
        """
        :root { color-scheme: light dark; --ink: #1c2430; --dim: #5b6675; --line: #d9dee6; --card: #ffffff; --back: #f3f5f8; --mark: #2f5d8a; --hover: #eef3f9 }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --dim: #9aa5b4; --line: #36404d; --card: #1d242d; --back: #141a21; --mark: #7fb0dd; --hover: #26303b } }
        * { box-sizing: border-box }
        body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
        main { width: 100%; max-width: 30rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px }
        h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.2 }
        p { margin: 0 0 1.25rem; color: var(--dim) }
        p b { color: var(--ink) }
        ul { list-style: none; margin: 0 0 1rem; padding: 0; display: grid; gap: .5rem }
        button { font: inherit; color: inherit; cursor: pointer }
        li button { width: 100%; display: flex; align-items: center; gap: .9rem; padding: .7rem .9rem; text-align: left; background: none; border: 1px solid var(--line); border-radius: 8px }
        li button:hover { background: var(--hover) }
        button:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px }
        .mark { flex: none; width: 2.25rem; height: 2.25rem; display: grid; place-items: center; border-radius: 50%; background: var(--mark); color: var(--card); font-weight: 600 }
        .who { flex: 1; min-width: 0; overflow-wrap: anywhere }
        .who b { display: block; line-height: 1.3 }
        small, .groups, footer { color: var(--dim); font-size: .875rem }
        i { font-style: normal; margin-left: .25rem; padding: .1rem .5rem; border: 1px solid var(--line); border-radius: 99px; white-space: nowrap }
        .quiet { padding: .4rem .9rem; background: none; border: 1px solid transparent; border-radius: 8px; color: var(--dim) }
        .quiet:hover { border-color: var(--line) }
        footer { margin-top: 1.25rem; padding-top: 1rem; border-top: 1px solid var(--line) }
        """;

    // The policy names this one style sheet by its hash; whatever else gets into the page stays without effect.
    private static readonly string StyleHash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Style)));
}
