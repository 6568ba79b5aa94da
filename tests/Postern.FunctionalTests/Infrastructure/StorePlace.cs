using Postern.Storage;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Where the stores of one test are: one database, which can be lost and come back.</summary>
public abstract class StorePlace : IAsyncDisposable
{
    private readonly List<SqlStore> _opened = [];

    protected string Folder { get; } = Directory.CreateTempSubdirectory("postern-store-").FullName;

    /// <summary>A file that isn't there yet.</summary>
    public string File(string name) => Path.Combine(Folder, name);

    /// <summary>Another gate's store at this place; not migrated.</summary>
    internal SqlStore Open()
    {
        var store = Create();
        lock (_opened)
        {
            _opened.Add(store);
        }

        return store;
    }

    /// <summary>A store of another kind or place, disposed with the test.</summary>
    internal SqlStore OpenSqlite(string file)
    {
        var store = new SqliteStore(File(file), TimeProvider.System);
        _opened.Add(store);
        return store;
    }

    internal async Task<SqlStore> OpenMigratedAsync()
    {
        var store = Open();
        await store.MigrateAsync(TestContext.Current.CancellationToken);
        return store;
    }

    /// <summary>Does SQL behind the store's back.</summary>
    public abstract Task ExecuteAsync(string sql);

    public abstract Task LoseAsync();

    public abstract Task BringBackAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync();
        }

        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    internal abstract SqlStore Create();
}
