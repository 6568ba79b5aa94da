namespace Postern.Model;

/// <summary>A state of the store. Every write that gates hold in memory makes the next number; a number means something within one store only.</summary>
/// <param name="Store">Which store: another one, or one that was restored, has another id.</param>
/// <param name="Number">Counts writes.</param>
internal readonly record struct StoreRevision(string Store, long Number);

/// <summary>What kind of row is gone.</summary>
internal enum StoredKind : byte { Account, Key, User, Revocation, BrowserSession }

/// <summary>A row that is gone. A revocation's id is <see cref="Revocation.Id"/>.</summary>
internal readonly record struct StoreDeletion(StoredKind Kind, string Id);

/// <summary>What a gate holds in memory of the store: all of it, or what changed since a revision, each as of one moment.</summary>
internal sealed record StoreChanges
{
    /// <summary>The state that this leads to.</summary>
    public required StoreRevision Revision { get; init; }

    /// <summary>Whether this is everything: what isn't in it is gone, and <see cref="Deletions"/> is empty.</summary>
    public required bool IsWhole { get; init; }

    public IReadOnlyList<Account> Accounts { get; init; } = [];

    public IReadOnlyList<ApiKey> Keys { get; init; } = [];

    public IReadOnlyList<LocalUser> Users { get; init; } = [];

    /// <summary>May hold some that have ended by themselves; the store forgets those without a word.</summary>
    public IReadOnlyList<BrowserSession> BrowserSessions { get; init; } = [];

    /// <summary>May hold some that have ended (<see cref="Revocation.Until"/>); the store forgets those without a word.</summary>
    public IReadOnlyList<Revocation> Revocations { get; init; } = [];

    public IReadOnlyList<StoreDeletion> Deletions { get; init; } = [];

    public bool IsEmpty => !IsWhole && Accounts.Count + Keys.Count + Users.Count + Revocations.Count + BrowserSessions.Count + Deletions.Count == 0;
}
