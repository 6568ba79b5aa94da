using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Postern.Identity.Accounts;
using Postern.Identity.Jwt;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Identity.Introspection;

/// <summary>
/// Callers by a token that only its server can read (RFC 7662). What it answers counts for seconds; where it gives no answer, the last good one serves as far as
/// configuration lets it, and after that nobody can tell.
/// </summary>
internal sealed partial class IntrospectionIdentitySource : IIdentitySource
{
    private static readonly TimeSpan InactiveFor = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StaleAgainAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(10);

    private readonly ImmutableArray<Server> _servers;
    private readonly Revocations? _revocations;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private long _saidAt;

    /// <param name="options">The servers.</param>
    /// <param name="before">The source that this one is to follow; what is known of its tokens goes on.</param>
    /// <param name="revocations">What was revoked here, whatever the server says; null where nothing can be.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public IntrospectionIdentitySource(
        IReadOnlyList<IntrospectionOptions> options, IntrospectionIdentitySource? before, Revocations? revocations, TimeProvider time, ILogger logger)
    {
        _revocations = revocations;
        _time = time;
        _logger = logger;
        _servers = [.. options.Select(entry => before?._servers.FirstOrDefault(server => server.Client.Serves(entry)) is { } known
            ? known with { Options = entry }
            : new Server(entry, new IntrospectionClient(entry, time), new KnownAnswers()))];
    }

    public Task FirstFetch => Task.CompletedTask;

    // Whether a server answers is seen when it is asked, and its outage is no reason to turn away callers of other sources.
    public IEnumerable<string> Missing() => [];

    /// <summary>The servers that gave no answer when they were asked last.</summary>
    public IEnumerable<string> Notes() => _servers
        .Select(server => (server.Options.Name, server.Client.Outage))
        .Where(server => server.Outage is not null)
        .Select(server => $"introspection {server.Name}: no answers since {server.Outage!.Since:O}: {server.Outage.Reason}");

    public bool Takes(Credential credential) => credential.Shape == CredentialShape.Opaque && ServerOf(credential.Token) is not null;

    public async ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation)
    {
        var (options, client, answers) = ServerOf(credential.Token)!;
        if (!TokenDigest.TryOf(credential.Token, out var digest))
        {
            return Refuse("The token is not valid.", "not ASCII");
        }

        var known = answers.Find(digest);
        var now = _time.GetUtcNow();
        if (known is null || now - known.At >= (known.Claims is null ? InactiveFor : options.Cache))
        {
            var answer = await client.AskAsync(credential.Token, digest, cancellation);
            now = _time.GetUtcNow();
            if (answer.Failure is { } failure)
            {
                return known?.Claims is not null && now - known.At <= options.Stale
                    ? Judge(options, known, Earlier(now + StaleAgainAfter, known.At + options.Stale))
                    : CannotTell(options, failure);
            }

            known = answers.Keep(digest, answer.Claims, now, options.Cache > options.Stale ? options.Cache : options.Stale, (last, said) => IsSameCaller(options, last, said));
        }

        return known.Claims is null ? Refuse("The token is not active.", "inactive") : Judge(options, known, known.At + options.Cache);
    }

    /// <summary>Ends this source but for the clients that the other one goes on with.</summary>
    public ValueTask RetireAsync(IIdentitySource? other)
    {
        var shared = (other as IntrospectionIdentitySource)?._servers.Select(server => server.Client) ?? [];
        foreach (var client in _servers.Select(server => server.Client).Except(shared))
        {
            client.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => RetireAsync(null);

    private Server? ServerOf(string token) => _servers.FirstOrDefault(server => server.Options.Prefix is not { } prefix || token.StartsWith(prefix, StringComparison.Ordinal));

    private AuthenticationResult Judge(IntrospectionOptions options, KnownAnswer known, DateTimeOffset until)
    {
        var claims = known.Claims!.Value;
        // Whoever finds a token that is bound to a key (DPoP, mTLS) can't use it at its server; he must not be able to here.
        if (claims.TryGetProperty("cnf", out _) || (claims.TryGetProperty("token_type", out var type) && !IsBearer(type)))
        {
            return Refuse("The token is bound to a key, which this gate can't check.", "cnf or token_type");
        }

        if (options.Issuer is { } issuer && !(claims.TryGetProperty("iss", out var named) && named.ValueKind == JsonValueKind.String && named.ValueEquals(issuer)))
        {
            return Refuse("The token is of another issuer.", "iss");
        }

        if (options.Audiences.Count > 0 && TokenVerifier.Audience(claims, options.Audiences) is { } strange)
        {
            return Refuse(strange, "aud");
        }

        var now = _time.GetUtcNow();
        // RFC 7662 §2.2: exp is optional. Without one the answer itself is all there is.
        if (TokenTimes.ReadOptional(claims) is not { } times)
        {
            return Refuse("The token's times can't be read.", "times");
        }

        if (times.Expires <= now)
        {
            return Refuse($"The token expired {TokenTimes.Words(now - times.Expires.Value)} ago.", "exp");
        }

        if (times.NotBefore > now)
        {
            return Refuse($"The token is valid only in {TokenTimes.Words(times.NotBefore.Value - now)}: do the clocks agree?", "nbf");
        }

        var (read, problem) = ClaimReader.Read(options, claims, null, times.Expires ?? until);
        if (read is null)
        {
            return Refuse($"The token can't be used: {problem}.", "claims");
        }

        var caller = read with { Credential = CredentialKind.Introspected };
        var stands = Earlier(until, caller.ExpiresAt);
        if (_revocations is null)
        {
            return new VerifiedToken(caller, stands, known.Lease);
        }

        var lease = new RevocationLease(_revocations) { TokenId = caller.TokenId, Family = caller.SessionId, Caller = caller.Name, Issued = times.Issued };
        return lease.Holds(now) ? new VerifiedToken(caller, stands, known.Lease) { Leases = [lease] } : Refuse("The token was revoked.", "revoked");
    }

    // What policy decides by in the first place. Other members may say something new in every answer, such as when the token was last used.
    private static bool IsSameCaller(IntrospectionOptions options, JsonElement last, JsonElement said) =>
        ClaimReader.Read(options, last, null, DateTimeOffset.MaxValue).Caller is { } before && ClaimReader.Read(options, said, null, DateTimeOffset.MaxValue).Caller is { } now
        && before.Name == now.Name && before.Kind == now.Kind && before.Groups.ToHashSet(StringComparer.Ordinal).SetEquals(now.Groups);

    private static bool IsBearer(JsonElement type) => type.ValueKind == JsonValueKind.String && string.Equals(type.GetString(), "Bearer", StringComparison.OrdinalIgnoreCase);

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    private static AuthenticationResult Refuse(string text, string detail) => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);

    private AuthenticationResult CannotTell(IntrospectionOptions options, string why)
    {
        // In an outage every poll of every worker comes by here.
        var said = Interlocked.Read(ref _saidAt);
        if ((said == 0 || _time.GetElapsedTime(said) >= SayEvery) && Interlocked.CompareExchange(ref _saidAt, _time.GetTimestamp(), said) == said)
        {
            Log.CannotTell(_logger, options.Name, why);
        }

        return new Refusal(RefusalReason.CannotTell, $"Tokens of {options.Name} can't be asked about at the moment.", why);
    }

    private sealed record Server(IntrospectionOptions Options, IntrospectionClient Client, KnownAnswers Answers);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 20, LogLevel.Warning, "Can't tell who is calling: introspection at {Name}: {Reason}")]
        public static partial void CannotTell(ILogger logger, string name, string reason);
    }
}
