using Npgsql;
using Postern.Storage;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>A database of the run's server; lost when the server is stopped.</summary>
public sealed class PostgresPlace(PostgresServer server, string connectionString) : StorePlace
{
    public override async Task ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public override Task LoseAsync() => server.StopAsync();

    public override Task BringBackAsync() => server.StartAsync();

    internal override SqlStore Create() => new PostgresStore(connectionString, TimeProvider.System);
}
