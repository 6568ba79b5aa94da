using Postern.Model;

namespace Postern.FunctionalTests.Contracts;

/// <summary>Accounts, users, keys and revocations: what is written is read, by everybody, and of two who write one thing one is told.</summary>
public abstract class StoreContract : OnePlace
{
    [Fact]
    public async Task Objects_Written_AreReadAsTheyWere()
    {
        var store = await Place.OpenMigratedAsync();
        var (account, user) = (Worker("payroll"), User("bob"));
        var key = Key("k1", account.Id);
        var revocation = new Revocation(RevocationKind.Certificate, "CN=Workers/0a1b", Noon, Noon.AddDays(1), "okta/alice@example.com");

        Done(await store.CreateAsync(account, Cancellation));
        Done(await store.CreateAsync(user, Cancellation));
        Done(await store.CreateAsync(key, Cancellation));
        var last = await store.RevokeAsync([revocation], Cancellation);

        var all = await Place.Open().ReadAsync(Cancellation);
        Assert.True(all.IsWhole);
        Assert.Equal(last, all.Revision);
        Same(account, Assert.Single(all.Accounts));
        Same(user, Assert.Single(all.Users));
        Same(key, Assert.Single(all.Keys));
        Assert.Equal(revocation, Assert.Single(all.Revocations));
    }

    [Fact]
    public async Task Update_OfTheVersionRead_IsTheNextVersion()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.CreateAsync(User("bob"), Cancellation);
        await store.CreateAsync(Key("k1", "acc_payroll"), Cancellation);

        var account = Done(await store.UpdateAsync(Worker("payroll") with { Disabled = true }, Cancellation));
        var user = Done(await store.UpdateAsync(User("bob") with { Disabled = true }, Cancellation));
        var key = Done(await store.UpdateAsync(Key("k1", "acc_payroll") with { RevokedAt = Noon }, Cancellation));

