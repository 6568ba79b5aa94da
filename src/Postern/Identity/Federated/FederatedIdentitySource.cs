using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Postern.Identity.Accounts;
using Postern.Identity.Certificates;
using Postern.Identity.Jwt;
using Postern.Model;

namespace Postern.Identity.Federated;

/// <summary>
/// Callers by the token that the platform they run on gives them (Kubernetes, GitHub Actions, GitLab, SPIFFE JWT-SVID). A rule maps it to an account of the gate;
/// the token names nobody itself.
/// </summary>
internal sealed class FederatedIdentitySource : IIdentitySource
{
    private readonly Dictionary<string, Trust> _trusts;
    private readonly TokenVerifier _verifier;
    private readonly AccountDirectory _directory;
    private readonly Revocations _revocations;
    private readonly TimeProvider _time;

    /// <param name="options">The issuers and their rules.</param>
    /// <param name="before">The source that this one is to follow; keys of its issuers go on.</param>
    /// <param name="directory">The accounts.</param>
    /// <param name="revocations">What was revoked here, whatever its issuer says.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public FederatedIdentitySource(
        IReadOnlyList<FederatedOptions> options, FederatedIdentitySource? before, AccountDirectory directory, Revocations revocations, TimeProvider time, ILogger logger)
    {
        _trusts = options.ToDictionary(entry => entry.Name, entry => new Trust(entry.Name, entry.TrustDomain, [.. entry.Rules.Select(rule => new FederationRule(rule))]), StringComparer.Ordinal);
        _verifier = new TokenVerifier(options, before?._verifier, time, logger);
        _directory = directory;
        _revocations = revocations;
        _time = time;
    }

    public Task FirstFetch => _verifier.FirstFetch;

    public IEnumerable<string> Missing() => _verifier.Missing();

    public bool Takes(Credential credential) => credential.Jwt is { } token && _verifier.Takes(token);

    public async ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation)
    {
        var token = credential.Jwt!;
        var authentic = await _verifier.VerifyAsync(token, cancellation);
        return authentic.Key is { } key ? Map(token, key, authentic.Times) : authentic.ToResult();
    }

    public ValueTask RetireAsync(IIdentitySource? other) => _verifier.RetireAsync((other as FederatedIdentitySource)?._verifier);

    public ValueTask DisposeAsync() => _verifier.DisposeAsync();

    private AuthenticationResult Map(BearerToken token, IssuerKey key, TokenTimes times)
    {
        var trust = _trusts[_verifier.IssuerOf(token)!.Name];
        if (ClaimReader.Name(token.Claims, "sub") is not { } subject)
        {
            return Refuse("The token can't be used: it has no sub that can be a name.", "claims");
        }

        if (trust.Domain is { } domain && SpiffeId.TrustDomainOf(subject) != domain)
        {
            // The keys of a trust domain speak for its own workloads.
            return Refuse("The token names no workload of its trust domain.", $"{trust.Name}: sub");
        }

        if (trust.Rules.FirstOrDefault(rule => rule.Matches(token.Claims)) is not { } matching)
        {
            return Refuse("The token is genuine, but no rule of this gate says for whom it speaks.", $"no rule of {trust.Name} for {subject}");
        }

        var account = _directory.AccountFor(matching.Account, out var refusal);
        if (account is null)
        {
            return refusal!;
        }

        var caller = account.ToCaller(CredentialKind.Federated, $"{trust.Name}:{subject}", times.Expires) with
        {
            Claims = token.Claims, TokenId = ClaimReader.Name(token.Claims, "jti"), KeyId = token.KeyId,
        };
        var lease = new RevocationLease(_revocations) { TokenId = caller.TokenId, Caller = caller.Name, Issued = times.Issued };
        var now = _time.GetUtcNow();
        return lease.Holds(now)
            ? new VerifiedToken(caller, TokenVerifier.RememberUntil(caller.ExpiresAt, now), key.Lease) { Leases = [account.Lease, lease] }
            : Refuse("The token was revoked.", "revoked");
    }

    private static AuthenticationResult Refuse(string text, string detail) => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);

    private sealed record Trust(string Name, string? Domain, ImmutableArray<FederationRule> Rules);
}
