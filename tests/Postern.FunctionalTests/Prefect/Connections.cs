namespace Postern.FunctionalTests.Prefect;

/// <summary>The connections of a recording: a request goes out on the one that it had, which opens with its first request.</summary>
internal sealed class Connections(string address) : IDisposable
{
    private readonly Dictionary<int, PrefectConnection> _open = [];

    public async Task<PrefectConnection> OfAsync(RecordedExchange exchange)
    {
        if (!_open.TryGetValue(exchange.Connection, out var connection))
        {
            _open[exchange.Connection] = connection = await PrefectConnection.OpenAsync(address);
        }

        return connection;
    }

    /// <summary>The answer is read: the connection stays, unless the server closes it.</summary>
    public void Done(RecordedExchange exchange)
    {
        if (_open[exchange.Connection].IsOver)
        {
            Drop(exchange);
        }
    }

    public void Drop(RecordedExchange exchange)
    {
        if (_open.Remove(exchange.Connection, out var connection))
        {
            connection.Dispose();
        }
    }

    public void Dispose()
    {
        foreach (var connection in _open.Values)
        {
            connection.Dispose();
        }
    }
}
