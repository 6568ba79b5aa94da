using Microsoft.Extensions.Logging;
using Postern.Identity.Accounts;
using Postern.Model;

namespace Postern.Identity.Jwt;

/// <summary>Callers by JWT bearer token (RFC 6750, RFC 7519) of an identity provider, which names them itself.</summary>
internal sealed class JwtIdentitySource : IIdentitySource
{
    private readonly Dictionary<string, IssuerOptions> _options;
    private readonly TokenVerifier _verifier;
    private readonly Revocations? _revocations;
    private readonly TimeProvider _time;

    /// <param name="options">The issuers.</param>
    /// <param name="before">The source that this one is to follow. Both answer until one is retired: nothing of <paramref name="before"/> changes.</param>
    /// <param name="revocations">What was revoked here, whatever its issuer says; null where nothing can be.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public JwtIdentitySource(IdentityOptions options, JwtIdentitySource? before, Revocations? revocations, TimeProvider time, ILogger logger)
    {
        _options = options.Issuers.ToDictionary(issuer => issuer.Issuer, StringComparer.Ordinal);
        _verifier = new TokenVerifier(options.Issuers, before?._verifier, time, logger);
        _revocations = revocations;
        _time = time;
    }

    public Task FirstFetch => _verifier.FirstFetch;

    public IEnumerable<string> Missing() => _verifier.Missing();

    public bool Takes(Credential credential) => credential.Jwt is { } token && _verifier.Takes(token);

    public ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation) => VerifyAsync(credential.Jwt!, null, cancellation);

    /// <summary>Judges the ID token of a login (OpenID Connect Core §3.1.3.7), made for one client. What a login adds, such as its nonce, the caller compares.</summary>
    public async ValueTask<AuthenticationResult> VerifyIdTokenAsync(BearerToken token, string client, CancellationToken cancellation) =>
        _verifier.Takes(token) ? await VerifyAsync(token, client, cancellation) : Refuse("The ID token is of another issuer.", "iss");

    /// <summary>Judges the signature, times and audience of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6), made for one client. What it ends, the caller reads.</summary>
    public ValueTask<AuthenticToken> VerifyLogoutTokenAsync(BearerToken token, string client, CancellationToken cancellation) =>
        _verifier.Takes(token) ? _verifier.VerifyAsync(token, cancellation, client, TokenVerifier.LogoutTokenTypes)
            : new(new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. The token is of another issuer.", "iss"));

    private async ValueTask<AuthenticationResult> VerifyAsync(BearerToken token, string? client, CancellationToken cancellation)
    {
        var authentic = await _verifier.VerifyAsync(token, cancellation, client);
        if (authentic.Key is not { } key)
        {
            return authentic.ToResult();
        }

        var (caller, problem) = ClaimReader.Read(_options[token.Issuer], token.Claims, token.KeyId, authentic.Times.Expires);
        if (caller is null)
        {
            return Refuse($"The token can't be used: {problem}.", "claims");
        }

        var now = _time.GetUtcNow();
        var until = TokenVerifier.RememberUntil(authentic.Times.Expires, now);
        if (_revocations is null)
        {
            return new VerifiedToken(caller, until, key.Lease);
        }

        var lease = new RevocationLease(_revocations) { TokenId = caller.TokenId, Family = caller.SessionId, Caller = caller.Name, Issued = authentic.Times.Issued };
        return lease.Holds(now) ? new VerifiedToken(caller, until, key.Lease) { Leases = [lease] } : Refuse("The token was revoked.", "revoked");
    }

    public ValueTask RetireAsync(IIdentitySource? other) => _verifier.RetireAsync((other as JwtIdentitySource)?._verifier);

    public ValueTask DisposeAsync() => _verifier.DisposeAsync();

    private static AuthenticationResult Refuse(string text, string detail) => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);
}
