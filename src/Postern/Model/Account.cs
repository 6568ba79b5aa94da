using System.Collections.Immutable;

namespace Postern.Model;

/// <summary>A service account or an agent of the gate's own: what policy names <c>account:</c> or <c>agent:</c>. Immutable; a change makes a new one with the next version.</summary>
internal sealed record Account
{
    /// <summary><c>acc_</c> and random letters. Never used again.</summary>
    public required string Id { get; init; }

    /// <summary>Service or Agent.</summary>
    public required CallerKind Kind { get; init; }

    /// <summary>The caller's subject: unique among all accounts and users, lower-case letters, digits, <c>.</c>, <c>-</c>, <c>_</c>.</summary>
    public required string Name { get; init; }

    public string Description { get; init; } = "";

    /// <summary>Who answers for it, as policy writes callers: <c>user:okta/alice@example.com</c> or <c>group:okta/payments</c>. Empty: nobody.</summary>
    public string Owner { get; init; } = "";

    public ImmutableSortedDictionary<string, string> Labels { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Patterns of namespaces that it may ever act in, whatever policy allows it. Empty: no such bound.</summary>
    public ImmutableArray<string> Namespaces { get; init; } = [];

    /// <summary>Audiences of APIs behind the engine that it may ask tokens for, each with the scopes it may ask for (RFC 8707).</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<string>> Audiences { get; init; } = ImmutableSortedDictionary<string, ImmutableArray<string>>.Empty;

    /// <summary>Public keys (JWK, one JSON text each) that its assertions are signed with (RFC 7523): it then needs no secret that the gate knows.</summary>
    public ImmutableArray<string> PublicKeys { get; init; } = [];

    /// <summary>When it ends with all its keys and tokens. Null: never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public bool Disabled { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Name of the caller who made it.</summary>
    public required string CreatedBy { get; init; }

    /// <summary>Counts changes, from 1; the management API's ETag.</summary>
    public long Version { get; init; } = 1;
}
