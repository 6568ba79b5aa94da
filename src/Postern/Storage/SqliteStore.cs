using System.Data;
using Microsoft.Data.Sqlite;

namespace Postern.Storage;

/// <summary>One file for one gate. A write-ahead log lets reads go on while one writes; writers of this process queue here, those of others in SQLite.</summary>
internal sealed class SqliteStore : SqlStore
{
    public const string FileName = "postern.db";

    private const int BusyMilliseconds = 10_000;
    private readonly string _file;
    private readonly string _connection;
    private readonly SemaphoreSlim _writers = new(1);

    public SqliteStore(string file, TimeProvider time)
        : base(time)
    {
        _file = file;
        // Never made by opening it: a file that vanished must be missed, not be replaced by an empty one.
        _connection = new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWrite, DefaultTimeout = BusyMilliseconds / 1000 }.ToString();
    }

    public override string Kind => "sqlite";

    public override string Place => _file;

    public override TimeSpan PollInterval => TimeSpan.FromMilliseconds(250);

    protected override bool MayExist => File.Exists(_file);

    protected override string HasMigrationsSql => "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'";

    public override Task ListenAsync(Action changed, CancellationToken cancellation) => Task.Delay(Timeout.Infinite, cancellation);

    public override ValueTask DisposeAsync()
    {
        ClearPool();
        _writers.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override async Task PrepareAsync(CancellationToken cancellation)
    {
        if (!File.Exists(_file))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_file)!, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            // SQLite's files beside it take this one's mode.
            await using var _ = new FileStream(_file, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        }

        await using var connection = await OpenAsync(cancellation);
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode = WAL";
        await command.ExecuteNonQueryAsync(cancellation);
    }

    protected override async Task<StoreSession> BeginReadAsync(CancellationToken cancellation)
    {
        var connection = await OpenAsync(cancellation);
        return new StoreSession(connection, connection.BeginTransaction(IsolationLevel.Serializable, deferred: true), cancellation);
    }

    protected override async Task<StoreSession> BeginWriteAsync(CancellationToken cancellation)
    {
        await _writers.WaitAsync(cancellation);
        try
        {
            var connection = await OpenAsync(cancellation);
            try
            {
                return new StoreSession(connection, connection.BeginTransaction(IsolationLevel.Serializable, deferred: false), cancellation, _writers);
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        }
        catch
        {
            _writers.Release();
            throw;
        }
    }

    // Whoever writes holds the file's lock already (BEGIN IMMEDIATE).
    protected override Task LockMigrationsAsync(StoreSession session) => Task.CompletedTask;

    protected override Task AnnounceAsync(StoreSession session) => Task.CompletedTask;

    protected override void Forget(Exception trouble)
    {
        // Connections are to a file; one that vanished is missed when it is opened.
    }

    protected override async Task CopyToAsync(string file, CancellationToken cancellation)
    {
        await using var source = await OpenAsync(cancellation);
        await using var target = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        await target.OpenAsync(cancellation);
        source.BackupDatabase(target);
        await WithoutLogAsync(target, cancellation);
    }

    /// <summary>Begins this store, a new file, as the copy of another: same content, same state.</summary>
    public async Task BeginFromAsync(StoreSession from, CancellationToken cancellation)
    {
        await MigrateAsync(cancellation);
        await using (var to = await BeginWriteAsync(cancellation))
        {
            await CopyAllAsync(from, to, isSame: true, cancellation);
            await to.CommitAsync();
        }

        await using var connection = await OpenAsync(cancellation);
        await WithoutLogAsync(connection, cancellation);
    }

    // One file, without a log beside it.
    private static async Task WithoutLogAsync(SqliteConnection connection, CancellationToken cancellation)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA journal_mode = DELETE";
        await command.ExecuteNonQueryAsync(cancellation);
    }

    private async Task<SqliteConnection> OpenAsync(CancellationToken cancellation)
    {
        // SQLite knows no waiting without a thread: it is one of the pool's, not the caller's.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (!File.Exists(_file))
        {
            ClearPool();
            throw new FileNotFoundException($"there is no file {_file}");
        }

        var connection = new SqliteConnection(_connection);
        try
        {
            await connection.OpenAsync(cancellation);
            await using var command = connection.CreateCommand();
            command.CommandText = $"PRAGMA busy_timeout = {BusyMilliseconds}; PRAGMA synchronous = FULL";
            await command.ExecuteNonQueryAsync(cancellation);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private void ClearPool()
    {
        using var any = new SqliteConnection(_connection);
        SqliteConnection.ClearPool(any);
    }
}
