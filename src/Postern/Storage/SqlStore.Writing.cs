using Postern.Model;

namespace Postern.Storage;

/// <summary>Accounts, users, keys and revocations. Under the revision's lock nothing else changes: what is looked up first still holds when it is written.</summary>
internal abstract partial class SqlStore
{
    public Task<WriteResult> CreateAsync(Account account, CancellationToken cancellation) => CreateNamedAsync("accounts", StoredKind.Account, account.Id, account.Name, account with { Version = 1 }, cancellation);

    public Task<WriteResult> UpdateAsync(Account account, CancellationToken cancellation) =>
        UpdateNamedAsync("accounts", account.Id, account.Name, account.Version, account with { Version = account.Version + 1 }, cancellation);

    public Task<WriteResult> DeleteAccountAsync(string id, long? version, CancellationToken cancellation) => DeleteNamedAsync("accounts", StoredKind.Account, id, version, cancellation);

    public Task<WriteResult> CreateAsync(LocalUser user, CancellationToken cancellation) => CreateNamedAsync("users", StoredKind.User, user.Id, user.Name, user with { Version = 1 }, cancellation);

    public Task<WriteResult> UpdateAsync(LocalUser user, CancellationToken cancellation) =>
        UpdateNamedAsync("users", user.Id, user.Name, user.Version, user with { Version = user.Version + 1 }, cancellation);

    public Task<WriteResult> DeleteUserAsync(string id, long? version, CancellationToken cancellation) => DeleteNamedAsync("users", StoredKind.User, id, version, cancellation);

    public Task<WriteResult> CreateAsync(ApiKey key, CancellationToken cancellation) => CreateAsync(key, int.MaxValue, default, cancellation);

    public Task<WriteResult> CreateAsync(ApiKey key, int most, DateTimeOffset at, CancellationToken cancellation) => ChangeAsync(async (session, revision) =>
    {
        if (await session.FirstAsync<string>("SELECT owner_id FROM names WHERE owner_id = @OwnerId", new { key.OwnerId }) is null)
        {
            return new WriteResult.Missing();
        }

        if (most < int.MaxValue && (await session.ListAsync<string>("SELECT data FROM api_keys WHERE owner_id = @OwnerId", new { key.OwnerId })).Count(data => StoredJson.Read<ApiKey>(data).Lives(at)) >= most)
        {
            return new WriteResult.TooMany();
        }

        var row = new { key.Id, key.OwnerId, Revision = revision.Number, Data = StoredJson.Write(key with { Version = 1 }) };
        if (await session.ExecuteAsync("INSERT INTO api_keys (id, owner_id, version, revision, data) VALUES (@Id, @OwnerId, 1, @Revision, @Data) ON CONFLICT DO NOTHING", row) == 0)
        {
            return new WriteResult.IdTaken();
        }

        await UnburyAsync(session, StoredKind.Key, key.Id);
        return new WriteResult.Done(1, revision);
    }, cancellation);

    public Task<WriteResult> UpdateAsync(ApiKey key, CancellationToken cancellation) => ChangeAsync(async (session, revision) =>
    {
        // A key never changes hands: one of another owner isn't this key.
        var version = await session.FirstAsync<long?>("SELECT version FROM api_keys WHERE id = @Id AND owner_id = @OwnerId", new { key.Id, key.OwnerId });
        return Differs(version, key.Version) ?? await ReplaceAsync(session, "api_keys", key.Id, key.Version + 1, revision, StoredJson.Write(key with { Version = key.Version + 1 }));
    }, cancellation);

    public Task<WriteResult> DeleteKeyAsync(string id, long? version, CancellationToken cancellation) => ChangeAsync(async (session, revision) =>
    {
        var stored = await VersionAsync(session, "api_keys", id);
        if (Differs(stored, version) is { } difference)
        {
            return difference;
        }

        await DeleteKeysAsync(session, "id", id, revision);
        return new WriteResult.Done(stored!.Value, revision);
    }, cancellation);

    public Task NoteUsesAsync(IReadOnlyCollection<KeyUse> uses, CancellationToken cancellation)
    {
        // One row per key, in an order that all gates keep: two batches could otherwise wait for each other.
        var rows = uses.GroupBy(use => use.KeyId, StringComparer.Ordinal).Select(group => group.MaxBy(use => use.At)!).OrderBy(use => use.KeyId, StringComparer.Ordinal)
            .Select(use => new object?[] { use.KeyId, use.At.ToUnixTimeMilliseconds(), use.From }).ToList();
        return rows.Count == 0 ? Task.CompletedTask : WriteAsync(async session =>
        {
            await BulkInsert.IntoAsync(session, "key_uses", ["key_id", "used_at", "address"], rows,
                "ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at, address = excluded.address WHERE excluded.used_at > key_uses.used_at", cancellation);
            return (true, true);
        }, cancellation);
    }

