namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Takes a SQLite store away, as a disk that fails does, until it is disposed: every question ends with an error.</summary>
internal sealed class StoreOutage : IAsyncDisposable
{
    private readonly Microsoft.Data.Sqlite.SqliteConnection _lock;

    public StoreOutage(string file)
    {
        _lock = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={file};Pooling=False");
        _lock.Open();
        Run("ALTER TABLE store_state RENAME TO store_state_away");
        Run("ALTER TABLE key_uses RENAME TO key_uses_away");
    }

    public async ValueTask DisposeAsync()
    {
        Run("ALTER TABLE key_uses_away RENAME TO key_uses");
        Run("ALTER TABLE store_state_away RENAME TO store_state");
        await _lock.DisposeAsync();
    }

    private void Run(string sql)
    {
        using var command = _lock.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
