using Postern.Configuration;

namespace Postern.Identity.Introspection;

/// <summary>An authorization server that is asked what its opaque tokens mean (RFC 7662).</summary>
internal sealed record IntrospectionOptions : ICallerNaming
{
    /// <summary>Becomes part of every caller's name. Required, unique among all sources, letters, digits, <c>-</c> and <c>_</c>.</summary>
    [Required("legacy")]
    public string Name { get; init; } = "";

    /// <summary>The introspection endpoint: https, or http on loopback. Required. Redirects aren't followed.</summary>
    [Required("https://idp.example.com/oauth2/introspect")]
    public string Endpoint { get; init; } = "";

    /// <summary>This gate's client id there. Required.</summary>
    [Required("postern")]
    public string ClientId { get; init; } = "";

    /// <summary>The client's secret, sent by Basic authentication. Required.</summary>
    [Required("${file:introspection-secret}")]
    public Secret ClientSecret { get; init; } = new("");

    /// <summary>What this server's tokens begin with; others are never sent to it. Default: it takes every opaque token, and is the only entry. Required where there are several.</summary>
    public string? Prefix { get; init; }

    /// <summary>The <c>iss</c> of its answers, compared exactly; an answer without one is refused then. Default: not looked at.</summary>
    public string? Issuer { get; init; }

    /// <summary>Accepted <c>aud</c> values; one must match. Default: not looked at, since many servers answer for tokens of the asking client only.</summary>
    public IReadOnlyList<string> Audiences { get; init; } = [];

    /// <summary>Member of the answer that names the caller. Default <c>sub</c>; <c>email</c> needs <c>email_verified</c>.</summary>
    public string Subject { get; init; } = "sub";

    /// <summary>Path of the display name. Default: the subject.</summary>
    public string? Display { get; init; }

    /// <summary>Path of the groups. Default: none.</summary>
    public string? Groups { get; init; }

    /// <summary>Kind of caller: <c>human</c> (default), <c>service</c>, <c>agent</c>, or by claim.</summary>
    public CallerKindOptions Kind { get; init; } = new();

    /// <summary>How long an answer counts, within its <c>exp</c>: so long may a token that was revoked there still open something. Default 30s; 1s to 5m.</summary>
    [Between("1s", "5m")]
    public TimeSpan Cache { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How old the last good answer may be that serves while the endpoint gives none, within its <c>exp</c>. Default 0, none; to 10m.</summary>
    [Between("0", "10m")]
    public TimeSpan Stale { get; init; }

    /// <summary>How long an answer may take. Default 3s; 100ms to 30s.</summary>
    [Between("100ms", "30s")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(3);
}
