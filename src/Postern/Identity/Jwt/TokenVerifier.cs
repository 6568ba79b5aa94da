using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Identity.Certificates;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Identity.Jwt;

/// <summary>A token that is authentic, meant for this gate and valid now; or the refusal: either <see cref="Key"/> or <see cref="Refusal"/> is set.</summary>
/// <param name="Key">The key of its issuer that signed it.</param>
/// <param name="Times">Its times.</param>
/// <param name="Refusal">Why it counts for nothing.</param>
/// <param name="Counts">Whether the refusal counts among the failed attempts of its source address.</param>
internal readonly record struct AuthenticToken(IssuerKey? Key, TokenTimes Times, Refusal? Refusal, bool Counts)
{
    public static implicit operator AuthenticToken(Refusal refusal) => new(null, default, refusal, refusal.Reason == RefusalReason.Unauthenticated);

    /// <summary>The refusal as a source gives it.</summary>
    public AuthenticationResult ToResult() => new AuthenticationResult(null, Refusal) with { Counts = Counts };
}

/// <summary>
/// The tokens of some issuers (RFC 7519, RFC 8725), up to what they say of their caller. The library verifies signatures; what is accepted at all is decided here:
/// algorithms, issuer, key, type, and nothing that the token itself says about where its key is to be found.
/// </summary>
internal sealed partial class TokenVerifier : IAsyncDisposable
{
    private const int LongestEcho = 100;
    private static readonly TimeSpan RememberFor = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(10);
    private static readonly string[] DefaultTypes = ["JWT", "at+jwt"];
    private static readonly string[] IdTokenTypes = ["JWT"];

    /// <summary>Types of logout tokens: the one that their standard names, and what providers wrote before it did.</summary>
    public static readonly string[] LogoutTokenTypes = ["logout+jwt", "JWT"];

    private readonly Dictionary<string, TrustedIssuer> _issuers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TrustedIssuer> _domains = new(StringComparer.Ordinal);
    private readonly List<TrustedIssuer> _all = [];
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private long _saidAt;

    /// <param name="issuers">The issuers.</param>
    /// <param name="before">What this one is to follow. Both answer until one is retired: nothing of <paramref name="before"/> changes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public TokenVerifier(IEnumerable<IIssuerOptions> issuers, TokenVerifier? before, TimeProvider time, ILogger logger)
    {
        _time = time;
        _logger = logger;
        foreach (var issuer in issuers)
        {
            var trusted = new TrustedIssuer(issuer, KeysFor(issuer, before?._all.FirstOrDefault(known => IsSame(known.Options, issuer))));
            _all.Add(trusted);
            if (issuer.Issuer.Length > 0)
            {
                _issuers.Add(issuer.Issuer, trusted);
            }

            if (issuer.TrustDomain is { } domain)
            {
                _domains.Add(domain, trusted);
            }
        }
    }

    public Task FirstFetch => Task.WhenAll(_all.Select(issuer => issuer.Keys.FirstFetch));

    public IEnumerable<string> Missing()
    {
        foreach (var (options, keys) in _all)
        {
            if (!keys.IsUsable)
            {
                yield return keys.AwaySince is { } since ? $"issuer {options.Name}: no usable keys, out of reach since {since:O}" : $"issuer {options.Name}: no usable keys yet";
            }
        }
    }

    public bool Takes(BearerToken token) => Find(token) is not null;

    /// <summary>The issuer to whom a token belongs by its looks; null where it is none of these.</summary>
    public IIssuerOptions? IssuerOf(BearerToken token) => Find(token)?.Options;

    /// <summary>How long a verified token is remembered before it is looked at again.</summary>
    public static DateTimeOffset RememberUntil(DateTimeOffset expires, DateTimeOffset now) => expires < now + RememberFor ? expires : now + RememberFor;

