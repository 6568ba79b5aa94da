using Microsoft.Data.Sqlite;
using Postern.Model;
using Postern.Storage;

namespace Postern.FunctionalTests.Contracts;

/// <summary>A backup is one moment of a store that goes on, and fills an empty store of either kind, whole or not at all.</summary>
public abstract class StoreBackupContract : OnePlace
{
    [Fact]
    public async Task Backup_Restored_IsTheSameStore()
    {
        var store = await Place.OpenMigratedAsync();
        await FillAsync(store);
        await store.BackupAsync(Place.File("backup.db"), Cancellation);
        var sqlite = Place.OpenSqlite("restored.db");

        var counts = await sqlite.RestoreAsync(Place.File("backup.db"), Cancellation);

        var (before, after) = (await store.ReadAsync(Cancellation), await sqlite.ReadAsync(Cancellation));
        Assert.Equal((1, 2, 1, 1, 1), (counts.Accounts, counts.Keys, counts.Users, counts.Sessions, counts.Revocations));
        Assert.Equal(Text(before), Text(after));
        Assert.Equal(before.Revision.Number, after.Revision.Number);
        Assert.NotEqual(before.Revision.Store, after.Revision.Store);
        Assert.Single(await sqlite.UsesOfAsync(["k1"], Cancellation));
        Assert.NotNull(await sqlite.FamilyAsync("fam_1", Cancellation));
        Assert.IsType<TakeResult.Taken>(await sqlite.TakeAsync(OneTimeKind.BootstrapToken, "b", Noon, Cancellation));
        Assert.IsType<WriteResult.NameTaken>(await sqlite.CreateAsync(User("payroll"), Cancellation));
    }

    [Fact]
    public async Task Backup_OfSqlite_FillsThisStore()
    {
        var sqlite = Place.OpenSqlite("source.db");
        await sqlite.MigrateAsync(Cancellation);
        await FillAsync(sqlite);
        await sqlite.BackupAsync(Place.File("backup.db"), Cancellation);
        var store = Place.Open();

        await store.RestoreAsync(Place.File("backup.db"), Cancellation);

        Assert.Equal(Text(await sqlite.ReadAsync(Cancellation)), Text(await store.ReadAsync(Cancellation)));
        Done(await store.UpdateAsync(Worker("payroll") with { Disabled = true }, Cancellation));
    }

