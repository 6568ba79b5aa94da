using System.Collections.Immutable;

namespace Postern.Model;

/// <summary>A person without an identity provider: <c>user:postern/‹name›</c> in policy.</summary>
internal sealed record LocalUser
{
    /// <summary><c>usr_</c> and random letters. Never used again.</summary>
    public required string Id { get; init; }

    /// <summary>The caller's subject: unique among all accounts and users.</summary>
    public required string Name { get; init; }

    /// <summary>What people read. Empty: the name.</summary>
    public string DisplayName { get; init; } = "";

    /// <summary>Groups, for <c>group:postern/‹name›</c> in policy.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>Salted hash of the password with its cost: <c>pbkdf2-sha256$600000$salt$hash</c>.</summary>
    public required string Password { get; init; }

    public bool Disabled { get; init; }

    /// <summary>Counts what ends every session of the user, from 1: a new password, and being disabled. A session keeps the number of its login.</summary>
    public long SessionVersion { get; init; } = 1;

    public required DateTimeOffset CreatedAt { get; init; }

    public required string CreatedBy { get; init; }

    /// <summary>Counts changes, from 1; the management API's ETag.</summary>
    public long Version { get; init; } = 1;

    public bool Equals(LocalUser? other) => other is not null && Id == other.Id && Version == other.Version;

    public override int GetHashCode() => HashCode.Combine(Id, Version);

    public override string ToString() => $"user {Name}";
}
