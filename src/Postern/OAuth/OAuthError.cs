using Microsoft.AspNetCore.Http;

namespace Postern.OAuth;

/// <summary>A request that the authorization server refuses: what RFC 6749 §5.2 answers. Its text is for the client and holds no secret.</summary>
/// <param name="code">The error's name.</param>
/// <param name="text">The <c>error_description</c>: what a person at a terminal reads.</param>
/// <param name="status">The HTTP status.</param>
internal sealed class OAuthException(string code, string text, int status = StatusCodes.Status400BadRequest) : Exception(text)
{
    public string Code => code;

    public int Status => status;

    /// <summary>When it makes sense to ask again.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Whether it counts among the failed attempts of its source address.</summary>
    public bool Counts { get; init; }

    public static OAuthException InvalidRequest(string text) => new("invalid_request", text);

    public static OAuthException InvalidClient(string text) => new("invalid_client", text, StatusCodes.Status401Unauthorized) { Counts = true };

    public static OAuthException InvalidGrant(string text) => new("invalid_grant", text) { Counts = true };

    public static OAuthException InvalidScope(string text) => new("invalid_scope", text);

    /// <summary>RFC 8707 §2.</summary>
    public static OAuthException InvalidTarget(string text) => new("invalid_target", text);

    /// <summary>Nobody knows the answer now: no "no".</summary>
    public static OAuthException Unavailable(string text) => new("temporarily_unavailable", text, StatusCodes.Status503ServiceUnavailable) { RetryAfter = TimeSpan.FromSeconds(2) };

    public static OAuthException TooMany(string text, TimeSpan? retryAfter) =>
        new("temporarily_unavailable", text, StatusCodes.Status429TooManyRequests) { RetryAfter = retryAfter ?? TimeSpan.FromSeconds(10) };
}
