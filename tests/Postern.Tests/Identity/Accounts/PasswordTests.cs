using System.Net;
using Postern.Identity.Accounts;
using Postern.Model;
using Postern.Tests.Audit;

namespace Postern.Tests.Identity.Accounts;

public sealed class PasswordTests
{
    private const string Good = "correct horse battery staple";
    private static readonly IPAddress Here = IPAddress.Parse("192.0.2.1");

    // Hashing is meant to be dear; one is enough for all.
    private static readonly Lazy<string> Kept = new(() => Passwords.Hash(Good));

    private readonly ManualTime _time = new();

    [Fact]
    public void Hash_HoldsSchemeCostAndASaltOfItsOwn()
    {
        var other = Passwords.Hash(Good);

        Assert.Matches(@"^pbkdf2-sha256\$600000\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=$", Kept.Value);
        Assert.NotEqual(Kept.Value, other);
        Assert.True(Passwords.Verify(Good, other));
    }

    [Theory]
    [InlineData("correct horse battery stapl")]
    [InlineData("Correct horse battery staple")]
    [InlineData("correct horse battery staple ")]
    [InlineData("")]
    public void Verify_AnotherPassword_IsFalse(string password) => Assert.False(Passwords.Verify(password, Kept.Value));

    [Theory]
    [InlineData("")]
    [InlineData("pbkdf2-sha256$1$AAAA")]
    [InlineData("pbkdf2-sha1$1$AAAA$AAAA")]
    [InlineData("pbkdf2-sha256$0$AAAA$AAAA")]
    [InlineData("pbkdf2-sha256$-1$AAAA$AAAA")]
    [InlineData("pbkdf2-sha256$2000000000$AAAA$AAAA")]
    [InlineData("pbkdf2-sha256$1$AAAA$")]
    [InlineData("pbkdf2-sha256$1$AAAA$AAAA")]
    [InlineData("pbkdf2-sha256$1$not base64$AAAA")]
    public void Verify_TextThatIsNoHash_IsFalse(string kept) => Assert.False(Passwords.Verify("", kept));

    [Fact]
    public void Verify_OlderCost_IsGood()
    {
        var salt = "salt-of-sixteen!"u8.ToArray();
        var hash = System.Security.Cryptography.Rfc2898DeriveBytes.Pbkdf2("password", salt, 1000, System.Security.Cryptography.HashAlgorithmName.SHA256, 32);

        Assert.True(Passwords.Verify("password", $"pbkdf2-sha256$1000${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}"));
    }

    [Theory]
    [InlineData("fourteen chars", true)]
    [InlineData("fifteen  chars!", false)]
    [InlineData("abababababababababab", true)]
    [InlineData("what ALICE always says", true)]
    public void Problem_SaysWhatIsWrong_WithoutThePassword(string password, bool isWrong)
    {
        var problem = Passwords.Problem(password, "alice");

        Assert.Equal(isWrong, problem is not null);
        Assert.DoesNotContain(password, problem ?? "", StringComparison.Ordinal);
        Assert.NotNull(Passwords.Problem(new string('x', 257), "alice"));
    }

    [Fact]
    public void Throttle_PerUser_WhateverTheAddress_AndGivesOneBackAfterAWhile()
    {
        var throttle = new PasswordThrottle(_time);
        for (var i = 0; i < PasswordThrottle.TriesPerUser; i++)
        {
            Assert.NotNull(throttle.Begin("usr_1", "alice", IPAddress.Parse($"192.0.2.{i}")));
        }

        Assert.Null(throttle.Begin("usr_1", "alice", IPAddress.Parse("192.0.2.99")));
        Assert.NotNull(throttle.Begin("usr_2", "bob", IPAddress.Parse("192.0.2.99")));
        _time.Advance(PasswordThrottle.OneMoreAfter);
        Assert.NotNull(throttle.Begin("usr_1", "alice", Here));
        Assert.Null(throttle.Begin("usr_1", "alice", Here));
    }

    [Fact]
    public void Throttle_PerAddress_WhateverTheUser_AndANetworkOfIPv6IsOne()
    {
        var throttle = new PasswordThrottle(_time);
        for (var i = 0; i < PasswordThrottle.TriesPerAddress; i++)
        {
            Assert.NotNull(throttle.Begin($"usr_{i}", "x", IPAddress.Parse($"2001:db8::{i:x}")));
        }

        Assert.Null(throttle.Begin("usr_99", "x", IPAddress.Parse("2001:db8::ffff")));
        Assert.NotNull(throttle.Begin("usr_99", "x", IPAddress.Parse("2001:db8:1::1")));
    }

