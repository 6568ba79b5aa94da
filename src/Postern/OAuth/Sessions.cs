using System.Text.Json.Nodes;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Postern;
using Postern.Model;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>
/// What a login leaves: a session with refresh tokens that replace each other (RFC 6749 §6, RFC 9700 §4.14). The token before the newest stays good until the newest has been used, since a client
/// may lose an answer; one that is older was copied, and ends the session.
/// </summary>
internal sealed class Sessions(
    RefreshTokens texts, TokenIssuer issuer, TokensOptions options, PosternIdentitySource source, Revocations revocations, IStore store, Func<StoreRevision, CancellationToken, Task> seen, TimeProvider time)
{
    public const string Grant = "refresh_token";

    /// <summary>What a refresh token is called where one is exchanged (RFC 8693 §3).</summary>
    public const string TokenType = "urn:ietf:params:oauth:token-type:refresh_token";

    private const string LogIn = "The session has ended: run postern login.";
    private const int MostTries = 5;
    private const int DeepestFork = 4;

    /// <summary>Begins a session and answers with its first tokens.</summary>
    /// <param name="id">The session's id.</param>
    /// <param name="grant">The grant that led here, for the record.</param>
    /// <param name="login">Who logged in.</param>
    /// <param name="clientId">The client.</param>
    /// <param name="scopes">What the session is narrowed to.</param>
    /// <param name="audiences">What its tokens are for. None: all engines.</param>
    /// <param name="form">The request.</param>
    public async Task<JsonObject> BeginAsync(string id, string grant, LoggedIn login, string clientId, IReadOnlyList<string> scopes, IReadOnlyList<string> audiences, OAuthForm form)
    {
        var now = time.GetUtcNow();
        var token = texts.First(id);
        var family = new RefreshFamily
        {
            Id = id, CallerName = login.Name, Caller = login.Write(), ClientId = clientId, Scope = string.Join(' ', scopes), Audiences = [.. audiences], CurrentHash = texts.Hash(token),
            CreatedAt = now, ExpiresAt = now + options.Session,
        };
        // Issued first: what can't be issued leaves no session.
        var answer = Issue(grant, family, scopes, audiences, form);
        if (!await store.CreateAsync(family, form.Cancellation))
        {
            throw OAuthException.Unavailable("Try again.");
        }

        answer["refresh_token"] = token;
        return answer;
    }

    public async ValueTask<JsonObject> RefreshAsync(OAuthForm form, OAuthClient client)
    {
        var token = form.Required("refresh_token");
        var id = texts.FamilyOf(token) ?? throw OAuthException.InvalidGrant("The refresh token is none of this gate's: run postern login.");
        for (var i = 0; i < MostTries; i++)
        {
            var family = await store.FamilyAsync(id, form.Cancellation) ?? throw OAuthException.InvalidGrant(LogIn);
            if (client.Id != family.ClientId)
            {
                // Before anything is used up: some clients try in two ways.
                throw OAuthException.InvalidClient("The refresh token was issued to another client.");
            }

            if (await HasEndedAsync(family, form.Cancellation))
            {
                throw OAuthException.InvalidGrant(LogIn);
            }

            var isNewest = texts.Is(token, family.CurrentHash);
            if (!isNewest && !texts.Is(token, family.PreviousHash))
            {
                await EndAsync(family, form.Cancellation);
                throw OAuthException.InvalidGrant("A refresh token was used that had been replaced, so that the session was ended: run postern login.");
            }

            var answer = Issue(Grant, family, Narrowed(form, family), Narrowed(form.Audiences, family), form);
            answer["refresh_token"] = texts.Next(family.Id, token);
            if (await ReplaceAsync(family, token, isNewest, form.Cancellation))
            {
                return answer;
            }
        }

        throw OAuthException.Unavailable("Too many ask with the same refresh token at once.");
    }

    /// <summary>
    /// A second session of the same login, for another program of the same person (RFC 8693): two that rotate one refresh token would end it for each other. It uses
    /// nothing up, has no more than the first, and ends with it: when that would, and when that is revoked.
    /// </summary>
    public async ValueTask<JsonObject> ForkAsync(OAuthForm form, OAuthClient client)
    {
        if (form["requested_token_type"] != TokenType || form["actor_token"] is not null)
        {
            throw OAuthException.InvalidRequest($"A refresh token is exchanged for another one: requested_token_type={TokenType}.");
        }

        var token = form.Required("subject_token");
        var id = texts.FamilyOf(token) ?? throw OAuthException.InvalidGrant("The refresh token is none of this gate's: run postern login.");
        var family = await store.FamilyAsync(id, form.Cancellation) ?? throw OAuthException.InvalidGrant(LogIn);
        if (client.Id != family.ClientId)
        {
            throw OAuthException.InvalidClient("The refresh token was issued to another client.");
        }

        if (await HasEndedAsync(family, form.Cancellation) || LoggedIn.Read(family.Caller) is not { } login || !(texts.Is(token, family.CurrentHash) || texts.Is(token, family.PreviousHash)))
        {
            throw OAuthException.InvalidGrant(LogIn);
        }

        if (login.Claims.Sessions.Count >= DeepestFork)
        {
            throw OAuthException.InvalidRequest("The session was forked from others too often.");
        }

        var forked = RefreshTokens.NewFamily();
        var first = texts.First(forked);
        var second = family with
        {
            Id = forked, Caller = (login with { Claims = login.Claims with { Sessions = [.. login.Claims.Sessions, family.Id] } }).Write(), CurrentHash = texts.Hash(first), PreviousHash = null, CreatedAt = time.GetUtcNow(), LastUsedAt = null,
            Scope = string.Join(' ', Narrowed(form, family)), Audiences = [.. Narrowed(form.Audiences, family)],
        };
        var answer = Issue(TokenExchange.Grant, second, AskedScope.Split(second.Scope.Length == 0 ? null : second.Scope), second.Audiences, form);
        if (!await store.CreateAsync(second, form.Cancellation))
        {
            throw OAuthException.Unavailable("Try again.");
        }

        answer["refresh_token"] = first;
        answer["issued_token_type"] = TokenType;
        return answer;
    }

    /// <summary>Ends the session of a refresh token; false where the text is none.</summary>
    public async Task<bool> RevokeAsync(string token, OAuthClient client, CancellationToken cancellation)
    {
        if (texts.FamilyOf(token) is not { } id)
        {
            return false;
        }

        if (await store.FamilyAsync(id, cancellation) is { } family && !await HasEndedAsync(family, cancellation))
        {
            if (family.ClientId != client.Id)
            {
                throw new OAuthException("unauthorized_client", "The token was issued to another client.");
            }

            await EndAsync(family, cancellation);
        }

        return true;
    }

    /// <summary>Ends a session by its id, where there is one.</summary>
    public async Task EndAsync(string id, CancellationToken cancellation)
    {
        if (await store.FamilyAsync(id, cancellation) is { EndedAt: null } family)
        {
            await EndAsync(family, cancellation);
        }
    }

    // False: somebody else was quicker; look again.
    private async Task<bool> ReplaceAsync(RefreshFamily family, string token, bool isNewest, CancellationToken cancellation)
    {
        var next = texts.Next(family.Id, token);
        if (!isNewest && texts.Is(next, family.CurrentHash))
        {
            // Its successor has been handed out and not been used: it is handed out again.
            return true;
        }

        return await store.RotateAsync(family.Id, family.CurrentHash, texts.Hash(next), isNewest ? family.CurrentHash : family.PreviousHash, time.GetUtcNow(), cancellation) switch
        {
            RotateResult.Rotated => true,
            RotateResult.Superseded => false,
            _ => throw OAuthException.InvalidGrant(LogIn),
        };
    }

    private JsonObject Issue(string grant, RefreshFamily family, IReadOnlyList<string> scopes, IReadOnlyList<string> audiences, OAuthForm form)
    {
        var login = LoggedIn.Read(family.Caller) ?? throw OAuthException.InvalidGrant(LogIn);
        var (token, refusal) = source.Restore(login.Claims, login.Kind, family.ExpiresAt);
        if (token is null)
        {
            throw refusal!.Reason == RefusalReason.CannotTell ? OAuthException.Unavailable(refusal.Text) : OAuthException.InvalidGrant($"{OAuthClients.Bare(refusal)} {LogIn}");
        }

        return issuer.Issue(new TokenOrder { Grant = grant, For = token, Origin = login.Claims, ClientId = family.ClientId, Scopes = scopes, Audiences = audiences, Session = family.Id, Source = form.Source });
    }

    private async ValueTask<bool> HasEndedAsync(RefreshFamily family, CancellationToken cancellation)
    {
        if (HasEnded(family))
        {
            return true;
        }

        // A revocation is forgotten once all tokens have ended; that a session has ended stands in the store for as long as one that was forked from it can live.
        foreach (var id in LoggedIn.Read(family.Caller)?.Claims.Sessions ?? [])
        {
            if (await store.FamilyAsync(id, cancellation) is not { } before || HasEnded(before))
            {
                return true;
            }
        }

        return false;
    }

    private bool HasEnded(RefreshFamily family) =>
        family.EndedAt is not null || family.ExpiresAt <= time.GetUtcNow() || revocations.IsRevoked(RevocationKind.Family, family.Id) || revocations.IsCallerRevoked(family.CallerName, family.CreatedAt);

    private async Task EndAsync(RefreshFamily family, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        await store.EndFamilyAsync(family.Id, now, cancellation);
        var until = now + options.Lifetime + options.ClockSkew + TimeSpan.FromMinutes(1);
        await seen(await store.RevokeAsync([new Revocation(RevocationKind.Family, family.Id, now, until, family.CallerName)], cancellation), cancellation);
    }

    // RFC 6749 §6: no more than the session has.
    private static IReadOnlyList<string> Narrowed(OAuthForm form, RefreshFamily family)
    {
        var had = AskedScope.Split(family.Scope.Length == 0 ? null : family.Scope);
        var asked = AskedScope.Split(form["scope"]);
        return asked.Count == 0 || had.Count == 0 ? asked.Count == 0 ? had : asked : asked.All(had.Contains) ? asked : throw OAuthException.InvalidScope("The session has no such scope.");
    }

    private static IReadOnlyList<string> Narrowed(IReadOnlyList<string> asked, RefreshFamily family) =>
        asked.Count == 0 ? family.Audiences : family.Audiences.IsEmpty || asked.All(family.Audiences.Contains) ? asked : throw OAuthException.InvalidTarget("The session isn't for this audience.");
}
