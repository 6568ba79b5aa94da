using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Postern.OAuth;

/// <summary>The few pages that a person sees. No script, nothing from elsewhere, in nobody's frame.</summary>
internal static class LoginPages
{
    public static Task MessageAsync(HttpContext context, int status, string title, string text) => WriteAsync(context, status, title, $"<p>{Text(text)}</p>");

    public static Task AskCodeAsync(HttpContext context) => WriteAsync(context, 200, "Sign in a device", $"""
        <p>Enter the code that your terminal or device shows.</p>
        <form method="get" action="{OAuthPaths.Device}"><input name="user_code" autocomplete="off" autofocus required maxlength="20"> <button>Continue</button></form>
        """);

    public static Task ConfirmAsync(HttpContext context, string name, string code, string? from, string confirmation) => WriteAsync(context, 200, "Sign in this device?", $"""
        <p>A device{(from is null ? "" : $" at {Text(from)}")} that shows the code <b>{Text(code)}</b> will act as <b>{Text(name)}</b>.</p>
        <p>Go on only if you started this yourself and see the same code there.</p>
        <form method="post" action="{OAuthPaths.Device}"><input type="hidden" name="confirmation" value="{Text(confirmation)}">
        <button name="decision" value="allow">Sign it in</button> <button name="decision" value="deny">No</button></form>
        """);

    private static async Task WriteAsync(HttpContext context, int status, string title, string body)
    {
        var headers = context.Response.Headers;
        context.Response.StatusCode = status;
        headers.ContentType = "text/html; charset=utf-8";
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
        headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        var page = $"""
            <!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{Text(title)}</title>
            <style>body {"{"} font: 1.1em/1.5 system-ui; max-width: 36em; margin: 4em auto; padding: 0 1em {"}"} input, button {"{"} font: inherit; padding: .3em .6em {"}"}</style>
            <h1>{Text(title)}</h1>
            {body}
            </html>
            """;
        var bytes = Encoding.UTF8.GetBytes(page);
        context.Response.ContentLength = bytes.Length;
        await context.Response.BodyWriter.WriteAsync(bytes, context.RequestAborted);
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