    [Fact]
    public async Task Backup_IsOneFileForItsOwner()
    {
        var store = await Place.OpenMigratedAsync();
        Directory.CreateDirectory(Place.File("backups"));

        await store.BackupAsync(Place.File("backups/backup.db"), Cancellation);

        Assert.Equal([Place.File("backups/backup.db")], Directory.GetFiles(Place.File("backups")));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Place.File("backups/backup.db")));
        await Assert.ThrowsAsync<IOException>(() => store.BackupAsync(Place.File("backups/backup.db"), Cancellation));
    }

    [Fact]
    public async Task Backup_WhileWritesGoOn_IsOneMoment()
    {
        var store = await Place.OpenMigratedAsync();
        using var ending = new CancellationTokenSource();
        var writer = Task.Run(async () =>
        {
            // An account and its key are two writes; a deletion takes both. In no moment is there a key without its account.
            for (var i = 0; !ending.IsCancellationRequested; i++)
            {
                Done(await store.CreateAsync(Worker($"w{i}"), Cancellation));
                Done(await store.CreateAsync(Key($"k{i}", $"acc_w{i}"), Cancellation));
                if (i % 2 == 0)
                {
                    Done(await store.DeleteAccountAsync($"acc_w{i}", null, Cancellation));
                }
            }
        }, Cancellation);

        for (var i = 0; i < 5; i++)
        {
            await store.BackupAsync(Place.File($"backup{i}.db"), Cancellation);
        }

        await ending.CancelAsync();
        await writer;
        for (var i = 0; i < 5; i++)
        {
            var restored = Place.OpenSqlite($"restored{i}.db");
            await restored.RestoreAsync(Place.File($"backup{i}.db"), Cancellation);
            var all = await restored.ReadAsync(Cancellation);
            Assert.Empty(all.Keys.Select(k => k.OwnerId).Except(all.Accounts.Select(a => a.Id)));
        }
    }

    [Fact]
    public async Task Restore_IntoAStoreWithSomethingInIt_IsRefused()
    {
        var store = await Place.OpenMigratedAsync();
        await FillAsync(store);
        await store.BackupAsync(Place.File("backup.db"), Cancellation);
        var before = await store.ReadAsync(Cancellation);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => store.RestoreAsync(Place.File("backup.db"), Cancellation));

        Assert.Contains("isn't empty", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before.Revision, (await store.ReadAsync(Cancellation)).Revision);
    }

    [Fact]
    public async Task Restore_ThatFailsHalfway_LeavesTheStoreEmpty()
    {
        var sqlite = Place.OpenSqlite("source.db");
        await sqlite.MigrateAsync(Cancellation);
        await FillAsync(sqlite);
        await sqlite.BackupAsync(Place.File("backup.db"), Cancellation);
        var store = await Place.OpenMigratedAsync();
        // The last of the tables can't be filled.
        await Place.ExecuteAsync("ALTER TABLE one_time RENAME COLUMN data TO elsewhere");

        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.RestoreAsync(Place.File("backup.db"), Cancellation));

        var all = await store.ReadAsync(Cancellation);
        Assert.Equal(0, all.Revision.Number);
        Assert.Empty(all.Accounts);
    }

    [Fact]
    public async Task Restore_OfNoBackup_IsRefused()
    {
        var store = Place.Open();
        await File.WriteAllTextAsync(Place.File("text"), new string('x', 5000), Cancellation);
        await File.WriteAllTextAsync(Place.File("empty"), "", Cancellation);
        var whole = Place.OpenSqlite("source.db");
        await whole.MigrateAsync(Cancellation);
        await FillAsync(whole);
        await whole.BackupAsync(Place.File("backup.db"), Cancellation);
        var bytes = await File.ReadAllBytesAsync(Place.File("backup.db"), Cancellation);
        await File.WriteAllBytesAsync(Place.File("half"), bytes[..(bytes.Length / 2)], Cancellation);

        foreach (var file in (string[])["text", "empty", "half"])
        {
            await Assert.ThrowsAsync<InvalidDataException>(() => store.RestoreAsync(Place.File(file), Cancellation));
        }

        await Assert.ThrowsAsync<FileNotFoundException>(() => store.RestoreAsync(Place.File("nothing"), Cancellation));
        Assert.Empty((await store.StatusAsync(Cancellation)).Applied);
    }

    [Fact]
    public async Task Restore_OfANewerBackup_IsRefused()
    {
        var store = await Place.OpenMigratedAsync();
        await store.BackupAsync(Place.File("backup.db"), Cancellation);
        await using (var connection = new SqliteConnection($"Data Source={Place.File("backup.db")};Pooling=false"))
        {
            await connection.OpenAsync(Cancellation);
            await using var command = connection.CreateCommand();
            command.CommandText = $"INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ({Migration.Last + 1}, 'later', 'x', 1)";
            await command.ExecuteNonQueryAsync(Cancellation);
        }

        await Assert.ThrowsAsync<StoreMismatchException>(() => store.RestoreAsync(Place.File("backup.db"), Cancellation));
    }

    [Fact]
    public async Task Backup_HoldsEveryTableAndColumn()
    {
        await Place.OpenSqlite("any.db").MigrateAsync(Cancellation);
        await using var connection = new SqliteConnection($"Data Source={Place.File("any.db")};Pooling=false");
        await connection.OpenAsync(Cancellation);
        await using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c
            WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT IN ('schema_migrations', 'store_state')
            """;
        var columns = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Cancellation);
        while (await reader.ReadAsync(Cancellation))
        {
            columns.Add($"{reader.GetString(0)}.{reader.GetString(1)}");
        }

        Assert.Equal(columns.Order(StringComparer.Ordinal), StoreTable.All.SelectMany(t => t.Columns.Select(c => $"{t.Name}.{c}")).Order(StringComparer.Ordinal));
    }

    private static async Task FillAsync(SqlStore store)
    {
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.CreateAsync(Worker("gone"), Cancellation);
        await store.CreateAsync(User("bob"), Cancellation);
        await store.CreateAsync(Key("k1", "acc_payroll"), Cancellation);
        await store.CreateAsync(Key("k2", "usr_bob"), Cancellation);
        await store.DeleteAccountAsync("acc_gone", null, Cancellation);
        await store.NoteUsesAsync([new KeyUse("k1", Noon, "10.0.0.1")], Cancellation);
        await store.RevokeAsync([new Revocation(RevocationKind.Token, "t", Noon, null, "x")], Cancellation);
        await store.CreateAsync(
            new RefreshFamily { Id = "fam_1", CallerName = "a", Caller = "{}", ClientId = "c", CurrentHash = "h", CreatedAt = Noon, ExpiresAt = Noon.AddDays(1) }, Cancellation);
        await store.PutAsync(new OneTime { Kind = OneTimeKind.BootstrapToken, Id = "b", ExpiresAt = Noon.AddDays(1) }, Cancellation);
    }

    private static string Text(StoreChanges changes) => StoredJson.Write(changes with
    {
        Revision = new StoreRevision("", 0),
        Accounts = [.. changes.Accounts.OrderBy(a => a.Id, StringComparer.Ordinal)],
        Keys = [.. changes.Keys.OrderBy(k => k.Id, StringComparer.Ordinal)],
    });
}
