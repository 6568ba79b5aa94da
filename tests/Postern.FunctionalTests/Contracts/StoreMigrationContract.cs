using Postern.Model;
using Postern.Storage;

namespace Postern.FunctionalTests.Contracts;

/// <summary>The schema goes forward, once, whoever starts; a store that isn't this build's is left alone.</summary>
public abstract class StoreMigrationContract : OnePlace
{
    [Fact]
    public async Task Migrate_Twice_AppliesOnce()
    {
        var store = Place.Open();

        Assert.Equal(Migration.All, await store.MigrateAsync(Cancellation));
        Assert.Empty(await store.MigrateAsync(Cancellation));

        var status = await store.StatusAsync(Cancellation);
        Assert.Equal(Migration.All.Select(m => (m.Number, m.Name, m.Checksum)), status.Applied.Select(a => (a.Number, a.Name, a.Checksum)));
        Assert.All(status.Applied, a => Assert.InRange(DateTimeOffset.FromUnixTimeMilliseconds(a.AppliedAt), DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow));
        Assert.Null(status.Difference);
    }

    [Fact]
    public async Task Migrate_ByManyAtOnce_AppliesOnce()
    {
        var stores = Enumerable.Range(0, 6).Select(_ => Place.Open()).ToList();

        var applied = await Task.WhenAll(stores.Select(store => Task.Run(() => store.MigrateAsync(Cancellation), Cancellation)));

        Assert.Equal(Migration.All, applied.SelectMany(a => a).OrderBy(m => m.Number));
        var ids = await Task.WhenAll(stores.Select(store => store.ReadAsync(Cancellation)));
        Assert.Single(ids.Select(i => i.Revision).Distinct());
    }

    [Fact]
    public async Task Status_OfNoStore_MakesNone()
    {
        Assert.Empty((await Place.Open().StatusAsync(Cancellation)).Applied);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Place.Open().ReadAsync(Cancellation));
        Assert.Empty((await Place.Open().StatusAsync(Cancellation)).Applied);
    }

    [Fact]
    public async Task Newer_IsRefused_InWords()
    {
        var store = await Place.OpenMigratedAsync();
        await Place.ExecuteAsync($"INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ({Migration.Last + 2}, 'later', 'x', 1)");
        var words = $"the store is at migration {Migration.Last + 2}, this build knows {Migration.Last}: run the newer Postern, or restore a backup";

        Assert.Equal(words, (await Assert.ThrowsAsync<StoreMismatchException>(() => Place.Open().MigrateAsync(Cancellation))).Message);
        Assert.Equal(words, (await store.StatusAsync(Cancellation)).Difference);
    }

    [Fact]
    public async Task Newer_WhileThisGateRuns_NeitherReadsNorWrites()
    {
        var store = await Place.OpenMigratedAsync();
        var revision = Done(await store.CreateAsync(Worker("payroll"), Cancellation)).Revision;
        await Place.ExecuteAsync($"INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES ({Migration.Last + 1}, 'later', 'x', 1)");

        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.UpdateAsync(Worker("payroll"), Cancellation));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadAsync(Cancellation));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ChangesSinceAsync(revision, Cancellation));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.PutAsync(new OneTime { Kind = OneTimeKind.BreakGlass, Id = "x", ExpiresAt = Noon }, Cancellation));
        Assert.Contains("run the newer Postern", refused.Message, StringComparison.Ordinal);

        await Place.ExecuteAsync($"DELETE FROM schema_migrations WHERE number > {Migration.Last}");
        Assert.Equal(revision, (await store.ReadAsync(Cancellation)).Revision);
    }

    [Fact]
    public async Task Altered_IsRefused_InWords()
    {
        await Place.OpenMigratedAsync();
        await Place.ExecuteAsync("UPDATE schema_migrations SET checksum = 'another' WHERE number = 1");

        var refused = await Assert.ThrowsAsync<StoreMismatchException>(() => Place.Open().MigrateAsync(Cancellation));

        Assert.StartsWith("migration 1 (identity) was applied with another text", refused.Message, StringComparison.Ordinal);
    }
}
