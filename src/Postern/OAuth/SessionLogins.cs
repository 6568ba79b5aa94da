using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Postern.Identity;
using Postern.Identity.Login;
using Postern.Identity.Session;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.OAuth;

/// <summary>
/// People at an engine's own pages. The engine's host is a client of the gate's authorization server like any other: who comes without a session is sent there with a challenge, and what comes
/// back is a code that only this browser can redeem, for a session's cookie in place of tokens.
/// </summary>
internal sealed partial class SessionLogins(
    BrowserSessions sessions, IReadOnlyList<string> origins, Logins logins, Func<bool, LoginSeals> sealsOf, string issuer, LoginProvider? provider, LogoutTokens? logouts, IdentitySources identity,
    Func<Caller, IPAddress?, byte[]> whoAmI, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan s_within = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, string> _origins = origins.ToDictionary(origin => new Uri(origin).Authority, StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a request is the gate's own to answer, by its path. No engine ever sees one of these.</summary>
    public static bool Serves(string target) => SessionPaths.Has(target);

    /// <summary>The origin that a host name stands for, where people have sessions; null elsewhere.</summary>
    public string? OriginOf(string? host) => host is not null && _origins.TryGetValue(host, out var origin) ? origin : null;

    /// <summary>Who is calling by a session's cookie; none where there is no cookie, or no sessions at this host.</summary>
    public ValueTask<SessionFinding> FindAsync(HttpContext context, bool isUpgrade) => OriginOf(context.Request.Headers.Host) is { } origin
        ? sessions.FindAsync(origin, context.Request.Method, isUpgrade, context.Request.Headers, context.RequestAborted)
        : default;

    /// <summary>Whether a person opens a page with it, who can be sent to a login; anything else can't follow and is refused.</summary>
    public static bool IsNavigation(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && (request.Headers["Sec-Fetch-Mode"] is { Count: 0 } || request.Headers["Sec-Fetch-Mode"] == "navigate")
        && request.Headers.Accept.Any(value => value is not null && value.Contains("text/html", StringComparison.OrdinalIgnoreCase));

    /// <summary>Sends who opens a page to the login, and back afterwards.</summary>
    public static void SendToLogin(HttpContext context, string origin, string target) =>
        Redirect(context, QueryHelpers.AddQueryString(origin + SessionPaths.Login, "return", SessionPaths.ReturnTo(target)));

    /// <summary>What a page's own script is told, which can't go to a login: the page shows the text.</summary>
    public static Refusal Ended(string origin) => BrowserSessions.Ended(origin);

    public async Task AnswerAsync(IFeatureCollection features, string target, IPAddress? source)
    {
        var context = new DefaultHttpContext(features);
        var path = target.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? target[..query] : target;
        try
        {
            await AnswerAsync(context, path, source);
        }
        catch (OAuthException e)
        {
            if (e.Counts)
            {
                identity.NoteFailure(source);
            }

            Log.Refused(logger, path, e.Code, e.Message, source);
            await RefuseAsync(context, path, e);
        }
        catch (StoreUnavailableException e)
        {
            Log.StoreAway(logger, path, e.Message);
            await RefuseAsync(context, path, OAuthException.Unavailable("Sessions can't be written at the moment; try again."));
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read an answer.
            context.Abort();
        }
        catch (Exception e) when (e is not OutOfMemoryException && !context.Response.HasStarted)
        {
            Log.Bug(logger, path, e);
            await RefuseAsync(context, path, new OAuthException("server_error", "Something went wrong in the gate.", StatusCodes.Status500InternalServerError));
        }
    }

    private async Task AnswerAsync(HttpContext context, string path, IPAddress? source)
    {
        var method = context.Request.Method;
        if (path == SessionPaths.BackChannelLogout && logouts is not null)
        {
            await EndAsync(context, logouts, source);
            return;
        }

        if (OriginOf(context.Request.Headers.Host) is not { } origin || path is not (SessionPaths.Home or SessionPaths.Login or SessionPaths.Callback or SessionPaths.Logout))
        {
            throw new OAuthException("invalid_request", "There is no such page here.", StatusCodes.Status404NotFound);
        }

        if (!HttpMethods.IsGet(method) && !(path == SessionPaths.Logout && HttpMethods.IsPost(method)))
        {
            context.Response.Headers.Allow = path == SessionPaths.Logout ? "GET, POST" : "GET";
            throw new OAuthException("invalid_request", "The page doesn't take this method.", StatusCodes.Status405MethodNotAllowed);
        }

        if (identity.IsExhausted(source))
        {
            throw OAuthException.TooMany("Too many failed attempts from this address.", null);
        }

        var found = await sessions.FindAsync(origin, method, false, context.Request.Headers, context.RequestAborted);
        if (found.Refusal is { Reason: RefusalReason.CannotTell or RefusalReason.NotAllowed } refusal)
        {
            throw refusal.Reason == RefusalReason.CannotTell ? OAuthException.Unavailable(refusal.Text) : new OAuthException("invalid_request", refusal.Text, StatusCodes.Status403Forbidden);
        }

        if (found.Renewed is { } renewed)
        {
            context.Response.Headers.SetCookie = renewed;
        }

        await (path switch
        {
            SessionPaths.Login => LoginAsync(context, origin, found),
            SessionPaths.Callback => CallbackAsync(context, origin, found),
            SessionPaths.Logout when HttpMethods.IsPost(method) => LogoutAsync(context, origin, found),
            SessionPaths.Logout when found.Token is { } token => SessionPages.AskLogoutAsync(context, token.Caller.Name),
            SessionPaths.Home when found.Token is { } token => SessionPages.SignedInAsync(context, token.Caller.Name, whoAmI(token.Caller, source)),
            _ => SessionPages.SignedOutAsync(context),
        });
    }

    private Task LoginAsync(HttpContext context, string origin, SessionFinding found)
    {
        var back = SessionPaths.ReturnTo(One(context, "return"));
        if (found.Token is not null)
        {
            Redirect(context, origin + back);
            return Task.CompletedTask;
        }

        var seals = sealsOf(IsSecure(origin));
        var pending = new PendingSession { Return = back, Verifier = Pkce.NewVerifier(), Browser = seals.Browser(context), Until = time.GetUtcNow() + s_within };
        Redirect(context, QueryHelpers.AddQueryString(issuer + OAuthPaths.Authorize, new Dictionary<string, string?>
        {
            ["response_type"] = "code",
            ["client_id"] = Logins.PagesClient,
            ["redirect_uri"] = origin + SessionPaths.Callback,
            ["state"] = seals.Close(pending, SessionJson.Default.PendingSession),
            ["code_challenge"] = Pkce.Challenge(pending.Verifier),
            ["code_challenge_method"] = "S256",
        }));
        return Task.CompletedTask;
    }

    private async Task CallbackAsync(HttpContext context, string origin, SessionFinding found)
    {
        var seals = sealsOf(IsSecure(origin));
        if (seals.Open(One(context, "state"), SessionJson.Default.PendingSession) is not { } pending || pending.Until <= time.GetUtcNow() || !seals.IsBrowser(context, pending.Browser)
            || One(context, "iss") != issuer)
        {
            throw new OAuthException("invalid_request", "This login was begun in another browser, or more than ten minutes ago.");
        }

        if (One(context, "code") is not { } code)
        {
            throw new OAuthException("access_denied", One(context, "error_description") is { Length: <= 300 } said ? said : "You were not let in.", StatusCodes.Status403Forbidden);
        }

        LoggedIn login;
        try
        {
            login = (await logins.TakeAsync(code, Logins.PagesClient, origin + SessionPaths.Callback, pending.Verifier, context.RequestAborted)).Login;
        }
        catch (OAuthException e) when (e.Code == "invalid_grant")
        {
            // A page that was loaded again, or gone back to.
            throw new OAuthException(e.Code, "This login has been used already, or took too long.") { Counts = true };
        }

        if (found.Session is { } before)
        {
            await sessions.EndAsync([before.Id], "a new login took its place", context.RequestAborted);
        }

        context.Response.Headers.SetCookie = await sessions.BeginAsync(
            new NewSession(origin, login.Name, login.Write(), login.Claims.Issuer ?? Caller.OwnIssuer, Claim(login, "sub"), Claim(login, "sid")), context.RequestAborted);
        Redirect(context, origin + pending.Return);
    }

    private async Task LogoutAsync(HttpContext context, string origin, SessionFinding found)
    {
        // Only what the browser has shown is taken back: a form of another site comes without the cookie, and would otherwise sign people out.
        if (found.Session is not { } session)
        {
            await SessionPages.SignedOutAsync(context);
            return;
        }

        await sessions.EndAsync([session.Id], "logout", context.RequestAborted);
        context.Response.Headers.SetCookie = SessionCookies.Clear(origin);
        if (provider is not null && session.Issuer == provider.Name && await LogoutAddressAsync(provider, origin, context.RequestAborted) is { } address)
        {
            await SessionPages.LeaveAsync(context, address);
            return;
        }

        await SessionPages.SignedOutAsync(context);
    }

    // He is signed out here whatever becomes of it there.
    private async Task<string?> LogoutAddressAsync(LoginProvider from, string origin, CancellationToken cancellation)
    {
        try
        {
            return await from.LogoutAddressAsync(origin + SessionPaths.Home, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or FormatException or JsonException or ArgumentException or TaskCanceledException { InnerException: TimeoutException })
        {
            Log.ProviderAway(logger, from.Issuer, e.Message);
            return null;
        }
    }

    // OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8.
    private async Task EndAsync(HttpContext context, LogoutTokens tokens, IPAddress? source)
    {
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = "POST";
            throw new OAuthException("invalid_request", "The endpoint doesn't take this method.", StatusCodes.Status405MethodNotAllowed);
        }

        if (identity.IsExhausted(source))
        {
            throw OAuthException.TooMany("Too many failed attempts from this address.", null);
        }

        await tokens.EndAsync(await OAuthForm.ReadAsync(context, source, time));
        context.Response.Headers.CacheControl = "no-store";
    }

    private static async Task RefuseAsync(HttpContext context, string path, OAuthException refusal)
    {
        if (refusal.RetryAfter is { } after)
        {
            context.Response.Headers.RetryAfter = ((int)Math.Ceiling(after.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (path != SessionPaths.BackChannelLogout)
        {
            await SessionPages.FailedAsync(context, refusal.Status, refusal.Status == StatusCodes.Status404NotFound ? "Not found" : "Not signed in", refusal.Message);
            return;
        }

        context.Response.StatusCode = refusal.Status;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = "application/json";
        var body = new System.Text.Json.Nodes.JsonObject { ["error"] = refusal.Code, ["error_description"] = refusal.Message };
        await context.Response.BodyWriter.WriteAsync(System.Text.Encoding.UTF8.GetBytes(body.ToJsonString()), context.RequestAborted);
    }

    private static void Redirect(HttpContext context, string address)
    {
        context.Response.StatusCode = StatusCodes.Status302Found;
        context.Response.Headers.Location = address;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
    }

    private static string? Claim(LoggedIn login, string name) =>
        login.Claims.Claims is { ValueKind: JsonValueKind.Object } claims && claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string? One(HttpContext context, string name) => context.Request.Query[name] is { Count: 1 } value && value[0] is { Length: > 0 } text ? text : null;

    private static bool IsSecure(string origin) => origin.StartsWith("https:", StringComparison.Ordinal);

    private static partial class Log
    {
        [LoggerMessage(EventIds.OAuth + 20, LogLevel.Information, "Refused {Path}: {Error}: {Reason} ({Source})")]
        public static partial void Refused(ILogger logger, string path, string error, string reason, IPAddress? source);

        [LoggerMessage(EventIds.OAuth + 21, LogLevel.Warning, "Can't answer {Path}: the store is away: {Reason}")]
        public static partial void StoreAway(ILogger logger, string path, string reason);

        [LoggerMessage(EventIds.OAuth + 22, LogLevel.Error, "A request to {Path} failed in the gate itself")]
        public static partial void Bug(ILogger logger, string path, Exception exception);

        [LoggerMessage(EventIds.OAuth + 23, LogLevel.Warning, "Nobody can be signed out at the identity provider: issuer {Issuer}: {Reason}")]
        public static partial void ProviderAway(ILogger logger, string issuer, string reason);
    }
}

/// <summary>A login on its way to a session, sealed, as the browser carries it in <c>state</c>.</summary>
internal sealed record PendingSession
{
    /// <summary>Where it leads in the end.</summary>
    public required string Return { get; init; }

    public required string Verifier { get; init; }

    /// <summary>Hash of the cookie of the browser that began it.</summary>
    public required string Browser { get; init; }

    public required DateTimeOffset Until { get; init; }

    public override string ToString() => "pending session";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(PendingSession))]
internal sealed partial class SessionJson : JsonSerializerContext;
