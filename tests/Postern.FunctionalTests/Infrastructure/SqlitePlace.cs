using Microsoft.Data.Sqlite;
using Postern.Storage;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A file; lost when its folder's name is another one.</summary>
public sealed class SqlitePlace : StorePlace
{
    private string Database => Path.Combine(Folder, "data", SqliteStore.FileName);

    public override async Task ExecuteAsync(string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={Database};Pooling=false");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    public override Task LoseAsync()
    {
        Directory.Move(Path.Combine(Folder, "data"), Path.Combine(Folder, "lost"));
        return Task.CompletedTask;
    }

    public override Task BringBackAsync()
    {
        Directory.Move(Path.Combine(Folder, "lost"), Path.Combine(Folder, "data"));
        return Task.CompletedTask;
    }

    internal override SqlStore Create() => new SqliteStore(Database, TimeProvider.System);
}
