using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Postern.Identity.Login;
using Postern.Model;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>
/// People at a browser: authorization code with PKCE (RFC 6749 §4.1, RFC 7636) for programs on their own machine, which wait on loopback (RFC 8252). Who they are,
/// <see cref="SignIns"/> finds out.
/// </summary>
internal sealed class Logins(SignIns signIns, IStore store, TokensOptions options, Sessions sessions, TimeProvider time)
{
    public const string Grant = "authorization_code";

    /// <summary>The one client that people log in with. It is public: what proves it is where it waits, and PKCE.</summary>
    public const string Client = "postern-cli";

    /// <summary>The gate itself on the hosts of engines' pages, where a code becomes a session's cookie and never a token.</summary>
    public const string PagesClient = "postern-pages";

    private const int LongestState = 2048;
    private static readonly TimeSpan s_codeLife = TimeSpan.FromMinutes(1);
    // What OpenID Connect clients ask for out of habit; it neither gives nor takes anything here.
    private static readonly string[] s_habits = ["openid", "profile", "email", "offline_access"];

    /// <summary>Where the hosts of engines' pages wait for codes.</summary>
    public IReadOnlyCollection<string> Pages { get; init; } = [];

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
        if (One("redirect_uri") is not { } redirect || One("client_id") is not { } client || !(client == Client ? IsLoopback(redirect) : client == PagesClient && Pages.Contains(redirect)))
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
                ClientId = client, RedirectUri = redirect, State = state, Challenge = One("code_challenge"), Scopes = Scopes(One("scope")),
                Audiences = [.. query["resource"].Concat(query["audience"]).OfType<string>().Where(audience => audience.Length > 0)],
            };
        }
        catch (OAuthException e)
        {
            SendBack(context, redirect, state, ("error", e.Code), ("error_description", e.Message));
            return;
        }

        await signIns.BeginAsync(context, request);
    }

    /// <summary>The grant: a code becomes a session, once.</summary>
    public async ValueTask<JsonObject> RedeemAsync(OAuthForm form, OAuthClient client)
    {
        if (client.Id == PagesClient)
        {
            throw OAuthException.InvalidClient("The client gets no tokens.");
        }

        var code = await TakeAsync(form.Required("code"), client.Id, form["redirect_uri"], form["code_verifier"], form.Cancellation);
        return await sessions.BeginAsync(code.Session, Grant, code.Login, code.Request.ClientId, code.Request.Scopes, code.Request.Audiences, form);
    }

    /// <summary>Uses up a code, once, for the client that it was made for.</summary>
    public async ValueTask<LoginCode> TakeAsync(string text, string? client, string? redirect, string? verifier, CancellationToken cancellation)
    {
        var id = LoginSeals.HashOf(text);
        var item = await store.OneTimeAsync(OneTimeKind.AuthorizationCode, id, cancellation);
        if (item is null || JsonSerializer.Deserialize(item.Data, LoginJson.Default.LoginCode) is not { } code)
        {
            throw OAuthException.InvalidGrant("The code isn't known: run postern login.");
        }

        // Before it is used up: a wrong guess must not spend it, and can't be repeated for long.
        if (client != code.Request.ClientId || redirect != code.Request.RedirectUri || !Pkce.Proves(verifier, code.Request.Challenge ?? ""))
        {
            throw OAuthException.InvalidGrant("The code was made for another client, redirect_uri or code_verifier.");
        }

        switch (await store.TakeAsync(OneTimeKind.AuthorizationCode, id, time.GetUtcNow(), cancellation))
        {
            case TakeResult.Taken:
                return code;
            case TakeResult.Used:
                // RFC 6749 §4.1.2: somebody has it twice.
                await sessions.EndAsync(code.Session, cancellation);
                throw OAuthException.InvalidGrant("The code was used before, so that its session was ended: run postern login.");
            default:
                throw OAuthException.InvalidGrant("The code has expired: run postern login.");
        }
    }

    /// <summary>Sends who has logged in back to the program that waits, with a code.</summary>
    public async Task HandOutAsync(HttpContext context, LoginRequest request, LoggedIn login)
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

    /// <summary>Tells whoever waits that it came to nothing.</summary>
    public Task FailAsync(HttpContext context, LoginRequest request, string error, string text)
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

        LoginPages.SendTo(context, QueryHelpers.AddQueryString(redirect, query));
    }

    // RFC 8252 §7.3, §8.3: the address, not a name that something may resolve elsewhere; any port and path.
    private static bool IsLoopback(string text) =>
        text.Length <= 500 && Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme == Uri.UriSchemeHttp && url.Host is "127.0.0.1" or "[::1]" && url.UserInfo.Length == 0 && url.Fragment.Length == 0
        && (text.StartsWith("http://127.0.0.1:", StringComparison.Ordinal) || text.StartsWith("http://[::1]:", StringComparison.Ordinal));
}
