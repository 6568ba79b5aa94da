using System.Net;
using Postern.Identity;
using Postern.Identity.ApiKeys;
using Postern.Model;
using Postern.Tests.Identity.Accounts;

namespace Postern.Tests.Identity.ApiKeys;

public sealed class ApiKeyIdentitySourceTests
{
    private static readonly Dictionary<string, Func<AccountBench, string>> Bad = new()
    {
        ["J10 unknown"] = _ => ApiKeyText.Create().Text,
        ["J10 cut"] = bench => bench.Key(bench.Account("ci").Id).Text[..^1],
        ["J10 another secret under a known id"] = bench => Swapped(bench.Key(bench.Account("ci").Id).Text),
        ["J10 revoked"] = bench => bench.Key(bench.Account("ci").Id, key => key with { RevokedAt = bench.Time.GetUtcNow() }).Text,
        ["J10 expired"] = bench => bench.Key(bench.Account("ci").Id, key => key with { ExpiresAt = bench.Time.GetUtcNow() }).Text,
        ["J8 account disabled"] = bench => bench.Key(bench.Account("ci", account => account with { Disabled = true }).Id).Text,
        ["J8 account expired"] = bench => bench.Key(bench.Account("ci", account => account with { ExpiresAt = bench.Time.GetUtcNow() }).Id).Text,
        ["J8 account gone"] = bench => bench.Key("acc_nobody").Text,
        ["from elsewhere"] = bench => bench.Key(bench.Account("ci").Id, key => key with { Sources = ["10.0.0.0/8"] }).Text,
    };

