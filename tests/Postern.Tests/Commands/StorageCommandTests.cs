using System.Text.Json;
using Microsoft.Data.Sqlite;
using Postern.Commands;
using Postern.Model;
using Postern.Storage;
using Postern.Tests.Configuration;

namespace Postern.Tests.Commands;

public sealed class StorageCommandTests : IDisposable
{
    private readonly ConfigurationFolder _folder = new();
    private readonly string _configuration;

    public StorageCommandTests() => _configuration = _folder.Write("postern.yaml", ConfigurationFolder.Minimal);

    private string Database => Path.Combine(_folder.Root, "data", SqliteStore.FileName);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Status_BeforeAndAfterMigrate_SaysWhatIsThere()
    {
        var before = await RunAsync("status");
        Assert.Equal(ExitCodes.Ok, before.ExitCode);
        Assert.Contains("migration 1 identity, not applied", before.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(Database));

        var migrate = await RunAsync("migrate");
        Assert.Equal((ExitCodes.Ok, string.Concat(Migration.All.Select(m => $"{m.Number} {m.Name}\n"))), (migrate.ExitCode, migrate.Output));
        Assert.Contains("already", (await RunAsync("migrate")).Error, StringComparison.Ordinal);

        var after = await RunAsync("status");
        Assert.Contains("migration 1 identity, applied 2", after.Output, StringComparison.Ordinal);
        Assert.Contains("0 accounts, 0 keys", after.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Database));
    }

    [Fact]
    public async Task Backup_AndRestore_BringEverythingBack()
    {
        await using (var store = new SqliteStore(Database, TimeProvider.System))
        {
            await store.MigrateAsync(TestContext.Current.CancellationToken);
            await store.CreateAsync(new LocalUser { Id = "usr_1", Name = "bob", Password = "p", CreatedAt = TimeProvider.System.GetUtcNow(), CreatedBy = "x" }, TestContext.Current.CancellationToken);
        }

        var file = Path.Combine(_folder.Root, "backup.db");
        Assert.Equal(ExitCodes.Ok, (await RunAsync("backup", file)).ExitCode);
        Assert.Equal(ExitCodes.Failed, (await RunAsync("backup", file)).ExitCode);
        var refused = await RunAsync("restore", file);
        Assert.Equal(ExitCodes.Failed, refused.ExitCode);
        Assert.Contains("isn't empty", refused.Error, StringComparison.Ordinal);

        Directory.Delete(Path.Combine(_folder.Root, "data"), recursive: true);
        var restored = await RunAsync("restore", file, "--output", "json");
        Assert.Equal(ExitCodes.Ok, restored.ExitCode);
        using var json = JsonDocument.Parse(restored.Output);
        Assert.Equal(("sqlite", 1), (json.RootElement.GetProperty("kind").GetString(), json.RootElement.GetProperty("users").GetInt32()));
    }

    [Fact]
    public async Task Status_OfANewerStore_SaysSoAndEndsWithOne()
    {
        await RunAsync("migrate");
        await using (var connection = new SqliteConnection($"Data Source={Database};Pooling=false"))
        {
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (1000, 'later', 'x', 1)";
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var words = $"the store is at migration 1000, this build knows {Migration.Last}: run the newer Postern, or restore a backup\n";
        var status = await RunAsync("status", "--output", "json");
        Assert.Equal((ExitCodes.Failed, words), (status.ExitCode, status.Error));
        using var json = JsonDocument.Parse(status.Output);
        Assert.Equal((1000, Migration.Last), (json.RootElement.GetProperty("migration").GetInt32(), json.RootElement.GetProperty("known").GetInt64()));
        var migrate = await RunAsync("migrate");
        Assert.Equal((ExitCodes.Failed, words), (migrate.ExitCode, migrate.Error));
        var check = await CommandRun.Of("check", "--online", "--config", _configuration);
        Assert.Contains("data: " + words, check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Any_OfABadConfiguration_PrintsItsProblems()
    {
        _folder.Write("postern.yaml", ConfigurationFolder.Minimal + "storage: { postgress: x }\n");

        var run = await RunAsync("status");

        Assert.Equal(ExitCodes.Invalid, run.ExitCode);
        Assert.Contains("did you mean 'postgres'?", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Postgres_ThatDoesNotAnswer_IsSaidWithoutThePassword()
    {
        var secret = _folder.Write("db", "Host=127.0.0.1;Port=1;Database=postern;Username=u;Password=hunter2\n");
        _folder.Write("postern.yaml", ConfigurationFolder.Minimal + $"storage: {{ postgres: '${{file:{secret}}}' }}\n");

        var run = await RunAsync("status");

        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.StartsWith("the store can't be asked: ", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", run.Output + run.Error, StringComparison.Ordinal);
    }

    private Task<CommandRun> RunAsync(string verb, params string[] arguments) => CommandRun.Of(["storage", verb, .. arguments, "--config", _configuration]);
}