    /// <summary>Ends this verifier and the issuers that the other one doesn't share.</summary>
    public async ValueTask RetireAsync(TokenVerifier? other)
    {
        var shared = other?._all.Select(issuer => issuer.Keys) ?? [];
        foreach (var keys in _all.Select(issuer => issuer.Keys).Except(shared))
        {
            await keys.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var issuer in _all)
        {
            await issuer.Keys.DisposeAsync();
        }
    }

    /// <summary>Judges a token of one of these issuers.</summary>
    /// <param name="token">The token.</param>
    /// <param name="cancellation">Ends the wait for keys.</param>
    /// <param name="client">Of an ID token, which a login brings and no call does: the client that it must be for, in place of the configured audiences and types.</param>
    /// <param name="types">Of such a token: the types that it may have.</param>
    public async ValueTask<AuthenticToken> VerifyAsync(BearerToken token, CancellationToken cancellation, string? client = null, string[]? types = null)
    {
        if (!TokenAlgorithms.IsKnown(token.Algorithm) || token.HasCritical)
        {
            return Refuse("The token is signed in a way that this gate doesn't accept.", "alg or crit");
        }

        var issuer = Find(token)!;
        if (!(client is null ? IsAccepted(token.Type, issuer.Options.TokenTypes) : IsAccepted(token.Type, types ?? IdTokenTypes) || string.IsNullOrEmpty(token.Type)))
        {
            return Refuse("The token is of a type that this gate doesn't accept.", "typ");
        }

        var (key, isCertain, isTooOften) = await issuer.Keys.FindAsync(token.KeyId, token.Algorithm, cancellation);
        if (key is null)
        {
            if (isCertain)
            {
                return Refuse("The token is not signed by a key of its issuer.", "kid");
            }

            // Only a flood of made-up keys counts: our own trouble must not turn into a limit for those who wait it out.
            return CannotTell(issuer.Options, $"The keys of issuer {issuer.Options.Name} can't be had at the moment.", "its keys are not at hand") with { Counts = isTooOften };
        }

        if (!await TokenSignature.IsValidAsync(token, key.Key, token.NamesIssuer ? issuer.Options.Issuer : null))
        {
            return Refuse("The token is not valid.", "signature");
        }

        // Whoever finds a token that is bound to a key (DPoP, mTLS) can't use it elsewhere without that key; he must not be able to here.
        if (client is null && token.Claims.TryGetProperty("cnf", out _))
        {
            return Refuse("The token is bound to a key, which this gate can't check.", "cnf");
        }

        return await JudgeAsync(token, key, issuer, client is null ? issuer.Options.Audiences : [client], cancellation);
    }

    /// <summary>What an authentic token says, against what this gate accepts.</summary>
    private async ValueTask<AuthenticToken> JudgeAsync(
        BearerToken token, IssuerKey key, TrustedIssuer issuer, IReadOnlyList<string> audiences, CancellationToken cancellation)
    {
        var options = issuer.Options;
        if (Audience(token.Claims, audiences) is { } strange)
        {
            return Refuse(strange, "aud");
        }

        if (TokenTimes.Read(token.Claims) is not { } times)
        {
            return Refuse("The token's times can't be read, or it has no exp.", "times");
        }

        if (_time.GetUtcNow() > times.Expires + options.ClockSkew)
        {
            // Whoever holds it could have renewed it, had the issuer been there: refused, but not as a no.
            if (await issuer.Keys.IsAwayAsync(cancellation))
            {
                return CannotTell(options, $"The token has expired and issuer {options.Name} can't be reached.", "a token expired");
            }

            return Refuse($"The token expired {TokenTimes.Words(_time.GetUtcNow() - times.Expires)} ago.", "exp");
        }

        var now = _time.GetUtcNow();
        var begins = times.NotBefore > times.Issued || times.Issued is null ? times.NotBefore : times.Issued;
        if (begins > now + options.ClockSkew)
        {
            return Refuse($"The token is valid only in {TokenTimes.Words(begins.Value - now)}: do the clocks agree?", "nbf or iat");
        }

        return new AuthenticToken(key, times, null, false);
    }

