using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Postern;
using Postern.Model;
using Postern.Telemetry;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>What is asked for, once it is known for whom.</summary>
internal sealed record TokenOrder
{
    /// <summary>The grant, as the record names it.</summary>
    public required string Grant { get; init; }

    /// <summary>Whom the token is to speak for, as verified.</summary>
    public required VerifiedToken For { get; init; }

    public required string ClientId { get; init; }

    /// <summary>What is kept of whom it is for, where he comes with a token or a session of the gate's own: what that rests on, this one does.</summary>
    public IssuedClaims? Origin { get; init; }

    /// <summary>Audiences asked for. None: every engine that the caller's credential is good for.</summary>
    public IReadOnlyList<string> Audiences { get; init; } = [];

    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>Who acts for the caller, outermost first.</summary>
    public ImmutableArray<string> Actors { get; init; } = [];

    /// <summary>Who acts for him now: what bounds him bounds the token.</summary>
    public Caller? Actor { get; init; }

    /// <summary>Ids of the tokens that it is made from.</summary>
    public IReadOnlyList<string> From { get; init; } = [];

    /// <summary>The task that it is bound to; null for most.</summary>
    public BoundTask? Task { get; init; }

    /// <summary>The token must not outlive this.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    /// <summary>The session that it belongs to; null: the caller's own, where he has one.</summary>
    public string? Session { get; init; }

    public System.Net.IPAddress? Source { get; init; }
}

