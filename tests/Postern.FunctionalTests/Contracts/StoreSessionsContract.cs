using Postern.Model;

namespace Postern.FunctionalTests.Contracts;

/// <summary>Sessions and what is good once: of all gates that try, one succeeds.</summary>
public abstract class StoreSessionsContract : OnePlace
{
    private static RefreshFamily Family(string id) => new()
    {
        Id = id,
        CallerName = "okta/alice@example.com",
        Caller = """{"sub":"alice"}""",
        ClientId = "temporal-cli",
        Scope = "openid temporal",
        Audiences = ["temporal", "https://api.example.com"],
        CurrentHash = "h1",
        CreatedAt = Noon,
        ExpiresAt = Noon.AddDays(30),
    };

    private static OneTime Item(string id) => new() { Kind = OneTimeKind.DeviceCode, Id = id, Hash = "hash-of-" + id, Data = """{"state":"pending"}""", ExpiresAt = Noon.AddMinutes(10) };

    [Fact]
    public async Task Family_Written_IsReadAsItWas()
    {
        var store = await Place.OpenMigratedAsync();
        var before = (await store.ReadAsync(Cancellation)).Revision;

        Assert.True(await store.CreateAsync(Family("fam_1"), Cancellation));
        Assert.False(await store.CreateAsync(Family("fam_1"), Cancellation));

        var read = (await store.FamilyAsync("fam_1", Cancellation))!;
        Assert.Equal(Family("fam_1").Audiences, read.Audiences);
        Assert.Equal(Family("fam_1") with { Audiences = read.Audiences }, read);
        Assert.Null(await store.FamilyAsync("fam_2", Cancellation));
        Assert.Equal(before, (await store.ReadAsync(Cancellation)).Revision);
    }

