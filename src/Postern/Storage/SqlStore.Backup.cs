using System.Data.Common;
using Postern.Model;

namespace Postern.Storage;

/// <summary>
/// A backup is a SQLite file of the store's own shape, whichever database it came from: from one of PostgreSQL a gate can begin with SQLite, and the other way
/// round. It holds hashes of keys and passwords: mode 0600.
/// </summary>
internal abstract partial class SqlStore
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a backup, as of one moment, while gates go on. Throws <see cref="IOException"/> where the file is there already.</summary>
    public async Task BackupAsync(string file, CancellationToken cancellation)
    {
        var full = Path.GetFullPath(file);
        if (Path.Exists(full))
        {
            throw new IOException($"{file} is there already; name a new file");
        }

        // Appears whole or not at all.
        var part = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetFileName(full)}.{Guid.NewGuid():N}");
        try
        {
            CreateOwnersFile(part);
            await AskAsync(async () =>
            {
                await CopyToAsync(part, cancellation);
                return true;
            });
            File.Move(part, full, overwrite: false);
        }
        finally
        {
            File.Delete(part);
        }
    }

    /// <summary>
    /// Fills this store, which must be empty, from a backup: all of it or, with any trouble, nothing. Throws <see cref="InvalidDataException"/> where the file
    /// isn't a backup or the store isn't empty, and what <see cref="MigrateAsync"/> throws.
    /// </summary>
    public async Task<StoreCounts> RestoreAsync(string file, CancellationToken cancellation)
    {
        if (!File.Exists(file))
        {
            throw new FileNotFoundException($"there is no file {file}");
        }

        // An older backup is migrated first; the file itself stays as it is.
        var folder = Directory.CreateTempSubdirectory("postern-restore-");
        try
        {
            var copy = Path.Combine(folder.FullName, SqliteStore.FileName);
            CreateOwnersFile(copy);
            await using (var from = File.OpenRead(file))
            await using (var to = new FileStream(copy, FileMode.Open, FileAccess.Write))
            {
                await from.CopyToAsync(to, cancellation);
            }

            await using var backup = new SqliteStore(copy, Time);
            await backup.EnsureBackupAsync(file, cancellation);
            await MigrateAsync(cancellation);
            await FillFromAsync(backup, cancellation);
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        return (await StatusAsync(cancellation)).Counts!;
    }

    /// <summary>Copies every table from one transaction into another.</summary>
    protected static async Task CopyTablesAsync(StoreSession from, StoreSession to, CancellationToken cancellation)
    {
        foreach (var table in StoreTable.All)
        {
            await using var command = from.CreateCommand(table.SelectSql);
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            var chunk = new List<object?[]>();
            while (await reader.ReadAsync(cancellation))
            {
                var row = new object?[table.Columns.Count];
                reader.GetValues(row!);
                chunk.Add(row);
                if (chunk.Count == 500)
                {
                    await BulkInsert.IntoAsync(to, table.Name, table.Columns, chunk, "", cancellation);
                    chunk.Clear();
                }
            }

            await BulkInsert.IntoAsync(to, table.Name, table.Columns, chunk, "", cancellation);
        }
    }

    /// <summary>Copies this store into another that was just migrated and is empty; store id and revision too, where <paramref name="isSame"/>.</summary>
    protected static async Task CopyAllAsync(StoreSession from, StoreSession to, bool isSame, CancellationToken cancellation)
    {
        var state = await StateAsync(from);
        await to.ExecuteAsync("UPDATE store_state SET store = @Store, revision = @Revision, forgotten = @Forgotten",
            new { Store = isSame ? state.Store : NewStoreId(), state.Revision, state.Forgotten });
        await CopyTablesAsync(from, to, cancellation);
    }

    private Task<bool> FillFromAsync(SqliteStore backup, CancellationToken cancellation) => AskAsync(async () =>
    {
        await using var from = await backup.BeginReadAsync(cancellation);
        await using var to = await BeginWriteAsync(cancellation);
        // The lock of all writes: what is empty now stays so until this is committed.
        await to.ExecuteAsync("UPDATE store_state SET revision = revision");
        foreach (var table in StoreTable.All)
        {
            if (await to.FirstAsync<long>($"SELECT count(*) FROM {table.Name}") > 0)
            {
                throw new InvalidDataException($"the store at {Place} isn't empty ({table.Name} has rows); a backup is restored only into an empty one");
            }
        }

        await CopyAllAsync(from, to, isSame: false, cancellation);
        await AnnounceAsync(to);
        await to.CommitAsync();
        return true;
    });

    private async Task EnsureBackupAsync(string file, CancellationToken cancellation)
    {
        try
        {
            await using (var session = await BeginReadAsync(cancellation))
            {
                if ((await AppliedAsync(session)).Count == 0 || await session.FirstAsync<string>("PRAGMA quick_check") != "ok")
                {
                    throw new InvalidDataException($"{file} isn't a whole backup of a store");
                }
            }

            await MigrateAsync(cancellation);
        }
        catch (DbException e)
        {
            throw new InvalidDataException($"{file} isn't a whole backup of a store", e);
        }
    }

    private static void CreateOwnersFile(string file)
    {
        using var _ = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnersFile });
    }
}
