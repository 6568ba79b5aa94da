using System.Runtime.CompilerServices;

namespace Postern.Storage;

/// <summary>Makes the store that is configured. Nothing is opened yet, and only that database's library is loaded.</summary>
internal static class StoreFactory
{
    /// <param name="options">The storage block.</param>
    /// <param name="dataFolder">Where SQLite's file is.</param>
    /// <param name="time">The time.</param>
    public static SqlStore Create(StorageOptions options, string dataFolder, TimeProvider time) =>
        options.Postgres is { } postgres ? CreatePostgres(postgres.Reveal().Trim(), time) : CreateSqlite(Path.Combine(dataFolder, SqliteStore.FileName), time);

    // Each in a method of its own: a method's types are loaded when it is first run.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PostgresStore CreatePostgres(string connectionString, TimeProvider time) => new PostgresStore(connectionString, time);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static SqliteStore CreateSqlite(string file, TimeProvider time) => new SqliteStore(file, time);
}