    [Fact]
    public async Task Rotate_TheNewest_TakesItsPlace()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Family("fam_1"), Cancellation);

        Assert.Equal(RotateResult.Rotated, await store.RotateAsync("fam_1", "h1", "h2", "h1", Noon.AddHours(1), Cancellation));

        var read = (await store.FamilyAsync("fam_1", Cancellation))!;
        Assert.Equal(("h2", "h1", Noon.AddHours(1)), (read.CurrentHash, read.PreviousHash, read.LastUsedAt));
        Assert.Equal(RotateResult.Superseded, await store.RotateAsync("fam_1", "h1", "h3", "h1", Noon.AddHours(1), Cancellation));
        Assert.Equal(RotateResult.Missing, await store.RotateAsync("fam_2", "h1", "h3", "h1", Noon.AddHours(1), Cancellation));
        Assert.Equal(RotateResult.Ended, await store.RotateAsync("fam_1", "h2", "h3", "h2", Noon.AddDays(30), Cancellation));
    }

    [Fact]
    public async Task Rotate_ByTwoAtOnce_OneRotates()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());
        await one.CreateAsync(Family("fam_1"), Cancellation);

        for (var i = 1; i <= 20; i++)
        {
            var results = await Task.WhenAll(
                one.RotateAsync("fam_1", $"h{i}", $"h{i + 1}", $"h{i}", Noon, Cancellation),
                other.RotateAsync("fam_1", $"h{i}", $"h{i + 1}", $"h{i}", Noon, Cancellation));

            Assert.Equal([RotateResult.Rotated, RotateResult.Superseded], results.Order());
        }
    }

    [Fact]
    public async Task Ended_StaysEnded()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Family("fam_1"), Cancellation);
        await store.CreateAsync(Family("fam_2"), Cancellation);

        Assert.True(await store.EndFamilyAsync("fam_1", Noon.AddHours(1), Cancellation));
        Assert.False(await store.EndFamilyAsync("fam_1", Noon.AddHours(2), Cancellation));

        Assert.Equal(Noon.AddHours(1), (await store.FamilyAsync("fam_1", Cancellation))!.EndedAt);
        Assert.Equal(RotateResult.Ended, await store.RotateAsync("fam_1", "h1", "h2", "h1", Noon.AddHours(1), Cancellation));
        Assert.Equal("fam_2", Assert.Single(await store.FamiliesOfAsync("okta/alice@example.com", Cancellation)).Id);
    }

    [Fact]
    public async Task Once_IsTakenOnce()
    {
        var store = await Place.OpenMigratedAsync();
        Assert.True(await store.PutAsync(Item("a"), Cancellation));

        var first = await store.TakeAsync(OneTimeKind.DeviceCode, "a", Noon, Cancellation);
        var second = await store.TakeAsync(OneTimeKind.DeviceCode, "a", Noon.AddSeconds(1), Cancellation);

        var taken = Item("a") with { UsedAt = Noon };
        Assert.Equal(new TakeResult.Taken(taken), first);
        Assert.Equal(new TakeResult.Used(taken), second);
        Assert.IsType<TakeResult.Missing>(await store.TakeAsync(OneTimeKind.AuthorizationCode, "a", Noon, Cancellation));
    }

    [Fact]
    public async Task Once_ByTwoAtOnce_IsOnes()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());

        for (var i = 0; i < 20; i++)
        {
            await one.PutAsync(Item($"i{i}"), Cancellation);
            var results = await Task.WhenAll(one.TakeAsync(OneTimeKind.DeviceCode, $"i{i}", Noon, Cancellation), other.TakeAsync(OneTimeKind.DeviceCode, $"i{i}", Noon, Cancellation));

            Assert.Single(results.OfType<TakeResult.Taken>());
            Assert.Single(results.OfType<TakeResult.Used>());
        }
    }

    [Fact]
    public async Task Once_Expired_IsNobodys()
    {
        var store = await Place.OpenMigratedAsync();
        await store.PutAsync(Item("a"), Cancellation);

        Assert.IsType<TakeResult.Expired>(await store.TakeAsync(OneTimeKind.DeviceCode, "a", Noon.AddMinutes(10), Cancellation));
        Assert.IsType<TakeResult.Taken>(await store.TakeAsync(OneTimeKind.DeviceCode, "a", Noon.AddMinutes(9), Cancellation));
    }

    [Fact]
    public async Task Put_OfAnIdOrHashInUse_IsRefused_AlsoAtOnce()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());
        await one.PutAsync(Item("a"), Cancellation);
        await one.TakeAsync(OneTimeKind.DeviceCode, "a", Noon, Cancellation);

        Assert.False(await other.PutAsync(Item("a"), Cancellation));
        Assert.False(await other.PutAsync(Item("b") with { Hash = "hash-of-a" }, Cancellation));
        Assert.True(await other.PutAsync(Item("a") with { Kind = OneTimeKind.ClientAssertion, Hash = null }, Cancellation));
        Assert.True(await other.PutAsync(Item("b") with { Kind = OneTimeKind.ClientAssertion, Hash = null }, Cancellation));
        for (var i = 0; i < 20; i++)
        {
            Assert.Single(await Task.WhenAll(one.PutAsync(Item($"i{i}"), Cancellation), other.PutAsync(Item($"i{i}"), Cancellation)), isMine => isMine);
        }
    }

    [Fact]
    public async Task Once_Changed_ByTheVersionRead()
    {
        var store = await Place.OpenMigratedAsync();
        await store.PutAsync(Item("a"), Cancellation);
        var read = (await store.OneTimeByHashAsync(OneTimeKind.DeviceCode, "hash-of-a", Cancellation))!;
        Assert.Equal(Item("a"), read);

        Assert.True(await store.UpdateAsync(read with { Data = """{"state":"approved"}""" }, Cancellation));
        Assert.False(await store.UpdateAsync(read with { Data = """{"state":"denied"}""" }, Cancellation));

        var now = (await store.OneTimeAsync(OneTimeKind.DeviceCode, "a", Cancellation))!;
        Assert.Equal(("""{"state":"approved"}""", 2L), (now.Data, now.Version));
        await store.TakeAsync(OneTimeKind.DeviceCode, "a", Noon, Cancellation);
        Assert.False(await store.UpdateAsync(now, Cancellation));
        Assert.Null(await store.OneTimeAsync(OneTimeKind.DeviceCode, "b", Cancellation));
    }

    [Fact]
    public async Task Sweep_ForgetsWhatEndedAlone()
    {
        var store = await Place.OpenMigratedAsync();
        await store.CreateAsync(Family("fam_ended"), Cancellation);
        await store.EndFamilyAsync("fam_ended", Noon, Cancellation);
        await store.CreateAsync(Family("fam_expired") with { ExpiresAt = Noon }, Cancellation);
        await store.CreateAsync(Family("fam_open") with { ExpiresAt = Noon.AddDays(90) }, Cancellation);
        await store.PutAsync(Item("a"), Cancellation);
        await store.PutAsync(Item("b") with { ExpiresAt = Noon.AddDays(90) }, Cancellation);
        await store.RevokeAsync([new(RevocationKind.Token, "short", Noon, Noon.AddHours(1), "x"), new(RevocationKind.Token, "long", Noon, Noon.AddDays(90), "x"), new(RevocationKind.Caller, "ever", Noon, null, "x")], Cancellation);
        await store.NoteUsesAsync([new("of-no-key", Noon, null)], Cancellation);

        var rows = await store.SweepAsync(Noon.AddDays(31), Cancellation);

        Assert.Equal(5, rows);
        Assert.Equal(0, await store.SweepAsync(Noon.AddDays(31), Cancellation));
        Assert.Null(await store.FamilyAsync("fam_ended", Cancellation));
        Assert.Null(await store.FamilyAsync("fam_expired", Cancellation));
        Assert.NotNull(await store.FamilyAsync("fam_open", Cancellation));
        Assert.Null(await store.OneTimeAsync(OneTimeKind.DeviceCode, "a", Cancellation));
        Assert.NotNull(await store.OneTimeAsync(OneTimeKind.DeviceCode, "b", Cancellation));
        Assert.Equal(["ever", "long"], (await store.ReadAsync(Cancellation)).Revocations.Select(r => r.Value).Order(StringComparer.Ordinal));
    }

    private static BrowserSession Session(string id) => new()
    {
        Id = id, Origin = "https://prefect.example.com", CallerName = "okta/alice@example.com", Caller = """{"name":"alice"}""", Issuer = "okta", ProviderSubject = "alice", ProviderSession = "s1",
        CurrentHash = "h1", CreatedAt = Noon, LastSeenAt = Noon, ExpiresAt = Noon.AddDays(1),
    };

    [Fact]
    public async Task BrowserSession_IsKnownToEveryGate_UntilItIsEnded()
    {
        var (one, other) = (await Place.OpenMigratedAsync(), Place.Open());
        var before = (await other.ReadAsync(Cancellation)).Revision;

        Done(await one.CreateAsync(Session("ses_1"), Cancellation));
        Assert.IsType<WriteResult.IdTaken>(await one.CreateAsync(Session("ses_1"), Cancellation));
        Assert.Equal(2, Done(await one.UpdateAsync(Session("ses_1") with { CurrentHash = "h2", PreviousHash = "h1" }, Cancellation)).Version);
        Assert.IsType<WriteResult.Conflict>(await other.UpdateAsync(Session("ses_1") with { CurrentHash = "h3" }, Cancellation));

        var changes = await other.ChangesSinceAsync(before, Cancellation);
        Assert.Equal(Session("ses_1") with { CurrentHash = "h2", PreviousHash = "h1", Version = 2 }, Assert.Single(changes.BrowserSessions));
        Assert.Equal(changes.BrowserSessions[0], await other.BrowserSessionAsync("ses_1", Cancellation));
        Assert.Equal(changes.BrowserSessions, (await other.ReadAsync(Cancellation)).BrowserSessions);

        Assert.NotNull(await one.EndSessionsAsync(["ses_1", "ses_2"], Cancellation));
        Assert.Null(await one.EndSessionsAsync(["ses_1"], Cancellation));
        Assert.Contains(new StoreDeletion(StoredKind.BrowserSession, "ses_1"), (await other.ChangesSinceAsync(changes.Revision, Cancellation)).Deletions);
        Assert.Null(await other.BrowserSessionAsync("ses_1", Cancellation));
        Assert.IsType<WriteResult.Missing>(await one.UpdateAsync(Session("ses_1"), Cancellation));
    }

    [Fact]
    public async Task BrowserSession_IsForgottenAfterItsEnd()
    {
        var store = await Place.OpenMigratedAsync();
        Done(await store.CreateAsync(Session("ses_1"), Cancellation));

        Assert.Equal(0, await store.SweepAsync(Noon.AddHours(23), Cancellation));
        Assert.Equal(1, await store.SweepAsync(Noon.AddDays(3), Cancellation));

        Assert.Null(await store.BrowserSessionAsync("ses_1", Cancellation));
    }
}