    public async Task<StoreRevision> RevokeAsync(IReadOnlyCollection<Revocation> revocations, CancellationToken cancellation)
    {
        var result = await ChangeAsync(async (session, revision) =>
        {
            foreach (var revocation in revocations)
            {
                await session.ExecuteAsync("""
                    INSERT INTO revocations (kind, value, revoked_at, until_at, revoked_by, revision) VALUES (@Kind, @Value, @At, @Until, @By, @Revision)
                    ON CONFLICT (kind, value) DO UPDATE SET
                        revoked_at = CASE WHEN excluded.revoked_at > revocations.revoked_at THEN excluded.revoked_at ELSE revocations.revoked_at END,
                        until_at = CASE WHEN excluded.until_at IS NULL OR revocations.until_at IS NULL THEN NULL
                            WHEN excluded.until_at > revocations.until_at THEN excluded.until_at ELSE revocations.until_at END,
                        revoked_by = excluded.revoked_by,
                        revision = excluded.revision
                    """, new
                {
                    Kind = revocation.Kind.ToString(),
                    revocation.Value,
                    At = revocation.At.ToUnixTimeMilliseconds(),
                    Until = revocation.Until?.ToUnixTimeMilliseconds(),
                    revocation.By,
                    Revision = revision.Number,
                });
                await UnburyAsync(session, StoredKind.Revocation, revocation.Id);
            }

            return new WriteResult.Done(1, revision);
        }, cancellation);
        return ((WriteResult.Done)result).Revision;
    }

    public async Task<bool> LiftAsync(RevocationKind kind, string value, CancellationToken cancellation) => await ChangeAsync(async (session, revision) =>
    {
        if (await session.ExecuteAsync("DELETE FROM revocations WHERE kind = @Kind AND value = @value", new { Kind = kind.ToString(), value }) == 0)
        {
            return new WriteResult.Missing();
        }

        await BuryAsync(session, StoredKind.Revocation, Revocation.IdOf(kind, value), revision);
        return new WriteResult.Done(1, revision);
    }, cancellation) is WriteResult.Done;

    private Task<WriteResult> CreateNamedAsync<T>(string table, StoredKind kind, string id, string name, T value, CancellationToken cancellation) => ChangeAsync(async (session, revision) =>
    {
        var row = new { id, Revision = revision.Number, Data = StoredJson.Write(value) };
        if (await session.ExecuteAsync($"INSERT INTO {table} (id, version, revision, data) VALUES (@id, 1, @Revision, @Data) ON CONFLICT DO NOTHING", row) == 0)
        {
            return new WriteResult.IdTaken();
        }

        if (await session.ExecuteAsync("INSERT INTO names (name, owner_id) VALUES (@name, @id) ON CONFLICT DO NOTHING", new { name, id }) == 0)
        {
            return new WriteResult.NameTaken();
        }

        await UnburyAsync(session, kind, id);
        return new WriteResult.Done(1, revision);
    }, cancellation);

    private Task<WriteResult> UpdateNamedAsync<T>(string table, string id, string name, long version, T value, CancellationToken cancellation) => ChangeAsync(async (session, revision) =>
    {
        if (Differs(await VersionAsync(session, table, id), version) is { } difference)
        {
            return difference;
        }

        if (await session.FirstAsync<string>("SELECT owner_id FROM names WHERE name = @name", new { name }) is { } owner && owner != id)
        {
            return new WriteResult.NameTaken();
        }

        await session.ExecuteAsync("UPDATE names SET name = @name WHERE owner_id = @id", new { name, id });
        return await ReplaceAsync(session, table, id, version + 1, revision, StoredJson.Write(value));
    }, cancellation);

    private Task<WriteResult> DeleteNamedAsync(string table, StoredKind kind, string id, long? version, CancellationToken cancellation) => ChangeAsync(async (session, revision) =>
    {
        var stored = await VersionAsync(session, table, id);
        if (Differs(stored, version) is { } difference)
        {
            return difference;
        }

        await DeleteKeysAsync(session, "owner_id", id, revision);
        await session.ExecuteAsync($"DELETE FROM {table} WHERE id = @id", new { id });
        await session.ExecuteAsync("DELETE FROM names WHERE owner_id = @id", new { id });
        await BuryAsync(session, kind, id, revision);
        return new WriteResult.Done(stored!.Value, revision);
    }, cancellation);

    private static async Task<WriteResult> ReplaceAsync(StoreSession session, string table, string id, long version, StoreRevision revision, string data)
    {
        await session.ExecuteAsync($"UPDATE {table} SET version = @version, revision = @Revision, data = @data WHERE id = @id", new { id, version, Revision = revision.Number, data });
        return new WriteResult.Done(version, revision);
    }

    private async Task DeleteKeysAsync(StoreSession session, string column, string value, StoreRevision revision)
    {
        foreach (var id in await session.ListAsync<string>($"SELECT id FROM api_keys WHERE {column} = @value", new { value }))
        {
            await session.ExecuteAsync("DELETE FROM api_keys WHERE id = @id", new { id });
            await session.ExecuteAsync("DELETE FROM key_uses WHERE key_id = @id", new { id });
            await BuryAsync(session, StoredKind.Key, id, revision);
        }
    }

    private static Task<long?> VersionAsync(StoreSession session, string table, string id) => session.FirstAsync<long?>($"SELECT version FROM {table} WHERE id = @id", new { id });

    private static WriteResult? Differs(long? stored, long? expected) => stored is not { } version ? new WriteResult.Missing()
        : expected is null || expected == version ? null
        : new WriteResult.Conflict(version);

    private Task<int> BuryAsync(StoreSession session, StoredKind kind, string id, StoreRevision revision) => session.ExecuteAsync(
        "INSERT INTO tombstones (kind, id, revision, deleted_at) VALUES (@Kind, @id, @Revision, @Now)", new { Kind = kind.ToString(), id, Revision = revision.Number, Now });

    private static Task<int> UnburyAsync(StoreSession session, StoredKind kind, string id) =>
        session.ExecuteAsync("DELETE FROM tombstones WHERE kind = @Kind AND id = @id", new { Kind = kind.ToString(), id });
}
