using Postern.Configuration;
using Postern.Identity.Jwt;

namespace Postern.Identity.Federated;

/// <summary>
/// One issuer of workload tokens: a Kubernetes cluster, GitHub Actions, GitLab, a SPIFFE trust domain. Its tokens speak for accounts of the gate, by rules; a
/// workload then needs no secret of its own.
/// </summary>
internal sealed record FederatedOptions : IIssuerOptions
{
    /// <summary>Names the entry in records: <c>cluster</c>. Required, unique among all sources, letters, digits, <c>-</c> and <c>_</c>.</summary>
    [Required("cluster")]
    public string Name { get; init; } = "";

    /// <summary>
    /// The <c>iss</c> claim, compared exactly; discovery is read below it. Required unless there are a <c>trustDomain</c> and a <c>keySet</c>; unique among issuers and
    /// federated.
    /// </summary>
    public string Issuer { get; init; } = "";

    /// <summary>
    /// SPIFFE trust domain, <c>acme.example</c>: tokens without an <c>iss</c> whose <c>sub</c> is a workload of it are this entry's, and the entry's tokens name no
    /// other <c>sub</c>. Unique. Default: none, a token needs an <c>iss</c>.
    /// </summary>
    public string? TrustDomain { get; init; }

    /// <summary>A file with a JWK set instead of discovery. Default: discovery.</summary>
    [Path]
    public string? KeySet { get; init; }

    /// <summary>Accepted <c>aud</c> values; one must match. Required. Never an audience that the issuer puts into every token.</summary>
    [Required("[postern]")]
    public IReadOnlyList<string> Audiences { get; init; } = [];

    /// <summary>Accepted <c>typ</c> headers. Default: <c>JWT</c>, <c>at+jwt</c> and none; compared without case and without <c>application/</c>. Where given, a token without one is refused.</summary>
    public IReadOnlyList<string> TokenTypes { get; init; } = [];

    /// <summary>How long a fetched key set may serve while the issuer can't be reached. Default 24h; 1m to 7d.</summary>
    [Between("1m", "7d")]
    public TimeSpan StaleKeys { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Clock leeway for <c>exp</c>, <c>nbf</c>, <c>iat</c>. Default 60s; 0 to 5m.</summary>
    [Between("0", "5m")]
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Which tokens speak for which account. The first rule that matches decides; a token that none matches is refused. Required.</summary>
    [Required("[{ claims: { sub: \"system:serviceaccount:payments:worker\" }, account: payroll-worker }]")]
    public IReadOnlyList<FederationRuleOptions> Rules { get; init; } = [];
}

/// <summary>Tokens whose claims match speak for the account.</summary>
internal sealed record FederationRuleOptions
{
    /// <summary>
    /// Claim paths and what stands there (globs): all must match. A claim that is a list matches by any of its values; one that isn't there matches nothing.
    /// Required, and some of it must be more than <c>*</c>.
    /// </summary>
    [Required("{ sub: \"system:serviceaccount:payments:*\" }")]
    public IReadOnlyDictionary<string, string> Claims { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Name of an account of the gate. Required.</summary>
    [Required("payroll-worker")]
    public string Account { get; init; } = "";
}
