using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Identity.Accounts;
using Postern.Identity.Jwt;
using Postern.Model;

namespace Postern.Identity.Postern;

/// <summary>
/// Callers by tokens that the gates issued (RFC 9068). The keys are at hand and accounts in memory, so that nobody is asked. What a token speaks for is looked up
/// anew: an account that is disabled or gone has no tokens.
/// </summary>
/// <param name="issuer">The <c>iss</c> of the gates' tokens.</param>
/// <param name="skew">Leeway between the clocks of gates.</param>
/// <param name="keys">The published keys, by id.</param>
/// <param name="directory">Accounts and users.</param>
/// <param name="revocations">What was revoked.</param>
/// <param name="issuers">Names of the issuers that are trusted now: whom another one vouched for is nobody any more.</param>
/// <param name="time">The clock.</param>
internal sealed class PosternIdentitySource(
    string issuer, TimeSpan skew, Func<string, VerifyingKey?> keys, AccountDirectory directory, Revocations revocations, IReadOnlyCollection<string> issuers, TimeProvider time) : IIdentitySource
{
    private const string TokenType = "at+jwt";
    private static readonly TimeSpan RememberFor = TimeSpan.FromMinutes(5);

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = BearerToken.Longest };

    public Task FirstFetch => Task.CompletedTask;

    // What it lacks, the source of keys lacks too, and says so.
    public IEnumerable<string> Missing() => [];

    public bool Takes(Credential credential) => credential.Jwt is { } token && token.Issuer == issuer;

    public ValueTask RetireAsync(IIdentitySource? other) => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public async ValueTask<AuthenticationResult> VerifyAsync(Credential credential, CancellationToken cancellation)
    {
        var token = credential.Jwt!;
        if (token.Algorithm != SecurityAlgorithms.EcdsaSha256 || token.HasCritical)
        {
            return Refuse("The token is signed in a way that this gate doesn't accept.", "alg or crit");
        }

        if (!string.Equals(token.Type, TokenType, StringComparison.OrdinalIgnoreCase))
        {
            return Refuse("The token is of a type that this gate doesn't accept.", "typ");
        }

        if (token.KeyId is null || keys(token.KeyId) is not { } key)
        {
            return Refuse("The token is not signed by a key of this gate.", "kid");
        }

        var result = await _handler.ValidateTokenAsync(token.Parsed, new TokenValidationParameters
        {
            IssuerSigningKey = key.Key,
            TryAllIssuerSigningKeys = true,
            RequireSignedTokens = true,
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidIssuer = issuer,
            ValidateAudience = false,
            ValidateLifetime = false,
        });
        return result.IsValid ? Judge(token, key) : Refuse("The token is not valid.", "signature");
    }

    /// <summary>Whom kept claims speak for now: a session's, for example. Refused where a token with them would be.</summary>
    public AuthenticationResult Restore(IssuedClaims claims, CallerKind kind, DateTimeOffset expires)
    {
        List<Lease> leases = [];
        var (caller, refusal) = Of(claims, kind, expires, leases);
        return refusal is not null ? refusal : new VerifiedToken(caller!, time.GetUtcNow(), Lease.Lasting()) { Leases = leases, Sources = Networks(claims) };
    }

    private AuthenticationResult Judge(BearerToken token, VerifyingKey key)
    {
        var engines = Engines(token.Claims);
        if (engines.IsEmpty)
        {
            return Refuse("The token is for another API, not for this gate.", "aud");
        }

        if (TokenTimes.Read(token.Claims) is not { Issued: { } issued } times)
        {
            return Refuse("The token's times can't be read.", "times");
        }

        var now = time.GetUtcNow();
        if (now > times.Expires + skew)
        {
            return Refuse($"The token expired {TokenTimes.Words(now - times.Expires)} ago.", "exp");
        }

        if (issued > now + skew || times.NotBefore > now + skew)
        {
            return Refuse($"The token is valid only in {TokenTimes.Words(issued - now)}: do the gates' clocks agree?", "nbf or iat");
        }

        if (IssuedClaims.Read(token.Claims) is not { } claims || !TryReadActors(token.Claims, out var actors))
        {
            return Refuse("The token can't be read by this gate.", "claims");
        }

        List<Lease> leases = [];
        var (found, refusal) = Of(claims, Enum.TryParse<CallerKind>(Text(token.Claims, "kind"), ignoreCase: true, out var kind) ? kind : CallerKind.Human, times.Expires, leases);
        if (refusal is not null)
        {
            return refusal;
        }

        var caller = found! with
        {
            TokenId = Text(token.Claims, "jti"), SessionId = Text(token.Claims, "sid"), KeyId = token.KeyId, Actors = actors, Engines = engines, Task = claims.Task,
        };
        leases.Add(new RevocationLease(revocations) { TokenId = caller.TokenId, Family = caller.SessionId, Certificate = claims.Certificate, Caller = caller.Name, Issued = issued });
        leases.AddRange(claims.From.Select(id => new RevocationLease(revocations) { TokenId = id, Caller = caller.Name, Issued = issued }));
        leases.AddRange(claims.Sessions.Select(id => new RevocationLease(revocations) { Family = id, Caller = caller.Name, Issued = issued }));
        leases.AddRange(actors.Select(actor => new RevocationLease(revocations) { Caller = actor, Issued = issued }));
        if (!leases.All(lease => lease.Holds(now)))
        {
            return Refuse("The token was revoked.", "revoked");
        }

        return new VerifiedToken(caller, times.Expires < now + RememberFor ? times.Expires : now + RememberFor, new PublishedLease(key))
        {
            Leases = leases,
            Sources = Networks(claims),
        };
    }

    private static IReadOnlyList<IPNetwork> Networks(IssuedClaims claims) => [.. claims.Sources.Select(source => IPNetwork.Parse(source))];

    // Exactly one of both is set.
    private (Caller?, Refusal?) Of(IssuedClaims claims, CallerKind kind, DateTimeOffset expires, List<Lease> leases)
    {
        var (caller, refusal) = claims.Principal is null ? OfIssuer(claims, kind, expires) : OfPrincipal(claims, expires, leases);
        refusal ??= Rest(claims, leases);
        return refusal is null ? (Narrowed(caller!, claims) with { Certificate = claims.CertificateName, Claims = claims.Claims ?? default }, null) : (null, refusal);
    }

    private (Caller?, Refusal?) OfPrincipal(IssuedClaims claims, DateTimeOffset expires, List<Lease> leases)
    {
        var (principal, refusal) = Standing(claims.Principal!, leases);
        if (principal is not null && claims.SessionVersion is { } version && principal.User?.SessionVersion != version)
        {
            return (null, Unauthenticated("Since the login the user's password was changed, or the user was disabled.", $"session of principal {claims.Principal}"));
        }

        return (principal?.ToCaller(CredentialKind.Postern, claims.Key ?? claims.Certificate, expires), refusal);
    }

    private (Caller?, Refusal?) OfIssuer(IssuedClaims claims, CallerKind kind, DateTimeOffset expires)
    {
        if (claims is not { Issuer: { } name, Subject: { } subject } || name == Caller.OwnIssuer || !issuers.Contains(name))
        {
            return (null, Unauthenticated("Who vouched for the token's caller is no longer trusted.", "issuer"));
        }

        var caller = new Caller
        {
            Kind = kind, Issuer = name, Subject = subject, Name = $"{name}/{subject}", DisplayName = claims.Display ?? subject, Groups = [.. claims.Groups],
            Credential = CredentialKind.Postern, CredentialId = claims.Key ?? claims.Certificate, ExpiresAt = expires,
        };
        return (caller, null);
    }

    // The key that it was got with, and everybody who acts in it.
    private Refusal? Rest(IssuedClaims claims, List<Lease> leases)
    {
        if (claims.Key is { } id)
        {
            if (directory.FindKey(id) is not { } key || directory.Judge(key).Owner is null)
            {
                return directory.IsLoaded ? Unauthenticated("The key that the token was got with no longer works.", $"key {id}") : NotLoaded();
            }

            leases.Add(key.Lease);
        }

        foreach (var actor in claims.Actors)
        {
            if (Standing(actor, leases).Refusal is { } refusal)
            {
                return refusal;
            }
        }

        return null;
    }

    private (Principal? Principal, Refusal? Refusal) Standing(string id, List<Lease> leases)
    {
        if (directory.Find(id) is not { } principal)
        {
            return (null, directory.IsLoaded ? Unauthenticated("Whoever the token was issued to is gone.", $"principal {id}") : NotLoaded());
        }

        if (principal.Problem(time.GetUtcNow()) is { } problem)
        {
            return (null, Unauthenticated($"The account {problem}.", $"principal {id}"));
        }

        leases.Add(principal.Lease);
        return (principal, null);
    }

    // Each set by itself: together they hold what the account, its key and every exchange took away.
    private static Caller Narrowed(Caller caller, IssuedClaims claims)
    {
        foreach (var set in claims.Namespaces)
        {
            if (!caller.NamespaceBounds.Any(known => known.SequenceEqual(set)))
            {
                caller = caller.NarrowedTo([.. set], []);
            }
        }

        return caller.NarrowedTo([], [.. claims.Roles]);
    }

    private ImmutableArray<string> Engines(JsonElement claims)
    {
        if (!claims.TryGetProperty("aud", out var audience))
        {
            return [];
        }

        var all = audience.ValueKind == JsonValueKind.Array ? audience.EnumerateArray() : (IEnumerable<JsonElement>)[audience];
        return [.. all.Where(one => one.ValueKind == JsonValueKind.String).Select(one => OwnAudience.EngineOf(issuer, one.GetString()!)).OfType<string>()];
    }

    private static bool TryReadActors(JsonElement claims, out ImmutableArray<string> actors)
    {
        var found = ImmutableArray.CreateBuilder<string>();
        for (var at = claims; at.TryGetProperty("act", out var actor); at = actor)
        {
            if (actor.ValueKind != JsonValueKind.Object || Text(actor, "sub") is not { } name)
            {
                actors = [];
                return false;
            }

            found.Add(name);
        }

        actors = found.DrainToImmutable();
        return true;
    }

    private static string? Text(JsonElement claims, string name) => claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static Refusal NotLoaded() => new(RefusalReason.CannotTell, "Accounts can't be looked up at the moment.", "the store was not read yet");

    private static Refusal Unauthenticated(string text, string detail) => new(RefusalReason.Unauthenticated, "Request unauthenticated. " + text, detail);

    private static AuthenticationResult Refuse(string text, string detail) => Unauthenticated(text, detail);
}
