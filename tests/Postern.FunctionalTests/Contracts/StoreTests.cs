using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Contracts;

// Every contract of the store, with SQLite and with PostgreSQL. The latter's tests share one server, which some of them stop.

public sealed class SqliteStoreTests : StoreContract
{
    protected override Task<StorePlace> NewPlaceAsync() => Task.FromResult<StorePlace>(new SqlitePlace());
}

public sealed class SqliteStoreSessionsTests : StoreSessionsContract
{
    protected override Task<StorePlace> NewPlaceAsync() => Task.FromResult<StorePlace>(new SqlitePlace());
}

public sealed class SqliteStoreMigrationTests : StoreMigrationContract
{
    protected override Task<StorePlace> NewPlaceAsync() => Task.FromResult<StorePlace>(new SqlitePlace());
}

public sealed class SqliteStoreFeedTests : StoreFeedContract
{
    protected override Task<StorePlace> NewPlaceAsync() => Task.FromResult<StorePlace>(new SqlitePlace());
}

public sealed class SqliteStoreBackupTests : StoreBackupContract
{
    protected override Task<StorePlace> NewPlaceAsync() => Task.FromResult<StorePlace>(new SqlitePlace());
}

[Collection(nameof(PostgresServer))]
public sealed class PostgresStoreTests(PostgresServer server) : StoreContract
{
    protected override async Task<StorePlace> NewPlaceAsync() => new PostgresPlace(server, await server.CreateDatabaseAsync());
}

[Collection(nameof(PostgresServer))]
public sealed class PostgresStoreSessionsTests(PostgresServer server) : StoreSessionsContract
{
    protected override async Task<StorePlace> NewPlaceAsync() => new PostgresPlace(server, await server.CreateDatabaseAsync());
}

[Collection(nameof(PostgresServer))]
public sealed class PostgresStoreMigrationTests(PostgresServer server) : StoreMigrationContract
{
    protected override async Task<StorePlace> NewPlaceAsync() => new PostgresPlace(server, await server.CreateDatabaseAsync());
}

[Collection(nameof(PostgresServer))]
public sealed class PostgresStoreFeedTests(PostgresServer server) : StoreFeedContract
{
    protected override async Task<StorePlace> NewPlaceAsync() => new PostgresPlace(server, await server.CreateDatabaseAsync());
}

[Collection(nameof(PostgresServer))]
public sealed class PostgresStoreBackupTests(PostgresServer server) : StoreBackupContract
{
    protected override async Task<StorePlace> NewPlaceAsync() => new PostgresPlace(server, await server.CreateDatabaseAsync());
}
