using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Postern.Identity.Login;
using Postern.Model;
using Postern.Telemetry;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>
/// People at a browser: authorization code with PKCE (RFC 6749 §4.1, RFC 7636) for programs on their own machine, which wait on loopback (RFC 8252). Who they are, the
/// configured identity provider says.
/// </summary>
internal sealed partial class Logins(LoginProvider provider, LoginSeals seals, IStore store, TokensOptions options, Sessions sessions, TimeProvider time, ILogger logger)
{
    public const string Grant = "authorization_code";

    /// <summary>The one client that people log in with. It is public: what proves it is where it waits, and PKCE.</summary>
    public const string Client = "postern-cli";

    private const int LongestState = 1024;
    private static readonly TimeSpan s_loginWithin = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_codeLife = TimeSpan.FromMinutes(1);
    // What OpenID Connect clients ask for out of habit; it neither gives nor takes anything here.
    private static readonly string[] s_habits = ["openid", "profile", "email", "offline_access"];

    /// <summary>Called for a device when somebody has logged in for it.</summary>
    public Func<HttpContext, PendingLogin, LoggedIn, Task> OfDevice { get; set; } = static (_, _, _) => Task.CompletedTask;

    public static IReadOnlyList<string> Scopes(string? scope)
    {
        IReadOnlyList<string> scopes = [.. AskedScope.Split(scope).Except(s_habits)];
        AskedScope.Read(scopes);
        return scopes;
    }

    /// <summary>The authorization endpoint.</summary>
    public async Task AuthorizeAsync(HttpContext context)
    {
        var query = context.Request.Query;
        string? One(string name) => query[name] is { Count: 1 } value && value[0] is { Length: > 0 } text ? text : null;
        // Until it is known where the client waits, and that it does so itself, nobody is sent anywhere.
        if (One("client_id") != Client || One("redirect_uri") is not { } redirect || !IsLoopback(redirect))
        {
            await LoginPages.MessageAsync(context, 400, "This login can't begin", "The program that sent you here isn't known, or doesn't wait on this machine.");
            return;
        }

        var state = One("state");
        LoginRequest request;
        try
        {
            if (query.Any(pair => pair.Value.Count > 1 && pair.Key is not ("resource" or "audience")) || state?.Length > LongestState)
            {
                throw OAuthException.InvalidRequest("A parameter is given more than once or is too long.");
            }

            if (One("response_type") != "code")
            {
                throw new OAuthException("unsupported_response_type", "response_type must be code.");
            }

            if (One("code_challenge_method") != "S256" || !Pkce.IsChallenge(One("code_challenge")))
            {
                throw OAuthException.InvalidRequest("PKCE by S256 is required.");
            }

            request = new LoginRequest
            {
                ClientId = Client, RedirectUri = redirect, State = state, Challenge = One("code_challenge"), Scopes = Scopes(One("scope")),
                Audiences = [.. query["resource"].Concat(query["audience"]).OfType<string>().Where(audience => audience.Length > 0)],
            };
        }
        catch (OAuthException e)
        {
            SendBack(context, redirect, state, ("error", e.Code), ("error_description", e.Message));
            return;
        }

        await SendOnAsync(context, request);
    }

    /// <summary>Sends the browser to the identity provider.</summary>
    public async Task SendOnAsync(HttpContext context, LoginRequest request)
    {
        var pending = new PendingLogin
        {
            Request = request, Nonce = Pkce.NewVerifier(), Verifier = Pkce.NewVerifier(), Browser = seals.Browser(context), Until = time.GetUtcNow() + s_loginWithin,
        };
        Redirect(context, await AskAsync(() => provider.AddressAsync(Callback, seals.Close(pending, LoginJson.Default.PendingLogin), pending.Nonce, pending.Verifier, context.RequestAborted)));
    }

    /// <summary>Where the identity provider sends the browser back to.</summary>
    public async Task CallbackAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (seals.Open(query["state"].Count == 1 ? query["state"][0] : null, LoginJson.Default.PendingLogin) is not { } pending || pending.Until <= time.GetUtcNow()
            || !seals.IsBrowser(context, pending.Browser) || (query.TryGetValue("iss", out var said) && said.ToString() != provider.Issuer))
        {
            await LoginPages.MessageAsync(context, 400, "This login is not yours or took too long", "It was begun in another browser, or more than ten minutes ago. Begin again: run postern login.");
            return;
        }

        if (query["code"] is not { Count: 1 } codes || codes[0] is not { Length: > 0 } code)
        {
            await FailAsync(context, pending.Request, "access_denied", "The identity provider didn't let you in.");
            return;
        }

        var (token, refusal) = await AskAsync(() => provider.RedeemAsync(code, Callback, pending.Nonce, pending.Verifier, context.RequestAborted));
        if (token is null)
        {
            if (refusal!.Reason == RefusalReason.CannotTell)
            {
                throw OAuthException.Unavailable(refusal.Text);
            }

            Log.NotIn(logger, refusal.Detail ?? "");
            await FailAsync(context, pending.Request, "access_denied", OAuthClients.Bare(refusal));
            return;
        }

