using System.Net;
using System.Text;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.ApiKeys;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>Whoever asks: proved by a credential, or only named.</summary>
/// <param name="Id">The client's id; an account's own name where it proved itself. Null where nobody is named.</param>
/// <param name="Token">Whom its credential speaks for; null where it gave none.</param>
internal sealed record OAuthClient(string? Id, VerifiedToken? Token);

/// <summary>Authenticates clients (RFC 6749 §2.3): accounts by their keys in either place, by a signed assertion (RFC 7523), or by the certificate of their connection (RFC 8705).</summary>
internal sealed class OAuthClients(IdentitySources identity, AccountDirectory directory, ClientAssertions assertions)
{
    private const string Basic = "Basic ";
    private const int LongestId = 256;

    public async ValueTask<OAuthClient> AuthenticateAsync(OAuthForm form)
    {
        var (basicId, basicSecret) = form.Authorization.Count == 0 ? default : ReadBasic(form);
        var (id, secret, assertion) = (form["client_id"], form["client_secret"], form["client_assertion"]);
        if (((basicSecret is not null) ? 1 : 0) + (secret is not null ? 1 : 0) + (assertion is not null ? 1 : 0) > 1)
        {
            throw OAuthException.InvalidRequest("Authenticate the client in one way, not in several.");
        }

        if (assertion is not null)
        {
            return await assertions.AuthenticateAsync(form, assertion);
        }

        if (basicId is not null && id is not null && basicId != id)
        {
            throw OAuthException.InvalidRequest("client_id is another one than in the authorization header.");
        }

        id ??= basicId;
        secret ??= basicSecret;
        // RFC 8705 §2.1. Where the connection proves an account, its name must be said all the same; another name is a public client's.
        if (identity.IsCredential(form.Certificate))
        {
            return secret is null ? await ByCertificateAsync(form, id) : throw OAuthException.InvalidRequest("The connection's certificate is a credential, and there is a secret beside it: send one.");
        }

        return secret is null ? new OAuthClient(id is { Length: > LongestId } ? throw OAuthException.InvalidClient("The client is not known.") : id, null) : await ByKeyAsync(form, id, secret);
    }

    private async ValueTask<OAuthClient> ByKeyAsync(OAuthForm form, string? id, string secret)
    {
        // Nothing else than a key is tried, so that no other secret is sent anywhere.
        if (id is null || !secret.StartsWith(ApiKeyText.Prefix, StringComparison.Ordinal))
        {
            throw OAuthException.InvalidClient("The client secret is not a key of an account.");
        }

        var (token, refusal) = await identity.AuthenticateAsync("Bearer " + secret, form.Source, form.Cancellation);
        if (token is null)
        {
            throw Of(refusal!, counted: true);
        }

        var principal = directory.FindNamed(token.Caller.Subject);
        return id == token.Caller.Subject || id == principal?.Id ? new OAuthClient(token.Caller.Subject, token) : throw OAuthException.InvalidClient("The key belongs to another client.");
    }

    private async ValueTask<OAuthClient> ByCertificateAsync(OAuthForm form, string? id)
    {
        var (token, refusal) = await identity.AuthenticateAsync(default, form.Certificate, form.Source, form.Cancellation);
        if (token is null)
        {
            throw Of(refusal!, counted: true);
        }

        var own = token.Caller.Issuer == Caller.OwnIssuer ? token.Caller.Subject : token.Caller.Name;
        return id == own || (id is not null && token.Caller.Issuer == Caller.OwnIssuer && id == directory.FindNamed(own)?.Id) ? new OAuthClient(own, token) : new OAuthClient(id, null);
    }

    /// <summary>A refusal of an identity source, as a client is told.</summary>
    public static OAuthException Of(Refusal refusal, bool counted) => refusal.Reason switch
    {
        RefusalReason.CannotTell => OAuthException.Unavailable(refusal.Text),
        RefusalReason.Limited => OAuthException.TooMany(refusal.Text, refusal.RetryAfter),
        // Where the source counted it, it isn't counted again.
        _ => new OAuthException("invalid_client", Bare(refusal), 401) { Counts = !counted },
    };

    public static string Bare(Refusal refusal)
    {
        const string Words = "Request unauthenticated. ";
        return refusal.Text.StartsWith(Words, StringComparison.Ordinal) ? refusal.Text[Words.Length..] : refusal.Text;
    }

    /// <summary>The client that the header names, proved or not; null where none can be read.</summary>
    public static string? NamedInHeader(OAuthForm form)
    {
        try
        {
            return form.Authorization.Count == 0 ? null : ReadBasic(form).Id;
        }
        catch (OAuthException)
        {
            return null;
        }
    }

    // RFC 6749 §2.3.1: both halves are form-encoded within. An empty secret is none: some clients write the header for a public client too.
    private static (string? Id, string? Secret) ReadBasic(OAuthForm form)
    {
        if (form.Authorization.Count != 1 || form.Authorization[0] is not { Length: <= 4096 } text || !text.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
        {
            throw OAuthException.InvalidClient("Authenticate the client by 'authorization: Basic …' or in the body.");
        }

        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text[Basic.Length..], bytes, out var length))
        {
            throw OAuthException.InvalidClient("The authorization header can't be read.");
        }

        var both = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = both.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0)
        {
            throw OAuthException.InvalidClient("The authorization header can't be read.");
        }

        var secret = WebUtility.UrlDecode(both[(colon + 1)..]);
        return (WebUtility.UrlDecode(both[..colon]), secret.Length == 0 ? null : secret);
    }
}