    [Fact]
    public void Throttle_RightPassword_CostsNoTry()
    {
        var throttle = new PasswordThrottle(_time);
        for (var i = 0; i < 100; i++)
        {
            throttle.Begin("usr_1", "alice", Here)!.Succeeded();
        }

        Assert.NotNull(throttle.Begin("usr_1", "alice", Here));
    }

    [Fact]
    public void Throttle_NamesThatNobodyHas_AreThrottledToo()
    {
        var throttle = new PasswordThrottle(_time);
        for (var i = 0; i < PasswordThrottle.TriesPerUser; i++)
        {
            Assert.NotNull(throttle.Begin(null, "nobody", IPAddress.Parse($"192.0.2.{i}")));
        }

        Assert.Null(throttle.Begin(null, "nobody", Here));
    }

    [Fact]
    public async Task Check_RightPassword_IsTheUser_AndNothingElseIs()
    {
        var directory = Directory(Kept.Value, disabled: false);
        using var check = new PasswordCheck(directory, _time);

        Assert.Equal("alice", (await check.VerifyAsync("alice", Good, Here, TestContext.Current.CancellationToken)).User?.Name);
        var wrong = await check.VerifyAsync("alice", "wrong horse battery staple", Here, TestContext.Current.CancellationToken);
        var nobody = await check.VerifyAsync("nobody", Good, Here, TestContext.Current.CancellationToken);
        var account = await check.VerifyAsync("worker", Good, Here, TestContext.Current.CancellationToken);
        Assert.All([wrong, nobody, account], answer => Assert.Equal((null, RefusalReason.Unauthenticated), (answer.User, answer.Refusal?.Reason)));
        // Which of them it was is told to nobody but the record.
        Assert.Equal(wrong.Refusal!.Text, nobody.Refusal!.Text);
        Assert.Equal(wrong.Refusal.Text, account.Refusal!.Text);
    }

    [Fact]
    public async Task Check_SpentTries_IsLimitedEvenForTheRightPassword()
    {
        using var check = new PasswordCheck(Directory(Passwords.Hash(Good).Replace("$600000$", "$1$", StringComparison.Ordinal), disabled: false), _time);
        for (var i = 0; i < PasswordThrottle.TriesPerUser; i++)
        {
            Assert.Equal(RefusalReason.Unauthenticated, (await check.VerifyAsync("alice", "wrong horse battery staple", Here, TestContext.Current.CancellationToken)).Refusal?.Reason);
        }

        var limited = (await check.VerifyAsync("alice", Good, Here, TestContext.Current.CancellationToken)).Refusal;
        Assert.Equal((RefusalReason.Limited, PasswordThrottle.OneMoreAfter), (limited?.Reason, limited?.RetryAfter));
    }

    [Fact]
    public async Task Check_DisabledUser_IsToldToWhoeverKnowsThePasswordAlone()
    {
        using var check = new PasswordCheck(Directory(Kept.Value, disabled: true), _time);

        Assert.Contains("disabled", (await check.VerifyAsync("alice", Good, Here, TestContext.Current.CancellationToken)).Refusal?.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("disabled", (await check.VerifyAsync("alice", "wrong horse battery staple", Here, TestContext.Current.CancellationToken)).Refusal?.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_StoreNotReadYet_CannotTell()
    {
        using var check = new PasswordCheck(new AccountDirectory(_time), _time);

        Assert.Equal(RefusalReason.CannotTell, (await check.VerifyAsync("alice", Good, Here, TestContext.Current.CancellationToken)).Refusal?.Reason);
    }

    private AccountDirectory Directory(string password, bool disabled)
    {
        var directory = new AccountDirectory(_time);
        directory.Apply(new StoreChanges
        {
            Revision = new StoreRevision("s", 1),
            IsWhole = true,
            Users = [new LocalUser { Id = "usr_1", Name = "alice", Password = password, Disabled = disabled, CreatedAt = _time.GetUtcNow(), CreatedBy = "test/root" }],
            Accounts = [new Account { Id = "acc_1", Kind = CallerKind.Service, Name = "worker", CreatedAt = _time.GetUtcNow(), CreatedBy = "test/root" }],
        });
        return directory;
    }
}
