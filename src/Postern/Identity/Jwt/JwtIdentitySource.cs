using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Identity.Jwt;

/// <summary>
/// Callers by JWT bearer token (RFC 6750, RFC 7519, RFC 8725). The library verifies signatures; what is accepted at all is decided here, before it: algorithms,
/// issuer, key, type, and nothing that the token itself says about where its key is to be found.
/// </summary>
internal sealed partial class JwtIdentitySource : IIdentitySource
{
    private const int LongestToken = 16 * 1024;
    private const int RememberedTokens = 20_000;
    private static readonly TimeSpan RememberFor = TimeSpan.FromMinutes(5);

    // RFC 8725 §3.1: the algorithms are ours to name. Symmetric ones would let a public key sign, "none" anybody.
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];
    private static readonly string[] DefaultTypes = ["JWT", "at+jwt"];

    private readonly Dictionary<string, IssuerKeys> _issuers;
    private readonly VerifiedTokens _verified = new(RememberedTokens);
    private readonly FailedAttempts _failed;
    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = LongestToken };
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public JwtIdentitySource(IdentityOptions options, JwtIdentitySource? before, TimeProvider time, ILogger logger)
    {
        _time = time;
        _logger = logger;
        _failed = before?._failed ?? new FailedAttempts(time);
        // An issuer that didn't change keeps its keys over a reload: otherwise an outage of the issuer would turn a reload into one of the gate.
        _issuers = options.Issuers.ToDictionary(
            issuer => issuer.Issuer,
            issuer => before?._issuers.GetValueOrDefault(issuer.Issuer) is { } kept && SameKeys(kept.Options, issuer) ? kept.Adopt(issuer) : new IssuerKeys(issuer, time, logger),
            StringComparer.Ordinal);
    }

    /// <summary>Completes when every issuer's keys were fetched once, or that failed.</summary>
    public Task FirstFetch => Task.WhenAll(_issuers.Values.Select(issuer => issuer.FirstFetch));

    /// <summary>Tokens remembered, for metrics.</summary>
    public int Remembered => _verified.Count;

    public IEnumerable<string> Missing() =>
        _issuers.Values.Where(issuer => !issuer.IsUsable).Select(issuer => $"issuer {issuer.Options.Name}: no usable keys");

    public ValueTask<AuthenticationResult> AuthenticateAsync(StringValues authorization, IPAddress? source, CancellationToken cancellation)
    {
        if (authorization.Count != 1 || authorization[0] is not { Length: > 0 } text)
        {
            return new(authorization.Count == 0 ? Refuse(source, "no credential: send an access token as 'authorization: Bearer …'.", count: false)
                : Refuse(source, "send exactly one authorization value.", "several authorization values"));
        }

        if (_verified.Find(text, _time.GetUtcNow()) is { } known)
        {
            return new(known);
        }

        return VerifyAsync(text, source, cancellation);
    }

    /// <summary>Ends the issuers that <paramref name="next"/> didn't take over.</summary>
    public async ValueTask RetireAsync(JwtIdentitySource next)
    {
        foreach (var issuer in _issuers.Values.Except(next._issuers.Values))
        {
            await issuer.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var issuer in _issuers.Values)
        {
            await issuer.DisposeAsync();
        }
    }

    private static bool SameKeys(IssuerOptions a, IssuerOptions b) => a.Name == b.Name && a.KeySet == b.KeySet;

    private async ValueTask<AuthenticationResult> VerifyAsync(string text, IPAddress? source, CancellationToken cancellation)
    {
        if (_failed.IsExhausted(source))
        {
            return new Refusal(RefusalReason.Limited, "too many failed authentications from this address.", $"source {source}") { RetryAfter = TimeSpan.FromSeconds(10) };
        }

        if (!text.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) || text.Contains(','))
        {
            return Refuse(source, "the credential is not a single bearer token.");
        }

        var encoded = text[7..];
        if (encoded.Length > LongestToken || Parse(encoded) is not { } token || Payload(token) is not { } claims)
        {
            return Refuse(source, "the bearer token can't be read.");
        }

        if (!Algorithms.Contains(token.Alg) || Header(token).TryGetProperty("crit", out _) || !_issuers.TryGetValue(token.Issuer, out var issuer))
        {
            return Refuse(source, "the token is not from an issuer that this gate trusts.", "algorithm, crit header or issuer");
        }

        var options = issuer.Options;
        if (token.Typ is { Length: > 0 } typ && !(options.TokenTypes.Count > 0 ? options.TokenTypes : DefaultTypes).Contains(Bare(typ), StringComparer.OrdinalIgnoreCase))
        {
            return Refuse(source, "the token is not an access token.", "typ");
        }

        var (key, refusal) = await KeyAsync(issuer, token, source, cancellation);
        if (key is null)
        {
            return refusal!;
        }

        return await ValidateAsync(text, token, claims, key, issuer, source);
    }

    private async ValueTask<(SecurityKey? Key, Refusal? Refusal)> KeyAsync(IssuerKeys issuer, JsonWebToken token, IPAddress? source, CancellationToken cancellation)
    {
        SecurityKey? Find() => string.IsNullOrEmpty(token.Kid) ? issuer.Only : issuer.Find(token.Kid);
        if (issuer.IsUsable && Find() is { } key)
        {
            return (key, null);
        }

        var fresh = await issuer.RefetchAsync(cancellation);
        if (issuer.IsUsable && Find() is { } fetched)
        {
            return (fetched, null);
        }

        if (!fresh || !issuer.IsUsable || issuer.UnreachableSince is not null)
        {
            if (issuer.IsUsable && issuer.UnreachableSince is null)
            {
                // Only a flood of made-up keys counts: our own trouble must not turn into a limit for those who wait it out.
                _failed.Add(source);
            }

            Log.CannotTell(_logger, issuer.Options.Name, "its keys can't be fetched");
            return (null, new Refusal(RefusalReason.CannotTell, $"the keys of issuer {issuer.Options.Name} can't be had at the moment.", "key set not available"));
        }

        return (null, Refuse(source, "the token is not signed by a key of its issuer.", "unknown kid"));
    }

    private async ValueTask<AuthenticationResult> ValidateAsync(
        string text, JsonWebToken token, JsonElement claims, SecurityKey key, IssuerKeys issuer, IPAddress? source)
    {
        var options = issuer.Options;
        var now = _time.GetUtcNow();
        var result = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKey = key,
            TryAllIssuerSigningKeys = false,
            RequireSignedTokens = true,
            ValidAlgorithms = Algorithms,
            ValidIssuer = options.Issuer,
            ValidAudiences = options.Audiences,
            // Judged below against our own clock, so that "expired" and "issuer out of reach" can be told apart.
            ValidateLifetime = false,
        });
        if (!result.IsValid)
        {
            var audience = result.Exception is SecurityTokenInvalidAudienceException;
            return Refuse(source, audience ? "the token is for another audience." : "the token is not valid.", result.Exception?.GetType().Name);
        }

        if (!TryTime(claims, "exp", out var expires) || expires is null || !TryTime(claims, "nbf", out var notBefore) || !TryTime(claims, "iat", out var issued))
        {
            return Refuse(source, "the token's times can't be read, or it has no exp.");
        }

        if (now > expires + options.ClockSkew)
        {
            // Whoever holds it could have renewed it, had the issuer been there: refused, but not as a no.
            return issuer.UnreachableSince is not null
                ? new Refusal(RefusalReason.CannotTell, $"the token has expired and issuer {options.Name} can't be reached.", "expired during an outage")
                : Refuse(source, "the token has expired.", "exp");
        }

        if (notBefore > now + options.ClockSkew || issued > now + options.ClockSkew)
        {
            return Refuse(source, "the token is not valid yet.", "nbf or iat");
        }

        if (ClaimReader.Read(options, claims, token.Kid, expires.Value, out var problem) is not { } caller)
        {
            return Refuse(source, $"{problem}.");
        }

        var until = expires.Value + options.ClockSkew;
        var keyId = token.Kid;
        var verified = new VerifiedToken(caller, until < now + RememberFor ? until : now + RememberFor,
            string.IsNullOrEmpty(keyId) ? () => issuer.Only is not null : () => issuer.Has(keyId));
        _verified.Add(text, verified);
        return verified;
    }

    private Refusal Refuse(IPAddress? source, string text, string? detail = null, bool count = true)
    {
        if (count)
        {
            _failed.Add(source);
        }

        return new Refusal(RefusalReason.Unauthenticated, $"Request unauthenticated. {char.ToUpperInvariant(text[0])}{text[1..]}", detail);
    }

    private static JsonWebToken? Parse(string encoded)
    {
        try
        {
            var token = new JsonWebToken(encoded);
            // Five parts are an encrypted token: nothing here could read it.
            return token.IsEncrypted || string.IsNullOrEmpty(token.Issuer) ? null : token;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    // Duplicate names are refused: two readers could each see another value.
    private static JsonElement? Payload(JsonWebToken token)
    {
        try
        {
            using var document = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload), new JsonDocumentOptions { AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or DecoderFallbackException)
        {
            return null;
        }
    }

    private static JsonElement Header(JsonWebToken token)
    {
        using var document = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedHeader));
        return document.RootElement.Clone();
    }

    private static string Bare(string typ) => typ.StartsWith("application/", StringComparison.OrdinalIgnoreCase) ? typ["application/".Length..] : typ;

    // RFC 7519 NumericDate: a number of seconds, not always whole. Anything else under the name is no time.
    private static bool TryTime(JsonElement claims, string name, out DateTimeOffset? time)
    {
        time = null;
        if (!claims.TryGetProperty(name, out var value))
        {
            return true;
        }

        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var seconds) || seconds is < 0 or > 253402300799)
        {
            return false;
        }

        time = DateTimeOffset.UnixEpoch.AddSeconds(seconds);
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 10, LogLevel.Warning, "Can't tell who is calling: issuer {Issuer}: {Reason}")]
        public static partial void CannotTell(ILogger logger, string issuer, string reason);
    }
}