    // By its issuer. A JWT-SVID needs none (SPIFFE JWT-SVID §3): then by the trust domain of the workload that it names, whose keys are the only ones that may name it. What says an issuer goes by that alone.
    private TrustedIssuer? Find(BearerToken token) =>
        token.NamesIssuer ? _issuers.GetValueOrDefault(token.Issuer)
        : SpiffeId.TrustDomainOf(ClaimReader.Name(token.Claims, "sub")) is { } domain ? _domains.GetValueOrDefault(domain)
        : null;

    private static bool IsSame(IIssuerOptions one, IIssuerOptions other) => one.Issuer == other.Issuer && (one.Issuer.Length > 0 || one.TrustDomain == other.TrustDomain);

    // An issuer keeps its keys over a reload: otherwise an outage of the issuer would turn a reload into one of the gate.
    private IssuerKeys KeysFor(IIssuerOptions options, TrustedIssuer? before)
    {
        if (before is null || before.Options.KeySet != options.KeySet)
        {
            return new IssuerKeys(options, _time, _logger);
        }

        if (before.Options.Name != options.Name || before.Options.StaleKeys != options.StaleKeys)
        {
            return new IssuerKeys(options, _time, _logger, before.Keys);
        }

        if (options.KeySet is not null)
        {
            before.Keys.Refresh();
        }

        return before.Keys;
    }

    private static bool IsAccepted(string? type, IReadOnlyList<string> configured)
    {
        if (string.IsNullOrEmpty(type))
        {
            return configured.Count == 0;
        }

        // RFC 7515 §4.1.9: the prefix may be left out.
        const string Prefix = "application/";
        var bare = type.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase) ? type[Prefix.Length..] : type;
        // An assertion stands in histories for everybody to read: whatever is configured, it is nobody's credential.
        return !bare.Equals(CallerAssertion.TokenType, StringComparison.OrdinalIgnoreCase) && (configured.Count > 0 ? configured : DefaultTypes).Contains(bare, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Null where an audience of the token is ours; else the words for its holder.</summary>
    public static string? Audience(JsonElement claims, IReadOnlyList<string> ours)
    {
        if (!claims.TryGetProperty("aud", out var audience))
        {
            return "The token has no audience (aud).";
        }

        if (audience.ValueKind == JsonValueKind.String)
        {
            var named = audience.GetString()!;
            return ours.Contains(named, StringComparer.Ordinal) ? null
                : named.Length is > 0 and <= LongestEcho && named.All(c => c is > ' ' and < '\x7f') ? $"The token's audience {named} is not one of ours."
                : "The token's audience is not one of ours.";
        }

        return audience.ValueKind == JsonValueKind.Array
            && audience.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            && audience.EnumerateArray().Any(item => ours.Contains(item.GetString(), StringComparer.Ordinal)) ? null : "None of the token's audiences is one of ours.";
    }

    private static AuthenticToken Refuse(string text, string detail) => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);

    private AuthenticToken CannotTell(IIssuerOptions issuer, string text, string detail)
    {
        // In an outage every poll of every worker comes by here.
        var said = Interlocked.Read(ref _saidAt);
        if ((said == 0 || _time.GetElapsedTime(said) >= SayEvery) && Interlocked.CompareExchange(ref _saidAt, _time.GetTimestamp(), said) == said)
        {
            Log.CannotTell(_logger, issuer.Name, detail);
        }

        return new Refusal(RefusalReason.CannotTell, text, detail);
    }

    private sealed record TrustedIssuer(IIssuerOptions Options, IssuerKeys Keys);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 10, LogLevel.Warning, "Can't tell who is calling: issuer {Issuer}: {Reason}")]
        public static partial void CannotTell(ILogger logger, string issuer, string reason);
    }
}
