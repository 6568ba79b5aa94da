using Postern.Configuration;
using Postern.Model;
using Postern.Storage;

namespace Postern.Commands.Checks;

/// <summary>Whether the store answers and is one that this build can work with. One that is still to be made is as good.</summary>
internal static class StoreChecks
{
    public static async Task RunAsync(PosternOptions options, Problems problems, TimeProvider time, CancellationToken cancellation)
    {
        // What isn't a connection string was reported when the configuration was read.
        if (options.Data.Length == 0 || problems.HasErrors)
        {
            return;
        }

        var path = options.Storage.Postgres is null ? "data" : "storage.postgres";
        await using var store = StoreFactory.Create(options.Storage, options.Data, time);
        try
        {
            if ((await store.StatusAsync(cancellation)).Difference is { } difference)
            {
                problems.Error(path, difference);
            }
        }
        catch (StoreUnavailableException e)
        {
            problems.Error(path, e.Message);
        }
    }
}