        var all = await store.ReadAsync(Cancellation);
        Assert.Equal([2L, 2L, 2L], [account.Version, user.Version, key.Version]);
        Same(Worker("payroll") with { Disabled = true, Version = 2 }, Assert.Single(all.Accounts));
        Same(User("bob") with { Disabled = true, Version = 2 }, Assert.Single(all.Users));
        Same(Key("k1", "acc_payroll") with { RevokedAt = Noon, Version = 2 }, Assert.Single(all.Keys));
    }

    [Fact]
    public async Task Update_OfAnOlderVersion_ChangesNothing()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.UpdateAsync(Worker("payroll") with { Description = "first" }, Cancellation);
        var before = await store.ReadAsync(Cancellation);

        var update = await store.UpdateAsync(Worker("payroll") with { Description = "second" }, Cancellation);
        var delete = await store.DeleteAccountAsync("acc_payroll", 1, Cancellation);

        Assert.Equal(new WriteResult.Conflict(2), update);
        Assert.Equal(new WriteResult.Conflict(2), delete);
        var after = await store.ReadAsync(Cancellation);
        Assert.Equal(before.Revision, after.Revision);
        Assert.Equal("first", Assert.Single(after.Accounts).Description);
    }

    [Fact]
    public async Task Update_ByTwoAtOnce_OneIsTold()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());
        await one.CreateAsync(Worker("payroll"), Cancellation);

        for (var version = 1; version <= 20; version++)
        {
            var read = Worker("payroll") with { Version = version };
            var results = await Task.WhenAll(one.UpdateAsync(read, Cancellation), other.UpdateAsync(read, Cancellation));

            Assert.Single(results.OfType<WriteResult.Done>());
            Assert.Equal(new WriteResult.Conflict(version + 1), Assert.Single(results.OfType<WriteResult.Conflict>()));
        }
    }

    [Fact]
    public async Task Revisions_OfManyWriters_AreInTheOrderOfCommits()
    {
        var stores = new[] { await Place.OpenMigratedAsync(), Place.Open(), Place.Open() };
        var at = (await stores[0].ReadAsync(Cancellation)).Revision;
        using var ending = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            // A reader that goes by revisions must miss nothing: a number that commits after a higher one would be lost to it.
            var seen = new List<string>();
            while (true)
            {
                var isLast = ending.IsCancellationRequested;
                var changes = await stores[0].ChangesSinceAsync(at, Cancellation);
                seen.AddRange(changes.Accounts.Select(a => a.Name));
                at = changes.Revision;
                if (isLast)
                {
                    return seen;
                }
            }
        }, Cancellation);

        await Task.WhenAll(stores.Select((store, s) => Task.Run(async () =>
        {
            for (var i = 0; i < 30; i++)
            {
                Done(await store.CreateAsync(Worker($"w{s}-{i}"), Cancellation));
            }
        }, Cancellation)));
        await ending.CancelAsync();

        Assert.Equal(90, (await reader).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task Names_AreUniqueAmongAccountsAndUsers()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.CreateAsync(User("bob"), Cancellation);

        Assert.IsType<WriteResult.NameTaken>(await store.CreateAsync(User("x") with { Name = "payroll" }, Cancellation));
        Assert.IsType<WriteResult.NameTaken>(await store.CreateAsync(Worker("x") with { Name = "bob" }, Cancellation));
        Assert.IsType<WriteResult.NameTaken>(await store.UpdateAsync(Worker("payroll") with { Name = "bob" }, Cancellation));
        Done(await store.UpdateAsync(Worker("payroll") with { Name = "wages" }, Cancellation));
        Done(await store.CreateAsync(User("y") with { Name = "payroll" }, Cancellation));
        Done(await store.DeleteUserAsync("usr_bob", null, Cancellation));
        Done(await store.CreateAsync(Worker("z") with { Name = "bob" }, Cancellation));
        Assert.Equal(["bob", "wages"], (await store.ReadAsync(Cancellation)).Accounts.Select(a => a.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Name_TakenByTwoAtOnce_IsOnes()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());

        for (var i = 0; i < 20; i++)
        {
            var results = await Task.WhenAll(one.CreateAsync(Worker($"a{i}") with { Name = $"n{i}" }, Cancellation), other.CreateAsync(User($"u{i}") with { Name = $"n{i}" }, Cancellation));

            Assert.Single(results.OfType<WriteResult.Done>());
            Assert.Single(results.OfType<WriteResult.NameTaken>());
        }
    }

    [Fact]
    public async Task Create_OfAnIdInUse_IsTold()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.CreateAsync(Key("k1", "acc_payroll"), Cancellation);

        Assert.IsType<WriteResult.IdTaken>(await store.CreateAsync(Worker("payroll") with { Name = "other" }, Cancellation));
        Assert.IsType<WriteResult.IdTaken>(await store.CreateAsync(Key("k1", "acc_payroll"), Cancellation));
    }

    [Fact]
    public async Task What_IsNotThere_IsMissing()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.CreateAsync(User("bob"), Cancellation);
        await store.CreateAsync(Key("k1", "acc_payroll"), Cancellation);

        Assert.IsType<WriteResult.Missing>(await store.UpdateAsync(Worker("nobody"), Cancellation));
        Assert.IsType<WriteResult.Missing>(await store.DeleteAccountAsync("acc_nobody", null, Cancellation));
        Assert.IsType<WriteResult.Missing>(await store.DeleteUserAsync("acc_payroll", null, Cancellation));
        Assert.IsType<WriteResult.Missing>(await store.DeleteKeyAsync("k2", null, Cancellation));
        Assert.IsType<WriteResult.Missing>(await store.CreateAsync(Key("k2", "acc_nobody"), Cancellation));
        // A key stays its owner's.
        Assert.IsType<WriteResult.Missing>(await store.UpdateAsync(Key("k1", "usr_bob"), Cancellation));
    }

    [Fact]
    public async Task KeysOfOneOwner_NeverAreMoreThanItMayHave_WhoeverWritesThem()
    {
        var stores = new[] { await Place.OpenMigratedAsync(), Place.Open() };
        var (account, other) = (Worker("payroll"), Worker("other"));
        Done(await stores[0].CreateAsync(account, Cancellation));
        Done(await stores[0].CreateAsync(other, Cancellation));
        Done(await stores[0].CreateAsync(Key("o1", other.Id), Cancellation));
        Done(await stores[0].CreateAsync(Key("gone", account.Id) with { RevokedAt = Noon }, Cancellation));
        Done(await stores[0].CreateAsync(Key("old", account.Id) with { ExpiresAt = Noon }, Cancellation));

        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => stores[i % 2].CreateAsync(Key($"k{i}", account.Id), 3, Noon, Cancellation))));

        Assert.Equal((3, 5), (results.Count(result => result is WriteResult.Done), results.Count(result => result is WriteResult.TooMany)));
        Assert.Equal(3, (await Place.Open().ReadAsync(Cancellation)).Keys.Count(key => key.OwnerId == account.Id && key.Lives(Noon)));
        // Of another owner, or later, when they have expired, there is room.
        Done(await stores[1].CreateAsync(Key("o2", other.Id), 3, Noon, Cancellation));
        Done(await stores[1].CreateAsync(Key("later", account.Id) with { ExpiresAt = Noon.AddDays(100) }, 3, Noon.AddDays(90), Cancellation));
        Assert.IsType<WriteResult.Missing>(await stores[1].CreateAsync(Key("k9", "acc_nobody"), 3, Noon, Cancellation));
    }

    [Fact]
    public async Task Delete_OfAnAccount_TakesItsKeysAlong()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);
        await store.CreateAsync(User("bob"), Cancellation);
        await store.CreateAsync(Key("k1", "acc_payroll"), Cancellation);
        await store.CreateAsync(Key("k2", "acc_payroll"), Cancellation);
        var before = Done(await store.CreateAsync(Key("k3", "usr_bob"), Cancellation)).Revision;

        Done(await store.DeleteAccountAsync("acc_payroll", 1, Cancellation));

        var changes = await store.ChangesSinceAsync(before, Cancellation);
        Assert.False(changes.IsWhole);
        Assert.Equal(
            [new StoreDeletion(StoredKind.Account, "acc_payroll"), new StoreDeletion(StoredKind.Key, "k1"), new StoreDeletion(StoredKind.Key, "k2")],
            changes.Deletions.OrderBy(d => d.Kind).ThenBy(d => d.Id, StringComparer.Ordinal));
        Assert.Equal("k3", Assert.Single((await store.ReadAsync(Cancellation)).Keys).Id);
    }

    [Fact]
    public async Task Changes_SinceARevision_AreThoseAlone()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("old"), Cancellation);
        var since = Done(await store.CreateAsync(Worker("payroll"), Cancellation)).Revision;

        Assert.True((await store.ChangesSinceAsync(since, Cancellation)).IsEmpty);
        await store.UpdateAsync(Worker("payroll") with { Disabled = true }, Cancellation);
        await store.CreateAsync(Key("k1", "acc_payroll"), Cancellation);
        await store.RevokeAsync([new Revocation(RevocationKind.Caller, "postern/payroll", Noon, null, "x")], Cancellation);
        await store.LiftAsync(RevocationKind.Caller, "postern/payroll", Cancellation);

        var changes = await store.ChangesSinceAsync(since, Cancellation);
        Assert.True(Assert.Single(changes.Accounts).Disabled);
        Assert.Equal("k1", Assert.Single(changes.Keys).Id);
        Assert.Empty(changes.Revocations);
        Assert.Equal(new StoreDeletion(StoredKind.Revocation, "Caller:postern/payroll"), Assert.Single(changes.Deletions));
        Assert.True((await store.ChangesSinceAsync(changes.Revision, Cancellation)).IsEmpty);
    }

    [Fact]
    public async Task Changes_ThatCannotBeTold_AreEverything()
    {
        var store = await Place.OpenMigratedAsync();
        var first = Done(await store.CreateAsync(Worker("payroll"), Cancellation)).Revision;
        await store.CreateAsync(Worker("gone"), Cancellation);
        await store.DeleteAccountAsync("acc_gone", null, Cancellation);
        await store.SweepAsync(DateTimeOffset.UtcNow.AddDays(31), Cancellation);

        Assert.True((await store.ChangesSinceAsync(first, Cancellation)).IsWhole);
        Assert.True((await store.ChangesSinceAsync(first with { Number = 1000 }, Cancellation)).IsWhole);
        Assert.True((await store.ChangesSinceAsync(first with { Store = "another" }, Cancellation)).IsWhole);
    }

    [Fact]
    public async Task Recreated_IsNoDeletion()
    {
        var store = await Place.OpenMigratedAsync();
        var first = Done(await store.CreateAsync(Worker("payroll"), Cancellation)).Revision;
        await store.DeleteAccountAsync("acc_payroll", null, Cancellation);
        await store.CreateAsync(Worker("payroll"), Cancellation);

        var changes = await store.ChangesSinceAsync(first, Cancellation);

        Assert.Empty(changes.Deletions);
        Assert.Single(changes.Accounts);
    }

    [Fact]
    public async Task Revocation_Repeated_IsTheLongerOne()
    {
        var store = await Place.OpenMigratedAsync();
        await store.RevokeAsync([new(RevocationKind.Token, "t", Noon, Noon.AddHours(2), "a"), new(RevocationKind.Caller, "c", Noon, null, "a")], Cancellation);
        await store.RevokeAsync([new(RevocationKind.Token, "t", Noon.AddHours(1), Noon.AddHours(1), "b"), new(RevocationKind.Caller, "c", Noon.AddHours(1), Noon.AddHours(9), "b")], Cancellation);

        var all = (await store.ReadAsync(Cancellation)).Revocations;

        Assert.Contains(new Revocation(RevocationKind.Token, "t", Noon.AddHours(1), Noon.AddHours(2), "b"), all);
        Assert.Contains(new Revocation(RevocationKind.Caller, "c", Noon.AddHours(1), null, "b"), all);
        Assert.False(await store.LiftAsync(RevocationKind.Token, "c", Cancellation));
    }

    [Fact]
    public async Task Uses_TheLatestWins()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());
        await one.CreateAsync(Worker("payroll"), Cancellation);
        await one.CreateAsync(Key("k1", "acc_payroll"), Cancellation);
        var before = (await one.ReadAsync(Cancellation)).Revision;

        await one.NoteUsesAsync([new("k1", Noon, "10.0.0.1"), new("k1", Noon.AddSeconds(2), "10.0.0.2"), new("k2", Noon, null)], Cancellation);
        await other.NoteUsesAsync([new("k1", Noon.AddSeconds(1), "10.0.0.3")], Cancellation);
        await other.NoteUsesAsync([], Cancellation);

        Assert.Equal([new KeyUse("k1", Noon.AddSeconds(2), "10.0.0.2"), new KeyUse("k2", Noon, null)], (await other.UsesOfAsync(["k1", "k2", "k3"], Cancellation)).OrderBy(u => u.KeyId, StringComparer.Ordinal));
        Assert.Equal(before, (await one.ReadAsync(Cancellation)).Revision);
    }

    [Fact]
    public async Task Uses_InLargeBatchesByTwoAtOnce_AreAllNoted()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());
        var ids = Enumerable.Range(0, 2500).Select(i => $"k{i}").ToList();

        await Task.WhenAll(
            one.NoteUsesAsync([.. ids.Select(id => new KeyUse(id, Noon, "one"))], Cancellation),
            other.NoteUsesAsync([.. ids.AsEnumerable().Reverse().Select(id => new KeyUse(id, Noon.AddSeconds(1), "other"))], Cancellation));

        Assert.Equal(2500, (await one.UsesOfAsync(ids, Cancellation)).Count(u => u.From == "other"));
    }

    [Fact]
    public async Task Read_OfManyKeys_IsWhole()
    {
        var store = await Place.OpenMigratedAsync();
        await Place.ExecuteAsync(Many("accounts (id, version, revision, data)", 10_000,
            """'a' || i, 1, 1, '{"id":"a' || i || '","kind":"service","name":"worker-' || i || '","createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x","version":1}'"""));
        await Place.ExecuteAsync(Many("api_keys (id, owner_id, version, revision, data)", 100_000,
            """'k' || i, 'a' || (i % 10000), 1, 1, '{"id":"k' || i || '","ownerId":"a' || (i % 10000) || '","hash":"AQID","createdAt":"2026-01-01T00:00:00+00:00","createdBy":"x","expiresAt":"2027-01-01T00:00:00+00:00","version":1}'"""));

        var all = await store.ReadAsync(Cancellation);

        Assert.Equal((10_000, 100_000), (all.Accounts.Count, all.Keys.Count));
        Assert.Equal(100_000, all.Keys.Select(k => k.Id).Distinct(StringComparer.Ordinal).Count());

        static string Many(string table, int count, string row) => $"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) INSERT INTO {table} SELECT {row} FROM n";
    }

    [Fact]
    public async Task Restart_KeepsEverything()
    {
        var before = await Place.OpenMigratedAsync();
        await before.CreateAsync(Worker("payroll"), Cancellation);
        var revision = (await before.ReadAsync(Cancellation)).Revision;
        await before.DisposeAsync();

        var after = await Place.OpenMigratedAsync();

        var all = await after.ReadAsync(Cancellation);
        Assert.Equal(revision, all.Revision);
        Assert.Equal("payroll", Assert.Single(all.Accounts).Name);
    }

    [Fact]
    public async Task Lost_EverythingCannotTell_AndWorksAgainAfterwards()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Worker("payroll"), Cancellation);

        await Place.LoseAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadAsync(Cancellation));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.CreateAsync(Worker("other"), Cancellation));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.NoteUsesAsync([new("k1", Noon, null)], Cancellation));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.TakeAsync(OneTimeKind.DeviceCode, "x", Noon, Cancellation));
        await Place.BringBackAsync();

        Done(await store.CreateAsync(Worker("other"), Cancellation));
        Assert.Equal(2, (await store.ReadAsync(Cancellation)).Accounts.Count);
    }

    // Records with lists in them compare the lists by reference; as the store writes them they can be compared.
    private static void Same<T>(T expected, T actual) => Assert.Equal(Postern.Storage.StoredJson.Write(expected), Postern.Storage.StoredJson.Write(actual));
}
