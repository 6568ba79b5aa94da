using Postern.Configuration;

namespace Postern.Storage;

/// <summary>Where accounts, keys, sessions and revocations are kept. Restart-only.</summary>
internal sealed record StorageOptions
{
    /// <summary>
    /// Connection string of a PostgreSQL database, as Npgsql writes them: <c>Host=db;Database=postern;Username=postern;Password=…;SSL Mode=VerifyFull</c>. All
    /// gates with the same one share the store. Default: none, the store is SQLite in <c>postern.db</c> in the data folder, for one gate.
    /// </summary>
    public Secret? Postgres { get; init; }
}
