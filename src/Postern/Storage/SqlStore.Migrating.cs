using System.Security.Cryptography;
using Postern.Model;

namespace Postern.Storage;

/// <summary>The schema, step by step, forward only; and what ended long ago.</summary>
internal abstract partial class SqlStore
{
    private static readonly TimeSpan s_kept = TimeSpan.FromDays(30);

    // Other gates' clocks may be behind.
    private static readonly TimeSpan s_grace = TimeSpan.FromHours(1);

    /// <summary>
    /// Applies the steps that the store lacks, each in a transaction of its own; of two gates that start at once one waits. Answers those applied now.
    /// Throws <see cref="StoreMismatchException"/> where the store is a newer build's, or its steps were others, and <see cref="StoreUnavailableException"/>.
    /// </summary>
    public Task<IReadOnlyList<Migration>> MigrateAsync(CancellationToken cancellation) => AskAsync(async () =>
    {
        await PrepareAsync(cancellation);
        var now = new List<Migration>();
        while (true)
        {
            await using var session = await BeginWriteAsync(cancellation);
            await LockMigrationsAsync(session);
            var applied = await AppliedAsync(session);
            if (StoreMismatchException.Difference(applied) is { } difference)
            {
                throw new StoreMismatchException(difference);
            }

            if (applied.Count == Migration.All.Count)
            {
                return (IReadOnlyList<Migration>)now;
            }

            var next = Migration.All[applied.Count];
            await ApplyAsync(session, next);
            await session.CommitAsync();
            now.Add(next);
        }
    });

    /// <summary>How the store stands to this build; changes nothing, and makes no store where there is none.</summary>
    public Task<StoreStatus> StatusAsync(CancellationToken cancellation) => AskAsync(async () =>
    {
        if (!MayExist)
        {
            return new StoreStatus([], null, null);
        }

        await using var session = await BeginReadAsync(cancellation);
        var applied = await AppliedAsync(session);
        var difference = StoreMismatchException.Difference(applied);
        return new StoreStatus(applied, difference, applied.Count == Migration.All.Count && difference is null ? await CountAsync(session) : null);
    });

    public Task<int> SweepAsync(DateTimeOffset now, CancellationToken cancellation) => WriteAsync(async session =>
    {
        var arguments = new { Ended = (now - s_grace).ToUnixTimeMilliseconds(), Old = (now - s_kept).ToUnixTimeMilliseconds() };
        // The lock first, as every other write does.
        await session.ExecuteAsync("""
            UPDATE store_state SET forgotten = (SELECT coalesce(max(revision), store_state.forgotten) FROM tombstones WHERE deleted_at < @Old)
            WHERE EXISTS (SELECT 1 FROM tombstones WHERE deleted_at < @Old)
            """, arguments);
        var rows = await session.ExecuteAsync("DELETE FROM tombstones WHERE revision <= (SELECT forgotten FROM store_state)");
        rows += await session.ExecuteAsync("DELETE FROM revocations WHERE until_at < @Ended", arguments);
        rows += await session.ExecuteAsync("DELETE FROM one_time WHERE expires_at < @Ended", arguments);
        rows += await session.ExecuteAsync("DELETE FROM refresh_families WHERE expires_at < @Old OR ended_at < @Old", arguments);
        rows += await session.ExecuteAsync("DELETE FROM browser_sessions WHERE expires_at < @Ended", arguments);
        rows += await session.ExecuteAsync("DELETE FROM key_uses WHERE key_id NOT IN (SELECT id FROM api_keys)");
        return (rows, rows > 0);
    }, cancellation);

    private async Task ApplyAsync(StoreSession session, Migration migration)
    {
        await session.ExecuteAsync("CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)");
        await session.ExecuteAsync(migration.Sql);
        await session.ExecuteAsync("INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (@Number, @Name, @Checksum, @Now)",
            new { migration.Number, migration.Name, migration.Checksum, Now });
        if (migration.Number == 1)
        {
            await session.ExecuteAsync("INSERT INTO store_state (store, revision, forgotten) VALUES (@Store, 0, 0)", new { Store = NewStoreId() });
        }
    }

    private async Task<IReadOnlyList<AppliedMigration>> AppliedAsync(StoreSession session) => await session.FirstAsync<long>(HasMigrationsSql) == 0
        ? []
        : await session.ListAsync<AppliedMigration>("SELECT number AS Number, name AS Name, checksum AS Checksum, applied_at AS AppliedAt FROM schema_migrations ORDER BY number");

    private static async Task<StoreCounts> CountAsync(StoreSession session) => await session.FirstAsync<StoreCounts>("""
        SELECT (SELECT revision FROM store_state) AS Revision, (SELECT count(*) FROM accounts) AS Accounts, (SELECT count(*) FROM api_keys) AS Keys,
            (SELECT count(*) FROM users) AS Users, (SELECT count(*) FROM refresh_families WHERE ended_at IS NULL) AS Sessions, (SELECT count(*) FROM revocations) AS Revocations
        """) ?? throw new InvalidOperationException("A query without a table has one row.");

    private static string NewStoreId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
}

/// <summary>How a store stands to this build.</summary>
/// <param name="Applied">The steps behind it; empty where there is no store yet.</param>
/// <param name="Difference">Why this build can't work with it; null where it can, now or after migrating.</param>
/// <param name="Counts">What is in it; null where it isn't at this build's migration.</param>
internal sealed record StoreStatus(IReadOnlyList<AppliedMigration> Applied, string? Difference, StoreCounts? Counts);

/// <summary>How much is in a store.</summary>
internal sealed record StoreCounts(long Revision, long Accounts, long Keys, long Users, long Sessions, long Revocations);