/// <summary>Issues access tokens: for the gate's engines, or for an API that the account's list names. What the caller is narrowed to, the token is too.</summary>
internal sealed partial class TokenIssuer(
    AccessTokens tokens, TokensOptions options, IReadOnlyList<string> engines, AccountDirectory directory, OAuthRecords records, TimeProvider time, ILogger logger)
{
    // Within what a gate reads, with room for the scheme.
    private const int Longest = 12 * 1024;

    /// <summary>The answer of RFC 6749 §5.1. Throws <see cref="OAuthException"/>.</summary>
    public JsonObject Issue(TokenOrder order)
    {
        var caller = order.For.Caller;
        var now = time.GetUtcNow();
        var expires = Earliest(now + options.Lifetime, order.NotAfter, caller.ExpiresAt, order.Actor?.ExpiresAt);
        if (expires <= now)
        {
            throw OAuthException.InvalidGrant("What the token would be made from has expired.");
        }

        var (audiences, isApi) = Audiences(order, caller);
        var scopes = isApi ? ApiScopes(order, caller, audiences[0]) : order.Scopes;
        var id = Guid.CreateVersion7(now).ToString("N");
        var claims = new JsonObject
        {
            ["iss"] = options.Issuer,
            ["sub"] = caller.Name,
            ["client_id"] = order.ClientId,
            ["aud"] = audiences.Count == 1 ? audiences[0] : new JsonArray([.. audiences.Select(audience => (JsonNode)audience)]),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["exp"] = expires.ToUnixTimeSeconds(),
            ["jti"] = id,
            ["kind"] = caller.Kind switch { CallerKind.Human => "human", CallerKind.Service => "service", _ => "agent" },
        };
        if (scopes.Count > 0)
        {
            claims["scope"] = string.Join(' ', scopes);
        }

        if ((order.Session ?? caller.SessionId) is { } session)
        {
            claims["sid"] = session;
        }

        if (Act(order.Actors) is { } act)
        {
            claims["act"] = act;
        }

        if (order.Task is { } task)
        {
            claims[TaskDetails.Name] = TaskDetails.Write(task);
        }

        if (!isApi)
        {
            claims[IssuedClaims.Claim] = Own(order, caller, AskedScope.Read(order.Scopes)).Write();
        }

        var text = tokens.Sign(claims);
        if (text.Length > Longest)
        {
            throw OAuthException.InvalidRequest("The caller has too many claims or groups for a token.");
        }

        // Nothing is handed out that can't be recorded.
        if (!records.Issued(order, id, audiences))
        {
            throw OAuthException.Unavailable("The token can't be recorded at the moment.");
        }

        Log.Issued(logger, id, caller.Name, order.Grant, string.Join(' ', audiences));
        var answer = new JsonObject { ["access_token"] = text, ["token_type"] = "Bearer", ["expires_in"] = (long)(expires - now).TotalSeconds };
        if (scopes.Count > 0)
        {
            answer["scope"] = string.Join(' ', scopes);
        }

        if (order.Task is not null)
        {
            // RFC 9396 §7.
            answer[TaskDetails.Name] = TaskDetails.Write(order.Task);
        }

        return answer;
    }

    private (IReadOnlyList<string> Audiences, bool IsApi) Audiences(TokenOrder order, Caller caller)
    {
        var own = engines.Where(engine => (caller.Engines.IsEmpty || caller.Engines.Contains(engine)) && (order.Task is null || order.Task.Engine == engine)).Select(engine => OwnAudience.Of(options.Issuer, engine)).ToList();
        IReadOnlyList<string> asked = [.. order.Audiences.Distinct(StringComparer.Ordinal)];
        if (asked.Count == 0)
        {
            return own.Count > 0 ? (own, false) : throw OAuthException.InvalidTarget("The credential is good for none of this gate's engines.");
        }

        if (asked.All(own.Contains))
        {
            return (asked, false);
        }

        if (asked.FirstOrDefault(audience => OwnAudience.IsOwn(options.Issuer, audience) && !own.Contains(audience)) is not null)
        {
            throw OAuthException.InvalidTarget("The gate has no such engine, or the credential isn't good for it.");
        }

        return asked.Count == 1 ? (asked, true) : throw OAuthException.InvalidTarget("A token is for engines of this gate or for one API, not for several.");
    }

    // RFC 8707: an account's list says which APIs it may ask for, and with which scopes; nobody else has one.
    private IReadOnlyList<string> ApiScopes(TokenOrder order, Caller caller, string audience)
    {
        // A token of the gate's own is for what it was made for: none becomes one for something else.
        if (caller.Issuer != Caller.OwnIssuer || caller.Credential == CredentialKind.Postern || directory.FindNamed(caller.Subject)?.Account?.Audiences.TryGetValue(audience, out var allowed) is not true)
        {
            throw OAuthException.InvalidTarget("The account's list has no such audience.");
        }

        return order.Scopes.Count == 0 ? [.. allowed]
            : order.Scopes.FirstOrDefault(scope => !allowed.Contains(scope)) is { } strange ? throw OAuthException.InvalidScope($"The account's list doesn't have {strange} for this audience.")
            : order.Scopes;
    }

    private IssuedClaims Own(TokenOrder order, Caller caller, AskedScope scope)
    {
        var isOwn = caller.Issuer == Caller.OwnIssuer;
        var narrowed = caller.NarrowedTo(scope.Namespaces, scope.Roles);
        if (order.Actor is { } actor)
        {
            narrowed = narrowed.NarrowedTo([], actor.RoleBounds) with { NamespaceBounds = [.. narrowed.NamespaceBounds, .. actor.NamespaceBounds] };
        }

        return new IssuedClaims
        {
            Principal = isOwn ? directory.FindNamed(caller.Subject)?.Id ?? throw OAuthException.InvalidGrant("Whoever the token was asked for is gone.") : null,
            SessionVersion = order.Origin?.SessionVersion,
            Sessions = order.Origin?.Sessions ?? [],
            Issuer = isOwn ? null : caller.Issuer,
            Subject = isOwn ? null : caller.Subject,
            Display = isOwn || caller.DisplayName == caller.Subject ? null : caller.DisplayName,
            Groups = isOwn ? [] : caller.Groups,
            Claims = caller.Claims.ValueKind == System.Text.Json.JsonValueKind.Object ? caller.Claims : null,
            Namespaces = [.. narrowed.NamespaceBounds.Select(set => (IReadOnlyList<string>)set)],
            Roles = narrowed.RoleBounds,
            Sources = [.. order.For.Sources.Select(network => network.ToString())],
            Key = order.Origin is { } origin ? origin.Key : caller.Credential == CredentialKind.ApiKey ? caller.CredentialId : null,
            Certificate = order.Origin is { } before ? before.Certificate : caller.Credential == CredentialKind.Certificate ? caller.CredentialId : null,
            CertificateName = caller.Certificate,
            Actors = [.. order.Actors.Select(IdOf).OfType<string>()],
            From = order.From,
            Task = order.Task,
        };
    }

    private string? IdOf(string actor) =>
        actor.StartsWith(Caller.OwnIssuer + "/", StringComparison.Ordinal)
            ? directory.FindNamed(actor[(Caller.OwnIssuer.Length + 1)..])?.Id ?? throw OAuthException.InvalidGrant("Somebody who acts in the token is gone.")
            : null;

    // RFC 8693 §4.1: who acts now stands outermost, whom it took over from within.
    private static JsonObject? Act(ImmutableArray<string> actors)
    {
        JsonObject? act = null;
        foreach (var actor in actors.Reverse())
        {
            var outer = new JsonObject { ["sub"] = actor };
            if (act is not null)
            {
                outer["act"] = act;
            }

            act = outer;
        }

        return act;
    }

    private static DateTimeOffset Earliest(DateTimeOffset first, params ReadOnlySpan<DateTimeOffset?> others)
    {
        foreach (var other in others)
        {
            // What has no end says so by the first of all moments.
            first = other is { } end && end != default && end < first ? end : first;
        }

        return first;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.OAuth + 1, LogLevel.Information, "Token {TokenId} issued to {Caller} by {Grant} for {Audience}")]
        public static partial void Issued(ILogger logger, string tokenId, string caller, string grant, string audience);
    }
}
