using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Identity.Accounts;
using Postern.Identity.Login;
using Postern.Model;
using Postern.Telemetry;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>
/// Where a person at a browser says who he is: at the configured identity provider, or by a local user's password on the gate's own page. Whichever it was, what comes of it is a
/// <see cref="LoggedIn"/> for whoever asked.
/// </summary>
internal sealed partial class SignIns(
    LoginProvider? provider, PasswordCheck passwords, AccountDirectory directory, LoginSeals seals, TokensOptions options, OAuthRecords records, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan s_within = TimeSpan.FromMinutes(10);

    /// <summary>Somebody said who he is.</summary>
    public Func<HttpContext, PendingLogin, LoggedIn, Task> Done { get; set; } = static (_, _, _) => Task.CompletedTask;

    /// <summary>The identity provider says no: the error of RFC 6749 §4.1.2.1 and its text.</summary>
    public Func<HttpContext, LoginRequest, string, string, Task> Failed { get; set; } = static (_, _, _, _) => Task.CompletedTask;

    /// <summary>Asks who somebody is: on the gate's page; where no local user could come, at once at the identity provider.</summary>
    public async Task BeginAsync(HttpContext context, LoginRequest request)
    {
        var pending = new PendingLogin { Request = request, Nonce = Pkce.NewVerifier(), Verifier = Pkce.NewVerifier(), Browser = seals.Browser(context), Until = time.GetUtcNow() + s_within };
        await (provider is not null && directory.IsLoaded && !directory.HasUsers ? SendOnAsync(context, provider, pending) : AskAsync(context, StatusCodes.Status200OK, pending, null, null));
    }

    /// <summary>The page's link to the identity provider.</summary>
    public Task ChooseProviderAsync(HttpContext context) =>
        provider is not null && Open(context, One(context.Request.Query, "login")) is { } pending ? SendOnAsync(context, provider, pending) : NotYoursAsync(context);

    /// <summary>The page's form: a name and a password.</summary>
    public async Task SignInAsync(HttpContext context, OAuthForm form)
    {
        // What the form brings is sealed and bound to this browser's cookie: no other page can make it, and none that was made for another browser counts.
        if (Open(context, form["login"]) is not { } pending)
        {
            await NotYoursAsync(context);
            return;
        }

        var name = form["username"] ?? "";
        var (user, refusal) = await passwords.VerifyAsync(name, form["password"] ?? "", form.Source, form.Cancellation);
        if (user is not null)
        {
            await DoneAsync(context, pending, LoggedIn.Of(user));
            return;
        }

        Log.NotIn(logger, refusal!.Detail ?? "");
        records.Refused(OAuthPaths.SignIn, "access_denied", StatusOf(refusal.Reason), refusal.Detail ?? "", form.Source, name);
        if (refusal.RetryAfter is { } after)
        {
            context.Response.Headers.RetryAfter = ((int)Math.Ceiling(after.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        await AskAsync(context, StatusOf(refusal.Reason), pending, name, OAuthClients.Bare(refusal));
    }

    /// <summary>Where the identity provider sends the browser back to.</summary>
    public async Task CallbackAsync(HttpContext context, IPAddress? source)
    {
        var query = context.Request.Query;
        if (provider is null || Open(context, One(query, "state")) is not { } pending || (query.TryGetValue("iss", out var said) && said.ToString() != provider.Issuer))
        {
            await NotYoursAsync(context);
            return;
        }

        if (One(query, "code") is not { Length: > 0 } code)
        {
            await Failed(context, pending.Request, "access_denied", "The identity provider didn't let you in.");
            return;
        }

        var (token, refusal) = await AskAsync(provider, () => provider.RedeemAsync(code, Callback, pending.Nonce, pending.Verifier, context.RequestAborted));
        if (token is null)
        {
            if (refusal!.Reason == RefusalReason.CannotTell)
            {
                throw OAuthException.Unavailable(refusal.Text);
            }

            Log.NotIn(logger, refusal.Detail ?? "");
            records.Refused(OAuthPaths.Callback, "access_denied", StatusCodes.Status403Forbidden, refusal.Detail ?? "", source, null);
            await Failed(context, pending.Request, "access_denied", OAuthClients.Bare(refusal));
            return;
        }

        await DoneAsync(context, pending, LoggedIn.Of(token.Caller));
    }

    private string Callback => options.Issuer + OAuthPaths.Callback;

    private Task DoneAsync(HttpContext context, PendingLogin pending, LoggedIn login)
    {
        Log.In(logger, login.Name, pending.Request.ClientId);
        return Done(context, pending, login);
    }

    private Task AskAsync(HttpContext context, int status, PendingLogin pending, string? name, string? problem) =>
        LoginPages.SignInAsync(context, status, new SignInPage(
            new Uri(options.Issuer).Authority, seals.Close(pending, LoginJson.Default.PendingLogin), provider?.Name, name, problem, pending.Request.RedirectUri));

    private async Task SendOnAsync(HttpContext context, LoginProvider to, PendingLogin pending) =>
        LoginPages.SendTo(context, await AskAsync(to, () => to.AddressAsync(Callback, seals.Close(pending, LoginJson.Default.PendingLogin), pending.Nonce, pending.Verifier, context.RequestAborted)));

    private PendingLogin? Open(HttpContext context, string? text) =>
        seals.Open(text, LoginJson.Default.PendingLogin) is { } pending && pending.Until > time.GetUtcNow() && seals.IsBrowser(context, pending.Browser) ? pending : null;

    private static Task NotYoursAsync(HttpContext context) =>
        LoginPages.MessageAsync(context, 400, "This login is not yours or took too long", "It was begun in another browser, or more than ten minutes ago. Begin again: run postern login.");

    private static string? One(IQueryCollection query, string name) => query[name] is { Count: 1 } value ? value[0] : null;

    private static int StatusOf(RefusalReason reason) => reason switch
    {
        RefusalReason.CannotTell => StatusCodes.Status503ServiceUnavailable,
        RefusalReason.Limited => StatusCodes.Status429TooManyRequests,
        _ => StatusCodes.Status403Forbidden,
    };

    private async Task<T> AskAsync<T>(LoginProvider asked, Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is HttpRequestException or FormatException or JsonException or ArgumentException or TaskCanceledException { InnerException: TimeoutException })
        {
            Log.ProviderAway(logger, asked.Issuer, e.Message);
            throw OAuthException.Unavailable("The identity provider can't be asked at the moment.");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.OAuth + 5, LogLevel.Information, "{Caller} logged in with {Client}")]
        public static partial void In(ILogger logger, string caller, string client);

        [LoggerMessage(EventIds.OAuth + 6, LogLevel.Information, "A login came to nothing: {Reason}")]
        public static partial void NotIn(ILogger logger, string reason);

        [LoggerMessage(EventIds.OAuth + 7, LogLevel.Warning, "Nobody can log in with the identity provider: issuer {Issuer}: {Reason}")]
        public static partial void ProviderAway(ILogger logger, string issuer, string reason);
    }
}
