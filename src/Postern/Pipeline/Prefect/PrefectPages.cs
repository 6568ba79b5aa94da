using Microsoft.AspNetCore.Http;
using Postern.Engines.Prefect;
using Postern.Identity.Certificates;
using Postern.Model;
using Postern.OAuth;

namespace Postern.Pipeline.Prefect;

/// <summary>People at the server's pages: their sessions, the way to the login for who has none, and what the pages are told of where they are.</summary>
internal static class PrefectPages
{
    private const string Settings = "ui_settings";

    /// <summary>Where people open this server's pages; null where the call came by another name.</summary>
    public static string? OriginOf(PrefectCall call) => call.State.Sessions?.OriginOf(call.Context.Request.Headers.Host);

    /// <summary>Judges the cookie of a session; null where there is none, and a credential in a header is judged.</summary>
    public static async ValueTask<Identity.AuthenticationResult?> AuthenticateAsync(PrefectCall call)
    {
        if (call.State.Sessions is not { } sessions || OriginOf(call) is not { } origin)
        {
            return null;
        }

        var context = call.Context;
        var found = await sessions.FindAsync(context, call.Route.IsSocket || context.Request.Headers.Upgrade.Count > 0);
        if (found.Renewed is { } cookie)
        {
            context.Response.OnStarting(() =>
            {
                context.Response.Headers.Append("Set-Cookie", cookie);
                return Task.CompletedTask;
            });
        }

        if (!found.IsNone)
        {
            return new Identity.AuthenticationResult(found.Token, found.Refusal);
        }

        if (!call.Route.IsSocket && IsOfPage(context.Request) && !call.State.Identity.IsCredential(context.Features.Get<PresentedCertificate>()))
        {
            return SessionLogins.Ended(origin);
        }

        return null;
    }

    /// <summary>Sends who opens a page without a session to the login. False: it is refused as any call is.</summary>
    public static bool SendToLogin(PrefectCall call, Refusal refusal)
    {
        if (refusal.Reason != RefusalReason.Unauthenticated || OriginOf(call) is not { } origin || !SessionLogins.IsNavigation(call.Context.Request))
        {
            return false;
        }

        SessionLogins.SendToLogin(call.Context, origin, call.IsRouted ? call.Match.Target : "/");
        return true;
    }

    /// <summary>Whether the answer is one that the pages read of where they are.</summary>
    public static bool IsSettings(PrefectCall call) => call.Route.Operation == Settings && OriginOf(call) is not null;

    /// <summary>Says there where people open the pages, and that no login comes.</summary>
    public static void Correct(PrefectCall call, HeldAnswer held)
    {
        var response = call.Context.Response;
        if (IsSettings(call) && response is { StatusCode: StatusCodes.Status200OK, Headers.ContentEncoding.Count: 0 } && held.Bytes is { } answer
            && PrefectUiSettings.At(answer, OriginOf(call)!) is { } corrected)
        {
            held.Replace(corrected);
            response.ContentLength = corrected.Length;
        }
    }

    // A page's own script, which may still send a password of the time before the gate: nothing reads that. A browser says what it sends for, a program doesn't.
    private static bool IsOfPage(HttpRequest request) =>
        request.Headers.ContainsKey("Sec-Fetch-Site") && (request.Headers.Authorization.Count == 0 || (request.Headers.Authorization is [{ } text] && text.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)));
}