    public static TheoryData<string> BadNames => [.. Bad.Keys];

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task Key_ThatIsNotGood_IsUnauthenticated_AndIsNotRepeated(string name)
    {
        await using var bench = new AccountBench();
        bench.Account("other");
        var text = Bad[name](bench);

        var refusal = await bench.RefusalAsync(text, IPAddress.Parse("192.0.2.1"));

        Assert.Equal(RefusalReason.Unauthenticated, refusal.Reason);
        Assert.DoesNotContain(text, refusal.Text + refusal.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_NamesItsAccount_WithItsBounds()
    {
        await using var bench = new AccountBench();
        var account = bench.Account("payroll", a => a with { Namespaces = ["payroll*"] });
        var (key, text) = bench.Key(account.Id, k => k with { Namespaces = ["payroll-eu"], Roles = ["worker"] });

        var caller = (await bench.VerifiedAsync(text)).Caller;

        Assert.Equal(("postern/payroll", CallerKind.Service, CredentialKind.ApiKey, key.Id), (caller.Name, caller.Kind, caller.Credential, caller.CredentialId));
        Assert.Equal(["payroll*", "payroll-eu"], caller.NamespaceBounds.SelectMany(set => set));
        Assert.Equal(["worker"], caller.RoleBounds);
        Assert.Equal(key.ExpiresAt, caller.ExpiresAt);
    }

    [Fact]
    public async Task UnknownKey_WhileTheStoreWasNeverRead_CannotBeTold()
    {
        await using var bench = new AccountBench();

        Assert.Equal(RefusalReason.CannotTell, (await bench.RefusalAsync(ApiKeyText.Create().Text)).Reason);
        bench.Account("ci");
        Assert.Equal(RefusalReason.Unauthenticated, (await bench.RefusalAsync(ApiKeyText.Create().Text)).Reason);
    }

    [Fact]
    public async Task RevokedKey_IsRefusedAtOnce_AndItsOpenCallsAreToEnd_WhileTheOtherGoesOn()
    {
        await using var bench = new AccountBench();
        var account = bench.Account("ci");
        var (old, oldText) = bench.Key(account.Id);
        var (_, newText) = bench.Key(account.Id, key => key with { Replaces = old.Id });
        var (was, stays) = (await bench.VerifiedAsync(oldText), await bench.VerifiedAsync(newText));
        Assert.Same(was, await bench.VerifiedAsync(oldText));

        bench.Apply(old with { RevokedAt = bench.Time.GetUtcNow(), Version = 2 });

        Assert.Equal(LeaseEnd.Revoked, was.Ended);
        Assert.Equal(LeaseEnd.None, stays.Ended);
        Assert.Contains("revoked", (await bench.RefusalAsync(oldText)).Text, StringComparison.Ordinal);
        Assert.Same(stays, await bench.VerifiedAsync(newText));
    }

    [Theory]
    [InlineData("disabled", LeaseEnd.Revoked)]
    [InlineData("deleted", LeaseEnd.Revoked)]
    [InlineData("narrowed", LeaseEnd.Changed)]
    [InlineData("described", LeaseEnd.None)]
    public async Task ChangedAccount_EndsWhatRestsOnIt_WhereItMatters(string what, object expected)
    {
        await using var bench = new AccountBench();
        var account = bench.Account("ci");
        var (_, text) = bench.Key(account.Id);
        var token = await bench.VerifiedAsync(text);

        if (what == "deleted")
        {
            bench.Delete(StoredKind.Account, account.Id);
        }
        else
        {
            bench.Apply(what switch
            {
                "disabled" => account with { Disabled = true, Version = 2 },
                "narrowed" => account with { Namespaces = ["a"], Version = 2 },
                _ => account with { Description = "builds", Version = 2 },
            });
        }

        Assert.Equal((LeaseEnd)expected, token.Ended);
        Assert.Equal((LeaseEnd)expected == LeaseEnd.None, token.Stands(bench.Time.GetUtcNow()));
    }

    [Fact]
    public async Task ExpiredKey_StopsBeingRemembered()
    {
        await using var bench = new AccountBench();
        var (_, text) = bench.Key(bench.Account("ci").Id, key => key with { ExpiresAt = bench.Time.GetUtcNow().AddMinutes(1) });
        await bench.VerifiedAsync(text);

        bench.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Contains("expired", (await bench.RefusalAsync(text)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RememberedKey_FromElsewhere_IsRefused()
    {
        await using var bench = new AccountBench();
        var (_, text) = bench.Key(bench.Account("ci").Id, key => key with { Sources = ["10.0.0.0/8", "2001:db8::/32"] });
        await bench.VerifiedAsync(text, IPAddress.Parse("10.1.2.3"));
        await bench.VerifiedAsync(text, IPAddress.Parse("2001:db8::7"));

        Assert.Equal(RefusalReason.Unauthenticated, (await bench.RefusalAsync(text, IPAddress.Parse("11.0.0.1"))).Reason);
        Assert.Equal(RefusalReason.Unauthenticated, (await bench.RefusalAsync(text)).Reason);
    }

    [Fact]
    public async Task EachUse_IsNoted_AndWrittenDownOnce()
    {
        await using var bench = new AccountBench();
        var (key, text) = bench.Key(bench.Account("ci").Id);
        bench.Key("acc_ci");
        await bench.VerifiedAsync(text, IPAddress.Parse("10.1.2.3"));
        bench.Time.Advance(TimeSpan.FromSeconds(5));
        await bench.VerifiedAsync(text, IPAddress.Parse("10.1.2.4"));

        Assert.Equal([new KeyUse(key.Id, bench.Time.GetUtcNow(), "10.1.2.4")], bench.Directory.TakeUses());
        Assert.Empty(bench.Directory.TakeUses());
    }

    [Fact]
    public async Task WholeState_ForgetsWhatIsNotInIt()
    {
        await using var bench = new AccountBench();
        var (key, text) = bench.Key(bench.Account("ci").Id);
        var token = await bench.VerifiedAsync(text);
        var kept = bench.Account("other");

        bench.Directory.Apply(bench.Changes(kept) with { IsWhole = true });

        Assert.Equal((null, null, LeaseEnd.Revoked), (bench.Directory.FindKey(key.Id), bench.Directory.FindNamed("ci"), token.Ended));
        Assert.NotNull(bench.Directory.FindNamed("other"));
    }

    [Fact]
    public async Task RenamedAccount_IsFoundByItsNewNameOnly()
    {
        await using var bench = new AccountBench();
        var account = bench.Account("ci");
        var (_, text) = bench.Key(account.Id);
        bench.Apply(account with { Name = "builds", Version = 2 });

        Assert.Null(bench.Directory.FindNamed("ci"));
        Assert.Equal("postern/builds", (await bench.VerifiedAsync(text)).Caller.Name);
    }

    private static string Swapped(string text)
    {
        // The id of one key and the rest of another: whole by its looks only by chance, so the checksum is made anew by asking for one that fits.
        var id = text.Substring(ApiKeyText.Prefix.Length, ApiKeyText.IdLength);
        var other = ApiKeyText.Create().Text;
        return string.Concat(other.AsSpan(0, ApiKeyText.Prefix.Length), id, other.AsSpan(ApiKeyText.Prefix.Length + ApiKeyText.IdLength));
    }
}
