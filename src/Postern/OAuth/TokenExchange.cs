using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Jwt;
using Postern.Identity.Postern;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>
/// Token exchange (RFC 8693): a token that an identity source of the gate accepts in, a short one of the gate's own out. Whom it speaks for stays, and so does everything
/// that it is narrowed to; an actor is written in front of those who acted before.
/// </summary>
internal sealed class TokenExchange(IdentitySources identity, AccountDirectory directory, TaskBindings tasks, TokenIssuer issuer)
{
    public const string Grant = "urn:ietf:params:oauth:grant-type:token-exchange";

    private const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";
    private const string IdToken = "urn:ietf:params:oauth:token-type:id_token";
    private const string Jwt = "urn:ietf:params:oauth:token-type:jwt";
    private const int DeepestDelegation = 4;
    private const int MostAncestors = 16;

    // OpenID Connect Core §2, §3.3.2.11: what only an ID token has.
    private static readonly string[] s_ofIdTokens = ["nonce", "at_hash", "c_hash"];

    public async ValueTask<JsonObject> AnswerAsync(OAuthForm form, OAuthClient client)
    {
        if (form["requested_token_type"] is not (null or AccessToken or Jwt))
        {
            throw OAuthException.InvalidRequest($"What comes out is {AccessToken}.");
        }

        var subject = await VerifyAsync(form, "subject_token");
        var actor = form["actor_token"] is not null ? await VerifyAsync(form, "actor_token")
            : form["actor_token_type"] is null ? null : throw OAuthException.InvalidRequest("actor_token_type is given without an actor_token.");
        var caller = subject.Token.Caller;
        if (actor is not null && form[TaskDetails.Name] is not null)
        {
            throw TaskDetails.Invalid("A token that is bound to a task is of who answers it: nobody begins to act in it.");
        }

        var bound = await tasks.BindAsync(form, caller);
        var answer = issuer.Issue(new TokenOrder
        {
            Grant = Grant,
            For = subject.Token,
            ClientId = ClientOf(client, caller, actor?.Token.Caller),
            Audiences = form.Audiences,
            Scopes = AskedScope.Split(form["scope"]),
            Actors = actor is null ? caller.Actors : Chain(caller, actor.Token.Caller),
            Actor = actor?.Token.Caller,
            Origin = subject.Own,
            From = Ancestors([subject, .. actor is null ? [] : (ReadOnlySpan<Presented>)[actor]]),
            Source = form.Source,
            Task = bound?.Task,
            NotAfter = bound?.Ends,
        });
        answer["issued_token_type"] = AccessToken;
        return answer;
    }

    private async ValueTask<Presented> VerifyAsync(OAuthForm form, string name)
    {
        var text = form.Required(name);
        var type = form.Required(name + "_type");
        // A key isn't exchanged: it is a client's secret.
        if (Credential.Read("Bearer " + text, form.Source) is not { Shape: CredentialShape.Jwt or CredentialShape.Opaque } credential)
        {
            throw OAuthException.InvalidRequest($"The {name} is no token that can be read.");
        }

        CheckType(credential.Jwt, name, type);
        var (token, refusal) = await identity.AuthenticateAsync("Bearer " + text, form.Source, form.Cancellation);
        return token is not null ? new Presented(token, credential.Jwt) : throw refusal!.Reason switch
        {
            RefusalReason.CannotTell or RefusalReason.Limited => OAuthClients.Of(refusal, counted: true),
            _ => OAuthException.InvalidRequest($"The {name} isn't accepted. {OAuthClients.Bare(refusal)}"),
        };
    }

    // A token is what it is: an ID token tells an application who logged in, and was never meant to be presented.
    private static void CheckType(BearerToken? token, string name, string type)
    {
        var isAccessToken = token is null || IsAccessToken(token.Type);
        var fits = type switch
        {
            AccessToken => isAccessToken || !s_ofIdTokens.Any(claim => token!.Claims.TryGetProperty(claim, out _)),
            IdToken => !isAccessToken,
            Jwt => token is not null,
            _ => throw OAuthException.InvalidRequest($"{name}_type is one of {AccessToken}, {IdToken}, {Jwt}."),
        };
        if (!fits)
        {
            throw OAuthException.InvalidRequest($"The {name} is not what {name}_type says.");
        }
    }

    private static bool IsAccessToken(string? type) => type is not null
        && (type.Equals("at+jwt", StringComparison.OrdinalIgnoreCase) || type.Equals("application/at+jwt", StringComparison.OrdinalIgnoreCase));

    private static ImmutableArray<string> Chain(Caller caller, Caller actor)
    {
        if (!actor.Actors.IsEmpty)
        {
            throw OAuthException.InvalidRequest("The actor_token is itself of somebody for whom others act.");
        }

        if (actor.Name == caller.Name || caller.Actors.Contains(actor.Name))
        {
            throw OAuthException.InvalidRequest("The actor stands in the token already.");
        }

        return caller.Actors.Length < DeepestDelegation ? [actor.Name, .. caller.Actors] : throw OAuthException.InvalidRequest($"No more than {DeepestDelegation} may act one for the other.");
    }

    // What they were made from in turn, so that ending any of them ends this one.
    private static List<string> Ancestors(ReadOnlySpan<Presented> from)
    {
        var all = new List<string>();
        foreach (var one in from)
        {
            if (one.Token.Caller.TokenId is { } id)
            {
                all.Add(id);
            }

            all.AddRange(one.Own?.From ?? []);
        }

        return all.Count <= MostAncestors ? all : throw OAuthException.InvalidRequest("The token was exchanged too often.");
    }

    // Whoever only says who he is may not say that he is one of the accounts.
    private string ClientOf(OAuthClient client, Caller caller, Caller? actor)
    {
        var own = (actor ?? caller) is { Issuer: Caller.OwnIssuer } known ? known.Subject : (actor ?? caller).Name;
        if (client.Id is not { } id || id == own)
        {
            return own;
        }

        return client.Token is null && (directory.FindNamed(id) ?? directory.Find(id)) is not null ? throw OAuthException.InvalidClient("The client must authenticate.") : id;
    }

    private sealed record Presented(VerifiedToken Token, BearerToken? Jwt)
    {
        /// <summary>What a token of the gate's own says to the gate.</summary>
        public IssuedClaims? Own { get; } = Token.Caller.Credential == CredentialKind.Postern && Jwt is not null ? IssuedClaims.Read(Jwt.Claims) : null;
    }
}
