using System.Data;
using Npgsql;

namespace Postern.Storage;

/// <summary>One database for several gates, which hear of each other's writes by NOTIFY.</summary>
internal sealed class PostgresStore : SqlStore
{
    private const string Channel = "postern_changes";

    // "postern" in ASCII; advisory locks are numbers of the whole database's.
    private const long MigrationLock = 0x706f737465726e;

    private readonly NpgsqlDataSource _source;

    public PostgresStore(string connectionString, TimeProvider time)
        : base(time)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        // What the operator wrote wins; the defaults wait for longer than a gate may know nothing.
        SetDefault("Timeout", () => settings.Timeout = 5);
        SetDefault("Command Timeout", () => settings.CommandTimeout = 5);
        SetDefault("Application Name", () => settings.ApplicationName = "postern");
        SetDefault("Keepalive", () => settings.KeepAlive = 10);
        SetDefault("Maximum Pool Size", () => settings.MaxPoolSize = 20);
        settings.Enlist = false;
        settings.IncludeErrorDetail = false;
        settings.PersistSecurityInfo = false;
        var builder = new NpgsqlSlimDataSourceBuilder(settings.ConnectionString);
        builder.EnableTransportSecurity();
        _source = builder.Build();
        Place = $"{settings.Host}:{settings.Port}/{settings.Database}";

        void SetDefault(string key, Action set)
        {
            if (!settings.ShouldSerialize(key))
            {
                set();
            }
        }
    }

    public override string Kind => "postgres";

    public override string Place { get; }

    public override TimeSpan PollInterval => TimeSpan.FromMilliseconds(500);

    protected override bool MayExist => true;

    protected override string HasMigrationsSql => "SELECT CASE WHEN to_regclass('schema_migrations') IS NULL THEN 0::bigint ELSE 1::bigint END";

    public override async Task ListenAsync(Action changed, CancellationToken cancellation)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellation);
        connection.Notification += (_, _) => changed();
        await using (var command = new NpgsqlCommand($"LISTEN {Channel}", connection))
        {
            await command.ExecuteNonQueryAsync(cancellation);
        }

        changed();
        while (true)
        {
            await connection.WaitAsync(cancellation);
        }
    }

    public override ValueTask DisposeAsync() => _source.DisposeAsync();

    protected override Task PrepareAsync(CancellationToken cancellation) => Task.CompletedTask;

    protected override Task<StoreSession> BeginReadAsync(CancellationToken cancellation) => BeginAsync(IsolationLevel.RepeatableRead, cancellation);

    protected override Task<StoreSession> BeginWriteAsync(CancellationToken cancellation) => BeginAsync(IsolationLevel.ReadCommitted, cancellation);

    protected override Task LockMigrationsAsync(StoreSession session) => session.ExecuteAsync("SELECT pg_advisory_xact_lock(@MigrationLock)", new { MigrationLock });

    protected override Task AnnounceAsync(StoreSession session) => session.ExecuteAsync($"NOTIFY {Channel}");

    protected override void Forget(Exception trouble)
    {
        // An answer of the server's came over a connection that is well.
        if (trouble is not PostgresException { SqlState: not ("57P01" or "57P02" or "57P03") })
        {
            _source.Clear();
        }
    }

    protected override async Task CopyToAsync(string file, CancellationToken cancellation)
    {
        await using var backup = new SqliteStore(file, Time);
        await using var from = await BeginReadAsync(cancellation);
        await backup.BeginFromAsync(from, cancellation);
    }

    private async Task<StoreSession> BeginAsync(IsolationLevel isolation, CancellationToken cancellation)
    {
        var connection = await _source.OpenConnectionAsync(cancellation);
        try
        {
            return new StoreSession(connection, await connection.BeginTransactionAsync(isolation, cancellation), cancellation);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
