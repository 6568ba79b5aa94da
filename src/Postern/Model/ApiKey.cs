using System.Collections.Immutable;

namespace Postern.Model;

/// <summary>A long-lived credential of an account or a local user, as it is kept: its secret only as a keyed hash.</summary>
internal sealed record ApiKey
{
    /// <summary>The public part of the key's text, by which it is found: <c>pst_‹id›_…</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Id of the <see cref="Account"/> or <see cref="LocalUser"/> that it speaks for.</summary>
    public required string OwnerId { get; init; }

    /// <summary>What people call it: <c>ci</c>, <c>laptop</c>.</summary>
    public string Name { get; init; } = "";

    /// <summary>Keyed hash of the secret. Never leaves the store and the memory of gates.</summary>
    public required ImmutableArray<byte> Hash { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Name of the caller who made it.</summary>
    public required string CreatedBy { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Set once; a revoked key stays in the list for its history.</summary>
    public DateTimeOffset? RevokedAt { get; init; }

    /// <summary>The key that this one takes over from (<c>postern key rotate</c>).</summary>
    public string? Replaces { get; init; }

    /// <summary>Networks (CIDR) that it may come from. Empty: any.</summary>
    public ImmutableArray<string> Sources { get; init; } = [];

    /// <summary>Patterns of namespaces that it is narrowed to. Empty: those of its owner.</summary>
    public ImmutableArray<string> Namespaces { get; init; } = [];

    /// <summary>Roles that it is narrowed to: only bindings with one of them count. Empty: all of its owner's.</summary>
    public ImmutableArray<string> Roles { get; init; } = [];

    /// <summary>Counts changes, from 1; the management API's ETag. A use is no change.</summary>
    public long Version { get; init; } = 1;

    /// <summary>Neither revoked nor expired at a moment.</summary>
    public bool Lives(DateTimeOffset at) => RevokedAt is null && ExpiresAt > at;

    public bool Equals(ApiKey? other) => other is not null && Id == other.Id && Version == other.Version;

    public override int GetHashCode() => HashCode.Combine(Id, Version);

    // A record prints every property; a hash is no secret, but nobody needs it in a log.
    public override string ToString() => $"key {Id}";
}

/// <summary>When and from where a key was last used; kept beside it, written in batches.</summary>
internal sealed record KeyUse(string KeyId, DateTimeOffset At, string? From);