        var login = LoggedIn.Of(token.Caller);
        Log.In(logger, login.Name, pending.Request.ClientId);
        await (pending.Request.Device is null ? HandOutAsync(context, pending.Request, login) : OfDevice(context, pending, login));
    }

    /// <summary>The grant: a code becomes a session, once.</summary>
    public async ValueTask<JsonObject> RedeemAsync(OAuthForm form, OAuthClient client)
    {
        var id = LoginSeals.HashOf(form.Required("code"));
        var item = await store.OneTimeAsync(OneTimeKind.AuthorizationCode, id, form.Cancellation);
        if (item is null || JsonSerializer.Deserialize(item.Data, LoginJson.Default.LoginCode) is not { } code)
        {
            throw OAuthException.InvalidGrant("The code isn't known: run postern login.");
        }

        // Before it is used up: a wrong guess must not spend it, and can't be repeated for long.
        if (client.Id != code.Request.ClientId || form["redirect_uri"] != code.Request.RedirectUri || !Pkce.Proves(form["code_verifier"], code.Request.Challenge ?? ""))
        {
            throw OAuthException.InvalidGrant("The code was made for another client, redirect_uri or code_verifier.");
        }

        switch (await store.TakeAsync(OneTimeKind.AuthorizationCode, id, time.GetUtcNow(), form.Cancellation))
        {
            case TakeResult.Taken:
                return await sessions.BeginAsync(code.Session, Grant, code.Login, code.Request.ClientId, code.Request.Scopes, code.Request.Audiences, form);
            case TakeResult.Used:
                // RFC 6749 §4.1.2: somebody has it twice.
                await sessions.EndAsync(code.Session, form.Cancellation);
                throw OAuthException.InvalidGrant("The code was used before, so that its session was ended: run postern login.");
            default:
                throw OAuthException.InvalidGrant("The code has expired: run postern login.");
        }
    }

    private string Callback => options.Issuer + OAuthPaths.Callback;

    private async Task HandOutAsync(HttpContext context, LoginRequest request, LoggedIn login)
    {
        var code = Pkce.NewVerifier();
        var item = new OneTime
        {
            Kind = OneTimeKind.AuthorizationCode, Id = LoginSeals.HashOf(code), ExpiresAt = time.GetUtcNow() + s_codeLife,
            Data = JsonSerializer.Serialize(new LoginCode { Request = request, Login = login, Session = RefreshTokens.NewFamily() }, LoginJson.Default.LoginCode),
        };
        if (!await store.PutAsync(item, context.RequestAborted))
        {
            throw OAuthException.Unavailable("Try again.");
        }

        SendBack(context, request.RedirectUri!, request.State, ("code", code));
    }

    private Task FailAsync(HttpContext context, LoginRequest request, string error, string text)
    {
        if (request.RedirectUri is not { } redirect)
        {
            return LoginPages.MessageAsync(context, 403, "Not signed in", text);
        }

        SendBack(context, redirect, request.State, ("error", error), ("error_description", text));
        return Task.CompletedTask;
    }

    // RFC 9207: who answers stands in the answer.
    private void SendBack(HttpContext context, string redirect, string? state, params ReadOnlySpan<(string Name, string Value)> values)
    {
        var query = new Dictionary<string, string?> { ["iss"] = options.Issuer };
        foreach (var (name, value) in values)
        {
            query[name] = value;
        }

        if (state is not null)
        {
            query["state"] = state;
        }

        Redirect(context, QueryHelpers.AddQueryString(redirect, query));
    }

    private static void Redirect(HttpContext context, string address)
    {
        context.Response.StatusCode = StatusCodes.Status302Found;
        context.Response.Headers.Location = address;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
    }

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is HttpRequestException or FormatException or JsonException or ArgumentException or TaskCanceledException { InnerException: TimeoutException })
        {
            Log.ProviderAway(logger, provider.Issuer, e.Message);
            throw OAuthException.Unavailable("The identity provider can't be asked at the moment.");
        }
    }

    // RFC 8252 §7.3, §8.3: the address, not a name that something may resolve elsewhere; any port and path.
    private static bool IsLoopback(string text) =>
        text.Length <= 500 && Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && url.Host is "127.0.0.1" or "[::1]" && url.UserInfo.Length == 0 && url.Fragment.Length == 0
        && (text.StartsWith("http://127.0.0.1:", StringComparison.Ordinal) || text.StartsWith("http://[::1]:", StringComparison.Ordinal));

    private static partial class Log
    {
        [LoggerMessage(EventIds.OAuth + 5, LogLevel.Information, "{Caller} logged in with {Client}")]
        public static partial void In(ILogger logger, string caller, string client);

        [LoggerMessage(EventIds.OAuth + 6, LogLevel.Information, "A login came to nothing: {Reason}")]
        public static partial void NotIn(ILogger logger, string reason);

        [LoggerMessage(EventIds.OAuth + 7, LogLevel.Warning, "Nobody can log in: issuer {Issuer}: {Reason}")]
        public static partial void ProviderAway(ILogger logger, string issuer, string reason);
    }
}
