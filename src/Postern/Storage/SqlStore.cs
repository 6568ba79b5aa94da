using System.Data.Common;
using System.Net.Sockets;
using System.Text.Json;
using Postern.Model;

namespace Postern.Storage;

/// <summary>
/// The store in SQL that both databases speak. Writes of what gates hold in memory take the next revision first, and with it the lock of its one row: they
/// come one after the other, and revisions are in the order of commits.
/// </summary>
internal abstract partial class SqlStore(TimeProvider time) : IStore
{
    private readonly Lock _gate = new();
    private Action? _written;

    /// <summary>What it is: <c>sqlite</c> or <c>postgres</c>.</summary>
    public abstract string Kind { get; }

    /// <summary>Where it is, for people; holds no secret.</summary>
    public abstract string Place { get; }

    /// <summary>How often a feed asks whether something changed.</summary>
    public abstract TimeSpan PollInterval { get; }

    /// <summary>Query that answers 1 where the store has been migrated at least once, 0 otherwise.</summary>
    protected abstract string HasMigrationsSql { get; }

    protected TimeProvider Time => time;

    public void WhenWritten(Action action)
    {
        lock (_gate)
        {
            _written += action;
        }
    }

    /// <summary>
    /// Calls <paramref name="changed"/> when another process may have written, and once when it begins to listen; ends only by an exception.
    /// A database that can't tell waits for ever: the poll finds out.
    /// </summary>
    public abstract Task ListenAsync(Action changed, CancellationToken cancellation);

    public abstract ValueTask DisposeAsync();

    /// <summary>A transaction that sees one moment and writes nothing.</summary>
    protected abstract Task<StoreSession> BeginReadAsync(CancellationToken cancellation);

    /// <summary>A transaction that writes.</summary>
    protected abstract Task<StoreSession> BeginWriteAsync(CancellationToken cancellation);

    /// <summary>Makes what must be there before the first transaction: folder, file.</summary>
    protected abstract Task PrepareAsync(CancellationToken cancellation);

    /// <summary>Whether there is a database at all to ask; SQLite's file may not have been made yet.</summary>
    protected abstract bool MayExist { get; }

    /// <summary>Holds back whoever else migrates, until the transaction ends.</summary>
    protected abstract Task LockMigrationsAsync(StoreSession session);

    /// <summary>Tells other gates, when the transaction is committed.</summary>
    protected abstract Task AnnounceAsync(StoreSession session);

    /// <summary>After trouble: drops connections that may have gone the same way, so that the next question meets the store as it then is.</summary>
    protected abstract void Forget(Exception trouble);

    /// <summary>Copies the whole store into a SQLite file that doesn't exist yet, as of one moment, while writes go on.</summary>
    protected abstract Task CopyToAsync(string file, CancellationToken cancellation);

    protected Task<T> ReadAsync<T>(Func<StoreSession, Task<T>> read, CancellationToken cancellation) => AskAsync(async () =>
    {
        await using var session = await BeginReadAsync(cancellation);
        return await read(session);
    });

    /// <summary>Writes what no gate holds in memory; committed where <paramref name="write"/> says that something changed.</summary>
    protected Task<T> WriteAsync<T>(Func<StoreSession, Task<(T Result, bool IsChanged)>> write, CancellationToken cancellation) => AskAsync(async () =>
    {
        await using var session = await BeginWriteAsync(cancellation);
        EnsureKnown(await session.FirstAsync<long?>("SELECT max(number) FROM schema_migrations"));
        var (result, isChanged) = await write(session);
        if (isChanged)
        {
            await session.CommitAsync();
        }

        return result;
    });

    /// <summary>Writes what gates hold in memory, under the next revision; committed where the result is <see cref="WriteResult.Done"/>.</summary>
    private Task<WriteResult> ChangeAsync(Func<StoreSession, StoreRevision, Task<WriteResult>> change, CancellationToken cancellation) => AskAsync(async () =>
    {
        WriteResult result;
        await using (var session = await BeginWriteAsync(cancellation))
        {
            result = await change(session, await NextRevisionAsync(session));
            if (result is not WriteResult.Done)
            {
                return result;
            }

            await AnnounceAsync(session);
            await session.CommitAsync();
        }

        _written?.Invoke();
        return result;
    });

    private static async Task<StoreRevision> NextRevisionAsync(StoreSession session)
    {
        // Another gate may have been upgraded and have migrated since: what this build would write may lack what the newer one counts on.
        var next = await session.FirstAsync<StateRow>("""
            UPDATE store_state SET revision = revision + 1 WHERE true
            RETURNING store AS Store, revision AS Revision, forgotten AS Forgotten, (SELECT max(number) FROM schema_migrations) AS Migration
            """) ?? throw new StoreUnavailableException("the store has no state: it was changed by hand; restore a backup");
        EnsureKnown(next.Migration);
        return new StoreRevision(next.Store, next.Revision);
    }

    private static void EnsureKnown(long? migration)
    {
        if (migration != Migration.Last)
        {
            throw new StoreUnavailableException(migration > Migration.Last ? StoreMismatchException.Newer(migration.Value) : $"the store is at migration {migration ?? 0}, this build needs {Migration.Last}: run postern storage migrate");
        }
    }

    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is DbException or TimeoutException or IOException or SocketException or UnauthorizedAccessException)
        {
            Forget(e);
            throw new StoreUnavailableException($"the store can't be asked: {e.Message}", e);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidCastException)
        {
            // The parser's words quote what it read; that may be a hash.
            throw new StoreUnavailableException("the store holds something that this build can't read", e);
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private sealed record StateRow(string Store, long Revision, long Forgotten, long Migration);
}
