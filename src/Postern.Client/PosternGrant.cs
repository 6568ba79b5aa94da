using System.Diagnostics.CodeAnalysis;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Client;

/// <summary>By what right a token is asked for: who the worker is, and how it proves it.</summary>
[SuppressMessage("Naming", "CA1711", Justification = "The word of RFC 6749 §1.3.")]
public sealed class PosternGrant
{
    /// <summary>The type of a JWT handed in for exchange (RFC 8693 §3).</summary>
    public const string JwtTokenType = "urn:ietf:params:oauth:token-type:jwt";

    private static readonly TimeSpan AssertionLives = TimeSpan.FromMinutes(1);
    private readonly Func<PosternGrantRequest, CancellationToken, ValueTask> _write;

    private PosternGrant(Func<PosternGrantRequest, CancellationToken, ValueTask> write) => _write = write;

    /// <summary>An account and one of its keys, as client credentials (RFC 6749 §4.4).</summary>
    /// <param name="account">The account's name.</param>
    /// <param name="key">The key's text, <c>pst_…</c>.</param>
    public static PosternGrant ClientCredentials(string account, string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        return ClientCredentials(account, _ => new ValueTask<string>(key));
    }

    /// <summary>An account and one of its keys, read anew for every request: from a secret store, or a file that is rotated.</summary>
    /// <param name="account">The account's name.</param>
    /// <param name="key">Answers the key's text.</param>
    public static PosternGrant ClientCredentials(string account, Func<CancellationToken, ValueTask<string>> key)
    {
        ArgumentException.ThrowIfNullOrEmpty(account);
        ArgumentNullException.ThrowIfNull(key);
        return new PosternGrant(async (request, cancellation) =>
        {
            request.Form["grant_type"] = "client_credentials";
            request.Basic = (account, (await key(cancellation).ConfigureAwait(false)).Trim());
        });
    }

    /// <summary>An account and its private key, as a signed assertion (RFC 7523 §2.2): nothing secret leaves the process.</summary>
    /// <param name="account">The account's name.</param>
    /// <param name="key">The private key, with the key id under which the account's public key is registered.</param>
    /// <param name="time">The clock. Default: the system's.</param>
    public static PosternGrant PrivateKeyJwt(string account, SigningCredentials key, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(account);
        ArgumentNullException.ThrowIfNull(key);
        return new PosternGrant((request, _) =>
        {
            var now = (time ?? TimeProvider.System).GetUtcNow().UtcDateTime;
            request.Form["grant_type"] = "client_credentials";
            request.Form["client_id"] = account;
            request.Form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            request.Form["client_assertion"] = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
            {
                Issuer = account,
                Audience = request.Endpoint.ToString(),
                IssuedAt = now,
                Expires = now + AssertionLives,
                Claims = new Dictionary<string, object> { ["sub"] = account, ["jti"] = Guid.NewGuid().ToString("N") },
                SigningCredentials = key,
            });
            return ValueTask.CompletedTask;
        });
    }

    /// <summary>A token of the platform that the worker runs on, exchanged (RFC 8693): Kubernetes, GitHub Actions, SPIFFE. No secret of one's own at all.</summary>
    /// <param name="subjectToken">Answers the platform's token, anew for every request.</param>
    /// <param name="tokenType">What it is. Default a JWT.</param>
    public static PosternGrant TokenExchange(Func<CancellationToken, ValueTask<string>> subjectToken, string tokenType = JwtTokenType)
    {
        ArgumentNullException.ThrowIfNull(subjectToken);
        ArgumentException.ThrowIfNullOrEmpty(tokenType);
        return new PosternGrant(async (request, cancellation) =>
        {
            request.Form["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange";
            request.Form["subject_token_type"] = tokenType;
            request.Form["subject_token"] = (await subjectToken(cancellation).ConfigureAwait(false)).Trim();
        });
    }

    /// <summary>A token of the platform in a file that it keeps fresh, such as a projected service account token of Kubernetes.</summary>
    /// <param name="path">The file; read for every request.</param>
    /// <param name="tokenType">What it holds. Default a JWT.</param>
    public static PosternGrant WorkloadFile(string path, string tokenType = JwtTokenType)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return TokenExchange(async cancellation => await File.ReadAllTextAsync(path, cancellation).ConfigureAwait(false), tokenType);
    }

    internal ValueTask WriteAsync(PosternGrantRequest request, CancellationToken cancellation) => _write(request, cancellation);
}

/// <summary>A token request as it is being written.</summary>
internal sealed class PosternGrantRequest(Uri endpoint)
{
    public Uri Endpoint => endpoint;

    public Dictionary<string, string> Form { get; } = new(StringComparer.Ordinal);

    /// <summary>Client id and secret for HTTP Basic (RFC 6749 §2.3.1); null where the grant needs none.</summary>
    public (string Id, string Secret)? Basic { get; set; }
}
