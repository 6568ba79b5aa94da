using Postern.Configuration;

namespace Postern.Tokens;

/// <summary>The gate's own OAuth 2.0 token endpoint, on every public listener. Needs <c>identity.accounts</c>.</summary>
internal sealed record TokensOptions
{
    /// <summary>
    /// The URL under which clients reach the gate, without a path: the <c>iss</c> of every token, and what the endpoints' addresses begin with. All gates of a cluster have the same. Required.
    /// </summary>
    [Required("https://gate.example.com")]
    public string Issuer { get; init; } = "";

    /// <summary>How long an access token lives. Default 15m; 10s to 1h.</summary>
    [Between("10s", "1h")]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long a login lasts, however often its tokens are refreshed. Default 12h; 5m to 30d.</summary>
    [Between("5m", "30d")]
    public TimeSpan Session { get; init; } = TimeSpan.FromHours(12);

    /// <summary>Leeway between the clocks of gates, for <c>exp</c> and <c>iat</c>. Default 5s; 0 to 5m.</summary>
    [Between("0", "5m")]
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(5);
}
