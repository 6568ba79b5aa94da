using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Model;

internal enum CallerKind : byte { Human, Service, Agent }

/// <summary>What kind of credential a caller came with.</summary>
internal enum CredentialKind : byte
{
    /// <summary>A token of a configured issuer.</summary>
    Issuer,

    /// <summary>A key of the gate's own.</summary>
    ApiKey,

    /// <summary>A client certificate.</summary>
    Certificate,

    /// <summary>A workload's token that a rule of federation maps to an account.</summary>
    Federated,

    /// <summary>A token that the gate issued.</summary>
    Postern,

    /// <summary>A token that its issuer was asked about (RFC 7662).</summary>
    Introspected,

    /// <summary>A sealed credential for emergencies.</summary>
    BreakGlass,
}

/// <summary>Who is calling, as verified. Immutable; one instance per verified token, so that what is compiled for it can hang from it.</summary>
internal sealed record Caller
{
    /// <summary>The issuer's name of whoever the gate itself keeps; no configured issuer may be called so.</summary>
    public const string OwnIssuer = "postern";

    public required CallerKind Kind { get; init; }

    /// <summary>Name of the issuer as configured (<c>okta</c>), not its URL.</summary>
    public required string Issuer { get; init; }

    /// <summary>The subject as the issuer's configured claim gives it.</summary>
    public required string Subject { get; init; }

    /// <summary>The one canonical form, used in audit, stamp and minted token alike: <c>okta/alice@example.com</c>.</summary>
    public required string Name { get; init; }

    /// <summary>What people read: <c>alice@example.com</c>. Never used to decide.</summary>
    public required string DisplayName { get; init; }

    /// <summary>Group names as the issuer gave them, without the issuer's name.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>The name in the client certificate that the caller proved, for <c>certificate:</c> in policy; null where it proved none.</summary>
    public string? Certificate { get; init; }

    /// <summary>All claims of the verified token, for <c>claim:path=glob</c> in policy. Never printed.</summary>
    public JsonElement Claims { get; init; }

    /// <summary>Token id (<c>jti</c>), if any.</summary>
    public string? TokenId { get; init; }

    /// <summary>Session id (<c>sid</c>), if any.</summary>
    public string? SessionId { get; init; }

    /// <summary>Key id that verified the token, if any.</summary>
    public string? KeyId { get; init; }

    /// <summary>Who acts for this caller (RFC 8693 <c>act</c>), outermost first.</summary>
    public ImmutableArray<string> Actors { get; init; } = [];

    /// <summary>What it came with.</summary>
    public CredentialKind Credential { get; init; }

    /// <summary>The public id of the key or certificate that it came with, if any: what is revoked, and what a record is searched for.</summary>
    public string? CredentialId { get; init; }

    /// <summary>Sets of namespace patterns, one pattern of each of which must match wherever it acts. None: policy alone decides.</summary>
    public ImmutableArray<ImmutableArray<string>> NamespaceBounds { get; init; } = [];

    /// <summary>Roles that its credential is narrowed to: only bindings with one of them count. Empty: every binding does.</summary>
    public ImmutableArray<string> RoleBounds { get; init; } = [];

    /// <summary>Names of the engines that its credential was made for. Empty: any.</summary>
    public ImmutableArray<string> Engines { get; init; } = [];

    /// <summary>The task that its credential is bound to; null for most.</summary>
    public BoundTask? Task { get; init; }

    /// <summary>When the credential ends.</summary>
    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The same caller with less.</summary>
    public Caller NarrowedTo(ImmutableArray<string> namespaces, ImmutableArray<string> roles) => this with
    {
        NamespaceBounds = namespaces.IsEmpty ? NamespaceBounds : NamespaceBounds.Add(namespaces),
        RoleBounds = roles.IsEmpty ? RoleBounds : RoleBounds.IsEmpty ? roles : [.. roles.Intersect(RoleBounds).DefaultIfEmpty("")],
    };

    public bool Equals(Caller? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    public override string ToString() => Name;
}
