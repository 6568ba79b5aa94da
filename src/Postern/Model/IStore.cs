namespace Postern.Model;

/// <summary>
/// Where accounts, keys, users, sessions and revocations are kept: SQLite, or PostgreSQL for several gates. Nothing here may be awaited on the request path:
/// what calls need is held in memory (<see cref="ReadAsync"/>, <see cref="ChangesSinceAsync"/>).
/// Every member throws <see cref="StoreUnavailableException"/> where the store can't answer.
/// </summary>
internal interface IStore : IAsyncDisposable
{
    /// <summary>Calls <paramref name="action"/> after each write of this process that changed what gates hold in memory. It must be quick and not throw.</summary>
    void WhenWritten(Action action);

    // What gates hold in memory.

    /// <summary>Everything, as of one moment.</summary>
    Task<StoreChanges> ReadAsync(CancellationToken cancellation);

    /// <summary>What changed since <paramref name="since"/>, as of one moment; everything where that can't be told any more (another store, or too long ago).</summary>
    Task<StoreChanges> ChangesSinceAsync(StoreRevision since, CancellationToken cancellation);

    // Accounts, keys and users. A new object's version is 1. An update carries the version that it was made from, and fails where that isn't the version now;
    // the store counts on.

    Task<WriteResult> CreateAsync(Account account, CancellationToken cancellation);

    Task<WriteResult> UpdateAsync(Account account, CancellationToken cancellation);

    /// <summary>Deletes an account with its keys. A null version is any.</summary>
    Task<WriteResult> DeleteAccountAsync(string id, long? version, CancellationToken cancellation);

    Task<WriteResult> CreateAsync(LocalUser user, CancellationToken cancellation);

    Task<WriteResult> UpdateAsync(LocalUser user, CancellationToken cancellation);

    /// <summary>Deletes a user with its keys. A null version is any.</summary>
    Task<WriteResult> DeleteUserAsync(string id, long? version, CancellationToken cancellation);

    /// <summary>Adds a key to an account or a user that exists.</summary>
    Task<WriteResult> CreateAsync(ApiKey key, CancellationToken cancellation);

    /// <summary>Adds a key where the owner has fewer than <paramref name="most"/> that live at <paramref name="at"/>; of all gates that try at once, no more get in than there is room for.</summary>
    Task<WriteResult> CreateAsync(ApiKey key, int most, DateTimeOffset at, CancellationToken cancellation);

    Task<WriteResult> UpdateAsync(ApiKey key, CancellationToken cancellation);

    Task<WriteResult> DeleteKeyAsync(string id, long? version, CancellationToken cancellation);

    /// <summary>Notes uses of keys, in batches: the latest wins, whatever the order. Doesn't change the revision.</summary>
    Task NoteUsesAsync(IReadOnlyCollection<KeyUse> uses, CancellationToken cancellation);

    /// <summary>The last uses of these keys; those never used are not in the answer.</summary>
    Task<IReadOnlyList<KeyUse>> UsesOfAsync(IReadOnlyCollection<string> keyIds, CancellationToken cancellation);

    // Revocations.

    /// <summary>Adds revocations. One that is there already becomes what both say: the later moment, the longer life.</summary>
    Task<StoreRevision> RevokeAsync(IReadOnlyCollection<Revocation> revocations, CancellationToken cancellation);

    /// <summary>Takes a revocation back. False: there was none.</summary>
    Task<bool> LiftAsync(RevocationKind kind, string value, CancellationToken cancellation);

    // Sessions.

    /// <summary>False: the id is in use.</summary>
    Task<bool> CreateAsync(RefreshFamily family, CancellationToken cancellation);

    Task<RefreshFamily?> FamilyAsync(string id, CancellationToken cancellation);

    /// <summary>All sessions of a caller that haven't ended.</summary>
    Task<IReadOnlyList<RefreshFamily>> FamiliesOfAsync(string callerName, CancellationToken cancellation);

    /// <summary>
    /// Puts <paramref name="next"/> in the place of <paramref name="current"/>, where that still is the newest token; <paramref name="previous"/> is the token
    /// that stays good beside it. Of two gates that try with the same token, one rotates.
    /// </summary>
    Task<RotateResult> RotateAsync(string familyId, string current, string next, string? previous, DateTimeOffset at, CancellationToken cancellation);

    /// <summary>Ends a session. False: it had ended, or there is none.</summary>
    Task<bool> EndFamilyAsync(string id, DateTimeOffset at, CancellationToken cancellation);

    // Sessions of browsers.

    Task<WriteResult> CreateAsync(BrowserSession session, CancellationToken cancellation);

    Task<WriteResult> UpdateAsync(BrowserSession session, CancellationToken cancellation);

    /// <summary>Ends sessions, on every gate. Null: none of them was left.</summary>
    Task<StoreRevision?> EndSessionsAsync(IReadOnlyCollection<string> ids, CancellationToken cancellation);

    /// <summary>For a cookie whose session this gate hasn't heard of yet.</summary>
    Task<BrowserSession?> BrowserSessionAsync(string id, CancellationToken cancellation);

    // What is good once.

    /// <summary>False: the id or the hash is in use within its kind, used up or not. For a <c>jti</c> that is all: who put it may go on.</summary>
    Task<bool> PutAsync(OneTime item, CancellationToken cancellation);

    /// <summary>Uses it: of all gates that try at once, exactly one gets it.</summary>
    Task<TakeResult> TakeAsync(OneTimeKind kind, string id, DateTimeOffset at, CancellationToken cancellation);

    Task<OneTime?> OneTimeAsync(OneTimeKind kind, string id, CancellationToken cancellation);

    Task<OneTime?> OneTimeByHashAsync(OneTimeKind kind, string hash, CancellationToken cancellation);

    /// <summary>Changes the data of one that isn't used (a device code that was approved). False: it was changed or used since it was read, or is gone.</summary>
    Task<bool> UpdateAsync(OneTime item, CancellationToken cancellation);

    // Housekeeping.

    /// <summary>Forgets what ended long enough ago; any gate may, at any time. Answers how many rows.</summary>
    Task<int> SweepAsync(DateTimeOffset now, CancellationToken cancellation);
}
