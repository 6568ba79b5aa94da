using Postern.Configuration;
using Postern.Identity.Certificates;
using Postern.Identity.Federated;
using Postern.Identity.Introspection;
using Postern.Identity.Jwt;
using Postern.Identity.Session;

namespace Postern.Identity;

/// <summary>Identity sources.</summary>
internal sealed record IdentityOptions
{
    /// <summary>Issuers of JWTs: identity providers. Default: none; some source of callers is required.</summary>
    public IReadOnlyList<IssuerOptions> Issuers { get; init; } = [];

    /// <summary>The gate's own accounts and keys, kept in the store. <c>accounts: enabled</c> takes every default. Default: none.</summary>
    public AccountsOptions? Accounts { get; init; }

    /// <summary>Issuers of workload tokens, with the accounts that they may speak for. Needs accounts. Default: none.</summary>
    public IReadOnlyList<FederatedOptions> Federated { get; init; } = [];

    /// <summary>Authorization servers that are asked what their opaque tokens mean (RFC 7662). Default: none.</summary>
    public IReadOnlyList<IntrospectionOptions> Introspection { get; init; } = [];

    /// <summary>Client certificates, and for whom they speak. Needs a listener with <c>clientCertificates</c>. Default: none.</summary>
    public IReadOnlyList<CertificateOptions> Certificates { get; init; } = [];

    /// <summary>Which kinds of credential namespaces take. Default: every kind, everywhere.</summary>
    public IReadOnlyList<NamespaceCredentialOptions> Namespaces { get; init; } = [];

    /// <summary>Sessions of people in browsers, where an engine's pages are served (its <c>ui</c>).</summary>
    public SessionsOptions Sessions { get; init; } = new();

    /// <summary>Whose names callers can have: every source that names callers itself, and <c>postern</c> where the gate keeps accounts.</summary>
    internal IReadOnlyList<string> CallerIssuers() =>
        [.. OwnNames().Select(entry => entry.Name).Where(name => name.Length > 0), .. KeepsAccounts ? [Model.Caller.OwnIssuer] : (ReadOnlySpan<string>)[]];

    /// <summary>Every issuer of JWTs with its place below <c>identity</c>, whoever its tokens speak for.</summary>
    internal IEnumerable<(string Place, IIssuerOptions Value)> AllIssuers() =>
        [.. Issuers.Select((issuer, i) => ($"issuers[{i}]", (IIssuerOptions)issuer)), .. Federated.Select((issuer, i) => ($"federated[{i}]", (IIssuerOptions)issuer))];

    /// <summary>The name of every entry, with its place below <c>identity</c>.</summary>
    internal IEnumerable<(string Place, string Name)> AllNames() => [
        .. AllIssuers().Select(issuer => (issuer.Place, issuer.Value.Name)),
        .. Introspection.Select((entry, i) => ($"introspection[{i}]", entry.Name)),
        .. Certificates.Select((entry, i) => ($"certificates[{i}]", entry.Name)),
    ];

    // Entries whose callers are called after them; the others' are accounts of the gate.
    private IEnumerable<(string Name, bool IsIssuer)> OwnNames() => [
        .. Issuers.Select(issuer => (issuer.Name, true)), .. Introspection.Select(entry => (entry.Name, true)), .. Certificates.Where(entry => entry.Account is null).Select(entry => (entry.Name, false)),
    ];

    /// <summary>Names by which a namespace can take the tokens of one issuer only.</summary>
    internal IEnumerable<string> IssuerNames() => OwnNames().Where(entry => entry.IsIssuer).Select(entry => entry.Name);

    internal bool KeepsAccounts => Accounts is { Enabled: true };
}

/// <summary>One issuer of JWTs.</summary>
internal sealed record IssuerOptions : IIssuerOptions, ICallerNaming
{
    /// <summary>Becomes part of every caller's name, so that two issuers can't collide. Required, unique, letters, digits, <c>-</c> and <c>_</c>.</summary>
    [Required("okta")]
    public string Name { get; init; } = "";

    /// <summary>The <c>iss</c> claim, compared exactly; discovery is read below it. Required.</summary>
    [Required("https://example.okta.com")]
    public string Issuer { get; init; } = "";

    /// <summary>A file with a JWK set instead of discovery. Default: discovery.</summary>
    [Path]
    public string? KeySet { get; init; }

    /// <summary>Accepted <c>aud</c> values; one must match. Required.</summary>
    [Required("[postern]")]
    public IReadOnlyList<string> Audiences { get; init; } = [];

    /// <summary>Claim that names the caller. Default <c>sub</c>; <c>email</c> needs <c>email_verified</c>.</summary>
    public string Subject { get; init; } = "sub";

    /// <summary>Claim path of the display name. Default: the subject.</summary>
    public string? Display { get; init; }

    /// <summary>Claim path of the groups: <c>groups</c>, <c>realm_access.roles</c>. Default: none.</summary>
    public string? Groups { get; init; }

    /// <summary>Kind of caller: <c>human</c> (default), <c>service</c>, <c>agent</c>, or by claim.</summary>
    public CallerKindOptions Kind { get; init; } = new();

    /// <summary>Accepted <c>typ</c> headers. Default: <c>JWT</c>, <c>at+jwt</c> and none; compared without case and without <c>application/</c>. Where given, a token without one is refused.</summary>
    public IReadOnlyList<string> TokenTypes { get; init; } = [];

    /// <summary>How people log in with it through the gate, where the gate has a section <c>tokens</c>. One issuer at most. Default: they don't.</summary>
    public LoginOptions? Login { get; init; }

    /// <summary>How long a fetched key set may serve while the issuer can't be reached. Default 24h; 1m to 7d.</summary>
    [Between("1m", "7d")]
    public TimeSpan StaleKeys { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Clock leeway for <c>exp</c>, <c>nbf</c>, <c>iat</c>. Default 60s; 0 to 5m.</summary>
    [Between("0", "5m")]
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>The gate as a client of an identity provider: authorization code with PKCE. Its redirect URI is <c>‹tokens.issuer›/oauth/callback</c>.</summary>
internal sealed record LoginOptions
{
    /// <summary>The client id that the provider knows the gate by. Required.</summary>
    [Required("postern")]
    public string ClientId { get; init; } = "";

    /// <summary>Its secret. Default: none, a public client.</summary>
    public Secret? ClientSecret { get; init; }

    /// <summary>Scopes that are asked for. Default <c>openid</c>, <c>profile</c>, <c>email</c>; add the one that brings groups.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = ["openid", "profile", "email"];
}

/// <summary>How a caller's kind is found. In YAML either one word or a mapping from a claim's values.</summary>
[OneWord(nameof(Default))]
internal sealed record CallerKindOptions
{
    /// <summary>The kind where no claim decides. Default human.</summary>
    public Model.CallerKind Default { get; init; } = Model.CallerKind.Human;

    /// <summary>Claim path whose value decides. Default: none.</summary>
    public string? Claim { get; init; }

    /// <summary>Claim values (globs) that make the caller a service.</summary>
    public IReadOnlyList<string> Service { get; init; } = [];

    /// <summary>Claim values (globs) that make the caller an agent.</summary>
    public IReadOnlyList<string> Agent { get; init; } = [];

    /// <summary>Claim values (globs) that make the caller human.</summary>
    public IReadOnlyList<string> Human { get; init; } = [];
}
