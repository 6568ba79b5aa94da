using System.Collections.Immutable;

namespace Postern.Model;

/// <summary>A session: the chain of refresh tokens that came of one login. Tokens stand in it as hashes.</summary>
internal sealed record RefreshFamily
{
    /// <summary><c>fam_</c> and random letters. Never used again.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the caller, by which all sessions of one are found.</summary>
    public required string CallerName { get; init; }

    /// <summary>The caller as verified at login, as JSON.</summary>
    public required string Caller { get; init; }

    public required string ClientId { get; init; }

    /// <summary>Scopes, separated by blanks, as OAuth writes them.</summary>
    public string Scope { get; init; } = "";

    public ImmutableArray<string> Audiences { get; init; } = [];

    /// <summary>Hash of the newest token.</summary>
    public required string CurrentHash { get; init; }

    /// <summary>Hash of the token before it, which stays good until the newest has been used once. Null: none.</summary>
    public string? PreviousHash { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The end, however often it is refreshed.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; init; }

    /// <summary>Set once: logged out, revoked, or a token came that had been used up.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    // A record prints every property; nobody needs hashes in a log.
    public override string ToString() => $"family {Id}";
}

/// <summary>What came of putting the next token in the newest one's place.</summary>
internal enum RotateResult : byte
{
    /// <summary>Done; nobody else did so with the same token.</summary>
    Rotated,

    /// <summary>The newest token is another one by now: read the family again.</summary>
    Superseded,

    /// <summary>The family has ended or expired.</summary>
    Ended,

    /// <summary>There is no such family.</summary>
    Missing,
}
