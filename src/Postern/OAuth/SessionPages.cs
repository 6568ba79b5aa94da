using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Postern.OAuth;

/// <summary>The gate's own pages on the host of an engine's.</summary>
internal static class SessionPages
{
    private const string SignOut = $"""<form method="post" action="{SessionPaths.Logout}"><button>Sign out</button></form>""";

    /// <summary>Who is signed in, and what he may.</summary>
    /// <param name="context">The request.</param>
    /// <param name="name">His name.</param>
    /// <param name="whoAmI">What <c>/oauth/whoami</c> says of him.</param>
    public static Task SignedInAsync(HttpContext context, string name, byte[] whoAmI) => WriteAsync(context, 200, "Signed in", $"""
        <p>You are signed in as <b>{Encoded(name)}</b>.</p>
        {Rules(whoAmI)}
        {SignOut}
        <p><a href="/">Go on</a></p>
        """);

    public static Task SignedOutAsync(HttpContext context) => WriteAsync(context, 200, "Not signed in", $"""
        <p>Nobody is signed in here with this browser.</p>
        <p><a href="{SessionPaths.Login}">Sign in</a></p>
        """);

    public static Task AskLogoutAsync(HttpContext context, string name) => WriteAsync(context, 200, "Sign out?", $"""
        <p>You are signed in as <b>{Encoded(name)}</b>.</p>
        {SignOut}
        <p><a href="/">Go on</a></p>
        """);

    /// <summary>The session here is over; the one at the identity provider is ended there.</summary>
    public static Task LeaveAsync(HttpContext context, string address)
    {
        // A form may lead nowhere else, so it is the answer that sends the browser on.
        context.Response.Headers["Refresh"] = $"0;url={address}";
        return WriteAsync(context, 200, "Signed out here", $"""
            <p>You are signed out here. <a href="{Encoded(address)}">Sign out at the identity provider too</a>, if your browser doesn't go there by itself.</p>
            """);
    }

    public static Task FailedAsync(HttpContext context, int status, string title, string text) => WriteAsync(context, status, title, $"""
        <p>{Encoded(text)}</p>
        <p><a href="{SessionPaths.Login}">Sign in</a></p>
        """);

    private static Task WriteAsync(HttpContext context, int status, string title, string body)
    {
        // With less a browser would say of these pages' own form that it comes from nowhere.
        context.Response.Headers["Referrer-Policy"] = "same-origin";
        return LoginPages.WriteAsync(context, status, title, body);
    }

    private static string Rules(byte[] whoAmI)
    {
        using var document = JsonDocument.Parse(whoAmI);
        var page = new StringBuilder();
        Write(page, document.RootElement.GetProperty("bindings"), "You may:");
        Write(page, document.RootElement.GetProperty("denies"), "Whatever you may, you may not:");
        return page.Length > 0 ? page.ToString() : "<p>The policy gives you nothing yet: ask an administrator.</p>";
    }

    private static void Write(StringBuilder page, JsonElement rules, string title)
    {
        if (rules.GetArrayLength() == 0)
        {
            return;
        }

        page.Append("<p>").Append(title).Append("</p><ul>");
        foreach (var rule in rules.EnumerateArray())
        {
            page.Append("<li><b>").Append(Encoded(Words(rule.GetProperty("what")))).Append("</b>");
            foreach (var condition in rule.GetProperty("where").EnumerateObject())
            {
                page.Append(", ").Append(Encoded($"{condition.Name} {Words(condition.Value)}"));
            }

            if (rule.GetProperty("when") is var when && when.GetArrayLength() > 0)
            {
                page.Append(", when ").Append(Encoded(Words(when)));
            }

            page.Append("</li>");
        }

        page.Append("</ul>");
    }

    private static string Words(JsonElement texts) => string.Join(", ", texts.EnumerateArray().Select(text => text.GetString()));

    private static string Encoded(string text) => WebUtility.HtmlEncode(text);
}
