using System.Data.Common;
using Dapper;

namespace Postern.Storage;

/// <summary>One transaction on one connection. What isn't committed is rolled back. A writer gives its turn back at the end.</summary>
internal sealed class StoreSession(DbConnection connection, DbTransaction transaction, CancellationToken cancellation, SemaphoreSlim? turn = null) : IAsyncDisposable
{
    public Task<int> ExecuteAsync(string sql, object? arguments = null) => connection.ExecuteAsync(Command(sql, arguments));

    public async Task<IReadOnlyList<T>> ListAsync<T>(string sql, object? arguments = null) => (await connection.QueryAsync<T>(Command(sql, arguments))).AsList();

    /// <summary>The first row, or default.</summary>
    public Task<T?> FirstAsync<T>(string sql, object? arguments = null) => connection.QueryFirstOrDefaultAsync<T>(Command(sql, arguments));

    /// <summary>Row after row, for what may be long.</summary>
    public async Task<List<T>> EachAsync<T>(string sql, object? arguments, Func<string, T> read)
    {
        var all = new List<T>();
        await foreach (var text in connection.QueryUnbufferedAsync<string>(sql, arguments, transaction).WithCancellation(cancellation))
        {
            all.Add(read(text));
        }

        return all;
    }

    public DbCommand CreateCommand(string sql)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        return command;
    }

    public Task CommitAsync() => transaction.CommitAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        try
        {
            // A connection that broke can't roll back; its server does.
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
        finally
        {
            turn?.Release();
        }
    }

    private CommandDefinition Command(string sql, object? arguments) => new(sql, arguments, transaction, cancellationToken: cancellation);
}
