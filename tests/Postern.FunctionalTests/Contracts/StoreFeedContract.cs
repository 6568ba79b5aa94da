using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;
using Postern.Storage;

namespace Postern.FunctionalTests.Contracts;

/// <summary>Every gate's memory follows the store; a gate that lost it knows, and catches up.</summary>
public abstract class StoreFeedContract : OnePlace
{
    [Fact]
    public async Task Start_GivesEverything()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);

        await using var gate = await GateMemory.StartAsync(Place);

        Assert.True(gate.Feed.IsReachable);
        Assert.Equal(["acc_payroll"], gate.Accounts.Keys);
    }

    [Fact]
    public async Task Start_OnNothing_MakesTheStore()
    {
        await using var gate = await GateMemory.StartAsync(Place);

        Assert.True(gate.Feed.IsReachable);
        Assert.Empty(gate.Accounts);
    }

    [Fact]
    public async Task Write_OfAnotherGate_Arrives()
    {
        await using var one = await GateMemory.StartAsync(Place);
        await using var other = await GateMemory.StartAsync(Place);

        Done(await one.Store.CreateAsync(Worker("payroll"), Cancellation));
        await Eventually.TrueAsync(() => other.Accounts.ContainsKey("acc_payroll"));
        Done(await one.Store.UpdateAsync(Worker("payroll") with { Disabled = true }, Cancellation));
        await Eventually.TrueAsync(() => other.Accounts["acc_payroll"].Disabled);
        Done(await other.Store.DeleteAccountAsync("acc_payroll", null, Cancellation));
        await Eventually.TrueAsync(() => one.Accounts.IsEmpty && other.Accounts.IsEmpty);
    }

    [Fact]
    public async Task Write_OfThisGate_IsSeenOnceWaitedFor()
    {
        await using var gate = await GateMemory.StartAsync(Place);

        for (var i = 0; i < 20; i++)
        {
            var written = Done(await gate.Store.CreateAsync(Worker($"w{i}"), Cancellation));
            await gate.Feed.SeenAsync(written.Revision, Cancellation);

            Assert.True(gate.Accounts.ContainsKey($"acc_w{i}"));
        }
    }

    [Fact]
    public async Task Lost_SaysSo_KeepsWhatItHas_AndCatchesUp()
    {
        await using var one = await GateMemory.StartAsync(Place);
        await using var other = await GateMemory.StartAsync(Place);
        await one.Store.CreateAsync(Worker("payroll"), Cancellation);
        await Eventually.TrueAsync(() => other.Accounts.ContainsKey("acc_payroll"));

        await Place.LoseAsync();
        await Eventually.TrueAsync(() => !one.Feed.IsReachable && !other.Feed.IsReachable);
        Assert.NotNull(other.Feed.LostSince);
        Assert.NotNull(other.Feed.LostReason);
        Assert.True(other.Accounts.ContainsKey("acc_payroll"));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => one.Store.DeleteAccountAsync("acc_payroll", null, Cancellation));
        await Place.BringBackAsync();

        await Eventually.TrueAsync(() => one.Feed.IsReachable && other.Feed.IsReachable);
        Assert.Null(other.Feed.LostSince);
        Done(await one.Store.DeleteAccountAsync("acc_payroll", null, Cancellation));
        await Eventually.TrueAsync(() => other.Accounts.IsEmpty);
        Assert.Contains(other.Log.Lines, line => line.Text.Contains("is lost", StringComparison.Ordinal));
        Assert.Contains(other.Log.Lines, line => line.Text.Contains("is back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Written_WhileThisGateWasAway_IsCaughtUp()
    {
        var writer = await Place.OpenMigratedAsync();
        await writer.CreateAsync(Worker("gone"), Cancellation);
        await using var gate = await GateMemory.StartAsync(Place);

        // A newer build's migration is what one gate alone may be kept away by.
        await Place.ExecuteAsync($"INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ({Migration.Last + 1}, 'later', 'x', 1)");
        await Eventually.TrueAsync(() => !gate.Feed.IsReachable);
        Assert.Contains("run the newer Postern", gate.Feed.LostReason, StringComparison.Ordinal);
        await Place.ExecuteAsync($"""
            DELETE FROM accounts; DELETE FROM names;
            UPDATE store_state SET revision = revision + 1;
            INSERT INTO tombstones (kind, id, revision, deleted_at) SELECT 'Account', 'acc_gone', revision, 1 FROM store_state;
            DELETE FROM schema_migrations WHERE number > {Migration.Last}
            """);

        await Eventually.TrueAsync(() => gate.Feed.IsReachable);
        Assert.Empty(gate.Accounts);
    }

    [Fact]
    public async Task Start_WhileTheStoreIsAway_GoesOn_AndIsFilledLater()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.DisposeAsync();
        await Place.LoseAsync();
        GateMemory? gate = null;
        try
        {
            // SQLite makes a file where none is; what it must not do is to take one that vanished for none. So the place is taken.
            await File.WriteAllTextAsync(Place.File("data"), "", Cancellation);
            gate = await GateMemory.StartAsync(Place);
            Assert.False(gate.Feed.IsReachable);
            Assert.Null(gate.Feed.Revision);
        }
        finally
        {
            File.Delete(Place.File("data"));
            await Place.BringBackAsync();
        }

        await Eventually.TrueAsync(() => gate.Feed.IsReachable);
        Assert.Equal(["acc_payroll"], gate.Accounts.Keys);
        await gate.DisposeAsync();
    }

    [Fact]
    public async Task Consumer_ThatThrows_IsGivenEverythingAgain()
    {
        await using var gate = await GateMemory.StartAsync(Place);
        gate.FailNext = true;

        await gate.Store.CreateAsync(Worker("payroll"), Cancellation);

        await Eventually.TrueAsync(() => gate.Accounts.ContainsKey("acc_payroll"));
        Assert.Equal(2, gate.Wholes);
        Assert.True(gate.Feed.IsReachable);
    }

    [Fact]
    public async Task Start_OnANewerStore_IsRefused()
    {
        await Place.OpenMigratedAsync();
        await Place.ExecuteAsync($"INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ({Migration.Last + 1}, 'later', 'x', 1)");

        await Assert.ThrowsAsync<StoreMismatchException>(() => GateMemory.StartAsync(Place));
    }

    /// <summary>A gate, as far as the store is concerned.</summary>
    private sealed class GateMemory : IAsyncDisposable
    {
        private readonly ILoggerFactory _loggers;

        private GateMemory(SqlStore store)
        {
            Store = store;
            _loggers = LoggerFactory.Create(logging => logging.AddProvider(Log));
            Feed = new StoreFeed(store, Take, TimeProvider.System, _loggers.CreateLogger("Postern.Storage"));
        }

        public LogCapture Log { get; } = new();

        public SqlStore Store { get; }

        public StoreFeed Feed { get; }

        public ConcurrentDictionary<string, Account> Accounts { get; } = new(StringComparer.Ordinal);

        public int Wholes { get; private set; }

        public bool FailNext { get; set; }

        public static async Task<GateMemory> StartAsync(StorePlace place)
        {
            var gate = new GateMemory(place.Open());
            await gate.Feed.StartAsync(Cancellation);
            return gate;
        }

        public async ValueTask DisposeAsync()
        {
            await Feed.DisposeAsync();
            _loggers.Dispose();
        }

        private void Take(StoreChanges changes)
        {
            if (FailNext)
            {
                FailNext = false;
                throw new InvalidOperationException("A bug.");
            }

            if (changes.IsWhole)
            {
                Wholes++;
                Accounts.Clear();
            }

            foreach (var account in changes.Accounts)
            {
                Accounts[account.Id] = account;
            }

            foreach (var deletion in changes.Deletions.Where(d => d.Kind == StoredKind.Account))
            {
                Accounts.TryRemove(deletion.Id, out _);
            }
        }
    }
}
