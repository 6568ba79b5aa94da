using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Postern;
using Postern.Model;
using Postern.Tokens;

namespace Postern.OAuth;

/// <summary>What became of a token: revocation (RFC 7009) and introspection (RFC 7662).</summary>
internal sealed class TokenStatus(
    AccessTokens tokens, TokensOptions options, PosternIdentitySource source, AccountDirectory directory, Revocations revocations, IStore store, Func<StoreRevision, CancellationToken, Task> seen, Sessions sessions,
    TaskBindings tasks,    TimeProvider time)
{
    /// <summary>Ends a token. One that is none of ours, or has ended, is revoked already (RFC 7009 §2.2).</summary>
    public async Task RevokeAsync(OAuthForm form, OAuthClient client)
    {
        var text = form.Required("token");
        if (client.Id is null)
        {
            throw OAuthException.InvalidClient("Name the client by client_id, or authenticate it.");
        }

        if (await sessions.RevokeAsync(text, client, form.Cancellation))
        {
            return;
        }

        if (await tokens.ReadAsync(text) is not { Id.Length: > 0 } token || Ends(token) <= time.GetUtcNow())
        {
            return;
        }

        if (Text(token, "client_id") != client.Id)
        {
            throw new OAuthException("unauthorized_client", "The token was issued to another client.");
        }

        var revision = await store.RevokeAsync(
            [new Revocation(RevocationKind.Token, token.Id, time.GetUtcNow(), Ends(token) + options.ClockSkew + TimeSpan.FromMinutes(1), token.Subject)], form.Cancellation);
        await seen(revision, form.Cancellation);
    }

    /// <summary>What a token says, while it counts; of one that doesn't nothing but that.</summary>
    public async Task<JsonObject> IntrospectAsync(OAuthForm form, OAuthClient client)
    {
        if (client.Token is null)
        {
            throw OAuthException.InvalidClient("Only accounts may ask, by a key or a signed assertion.");
        }

        var text = form.Required("token");
        if (await tokens.ReadAsync(text) is not { } token || !await CountsAsync(token, text, form.Cancellation) || !await RunsAsync(token, form.Cancellation))
        {
            return new JsonObject { ["active"] = false };
        }

        var answer = (JsonObject)JsonNode.Parse(Microsoft.IdentityModel.Tokens.Base64UrlEncoder.Decode(token.EncodedPayload))!;
        // What the gate says to itself is nobody else's.
        answer.Remove(IssuedClaims.Claim);
        answer["active"] = true;
        answer["token_type"] = "Bearer";
        return answer;
    }

    // Bound to a task it counts while that runs. Both kinds say by the same claim what they are bound to.
    private async ValueTask<bool> RunsAsync(JsonWebToken token, CancellationToken cancellation) =>
        !token.TryGetPayloadValue<System.Text.Json.JsonElement>(TaskDetails.Name, out var details) || (TaskDetails.Read(details) is { } task && await tasks.RunsAsync(task, cancellation));

    private async ValueTask<bool> CountsAsync(JsonWebToken token, string text, CancellationToken cancellation)
    {
        // A token for the gate's engines counts exactly where a call with it would.
        if (token.Audiences.Any(audience => OwnAudience.IsOwn(options.Issuer, audience)))
        {
            var (verified, refusal) = Credential.Read("Bearer " + text, null) is { Jwt: not null } credential ? await source.VerifyAsync(credential, cancellation) : default;
            return refusal is { Reason: RefusalReason.CannotTell } ? throw OAuthException.Unavailable(refusal.Text) : verified is not null;
        }

        var now = time.GetUtcNow();
        var issued = new DateTimeOffset(token.IssuedAt, TimeSpan.Zero);
        if (Ends(token) <= now || revocations.IsRevoked(RevocationKind.Token, token.Id) || revocations.IsRevoked(RevocationKind.Family, Text(token, "sid"))
            || revocations.IsCallerRevoked(token.Subject, issued))
        {
            return false;
        }

        const string Own = Caller.OwnIssuer + "/";
        return !token.Subject.StartsWith(Own, StringComparison.Ordinal) || (directory.FindNamed(token.Subject[Own.Length..]) is { } principal && principal.Problem(now) is null);
    }

    private static DateTimeOffset Ends(JsonWebToken token) => new(token.ValidTo, TimeSpan.Zero);

    private static string? Text(JsonWebToken token, string name) => token.TryGetPayloadValue<string>(name, out var value) ? value : null;
}
