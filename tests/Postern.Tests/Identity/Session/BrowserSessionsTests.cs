using Postern.Identity;
using Postern.Identity.Session;
using Postern.Model;

namespace Postern.Tests.Identity.Session;

public sealed class BrowserSessionsTests : IAsyncLifetime
{
    private readonly SessionBench _bench = new();
    private SessionGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await _bench.GateAsync();

    public ValueTask DisposeAsync() => _bench.DisposeAsync();

    [Fact]
    public async Task Session_IsFoundWithoutAskingTheStore()
    {
        var cookie = await _gate.BeginAsync();

        var found = _gate.FindAsync(cookie);

        Assert.True(found.IsCompleted);
        var finding = await found;
        Assert.Equal("okta/alice", finding.Token!.Caller.Name);
        Assert.Equal(finding.Session!.Id, finding.Token.Caller.SessionId);
        Assert.Same(finding.Token, (await _gate.FindAsync(cookie)).Token);
        Assert.Null(finding.Renewed);
    }

    [Fact]
    public async Task Used_EndsAfterItsAbsoluteLife_WithWhatIsOpen()
    {
        var cookie = await _gate.BeginAsync();
        var token = (await _gate.FindAsync(cookie)).Token!;
        for (var hour = 0; hour < 23; hour++)
        {
            _bench.Time.Advance(TimeSpan.FromHours(1));
            cookie = await UseAsync(_gate, cookie);
        }

        Assert.Equal(LeaseEnd.None, token.Ended);
        _bench.Time.Advance(TimeSpan.FromHours(1));

        Assert.Equal(RefusalReason.Unauthenticated, (await _gate.FindAsync(cookie)).Refusal!.Reason);
        Assert.Equal(LeaseEnd.Revoked, token.Ended);
    }

    [Fact]
    public async Task Idle_IsOver()
    {
        var cookie = await _gate.BeginAsync();
        _bench.Time.Advance(_bench.Options.Idle);

        var (_, token, refusal, _) = await _gate.FindAsync(cookie);

        Assert.Null(token);
        Assert.Equal($"Your session has ended. Sign in again at {SessionBench.Origin}/.postern/login", refusal!.Text);
    }

    [Fact]
    public async Task Cookie_IsReplaced_AndTheOneBeforeStaysGoodForALittle()
    {
        var first = await _gate.BeginAsync();
        var id = (await _gate.FindAsync(first)).Session!.Id;
        _bench.Time.Advance(_bench.Options.Rotate);

        Assert.NotNull((await _gate.FindAsync(first)).Token);
        await _gate.StoredAsync(id, session => session!.PreviousHash is not null);

        // Requests that race all get the same one.
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _gate.FindAsync(first)));
        Assert.All(answers, answer => Assert.NotNull(answer.Token));
        var second = SessionGate.ValueOf(Assert.Single(answers.Select(answer => answer.Renewed).Distinct())!);
        Assert.NotEqual(first, second);
        // While the browser hasn't shown that it has it, the one before is good.
        _bench.Time.Advance(TimeSpan.FromHours(1));
        Assert.NotNull((await _gate.FindAsync(first)).Token);
        Assert.Null((await _gate.FindAsync(second)).Renewed);
        await _gate.StoredAsync(id, session => session!.CurrentSeenAt is not null);
        _bench.Time.Advance(TimeSpan.FromMinutes(4));
        Assert.NotNull((await _gate.FindAsync(first)).Token);
        Assert.NotNull((await _gate.FindAsync(second)).Token);
    }

    [Fact]
    public async Task CookieThatWasReplacedLongAgo_EndsTheSession()
    {
        var first = await _gate.BeginAsync();
        var token = (await _gate.FindAsync(first)).Token!;
        _bench.Time.Advance(_bench.Options.Rotate);
        var second = await UseAsync(_gate, first);
        await _gate.StoredAsync(token.Caller.SessionId!, session => session!.CurrentSeenAt is not null);
        _bench.Time.Advance(TimeSpan.FromMinutes(5));

        var (_, copied, refusal, _) = await _gate.FindAsync(first);

        Assert.Null(copied);
        Assert.Contains("had been replaced", refusal!.Text, StringComparison.Ordinal);
        Assert.Equal(LeaseEnd.Revoked, token.Ended);
        await _gate.StoredAsync(token.Caller.SessionId!, session => session is null);
        Assert.Null((await _gate.FindAsync(second)).Token);
    }

    [Fact]
    public async Task OtherGate_KnowsASessionAndACookieThatItHasNotHeardOf()
    {
        var other = await _bench.GateAsync();
        await other.CatchUpAsync();
        var first = await _gate.BeginAsync();

        Assert.NotNull((await other.FindAsync(first)).Token);

        _bench.Time.Advance(_bench.Options.Rotate);
        var second = await UseAsync(_gate, first);
        Assert.NotNull((await other.FindAsync(second)).Token);
    }

    [Fact]
    public async Task End_OnOneGate_EndsWhatIsOpenOnAnother()
    {
        var other = await _bench.GateAsync();
        await other.CatchUpAsync();
        var cookie = await _gate.BeginAsync();
        var token = (await other.FindAsync(cookie)).Token!;

        await _gate.Sessions.EndAsync([token.Caller.SessionId!], "logout", CancellationToken.None);
        await other.CatchUpAsync();

        Assert.Equal(LeaseEnd.Revoked, token.Ended);
        Assert.False(token.Stands(_bench.Time.GetUtcNow()));
        Assert.NotNull((await other.FindAsync(cookie)).Refusal);
        Assert.NotNull((await _gate.FindAsync(cookie)).Refusal);
    }

    [Fact]
    public async Task Issuer_EndsItsSession_OrAllOfAPerson_AndNobodyElses()
    {
        var (one, two, bob) = (await _gate.BeginAsync(session: "s1"), await _gate.BeginAsync(session: "s2"), await _gate.BeginAsync("bob", "s3"));

        await _gate.Sessions.EndOfIssuerAsync("other", "alice", null, CancellationToken.None);
        await _gate.Sessions.EndOfIssuerAsync("okta", "bob", "s1", CancellationToken.None);
        Assert.NotNull((await _gate.FindAsync(one)).Token);
        await _gate.Sessions.EndOfIssuerAsync("okta", null, "s1", CancellationToken.None);
        Assert.Null((await _gate.FindAsync(one)).Token);
        Assert.NotNull((await _gate.FindAsync(two)).Token);
        await _gate.Sessions.EndOfIssuerAsync("okta", "alice", null, CancellationToken.None);

        Assert.Null((await _gate.FindAsync(two)).Token);
        Assert.NotNull((await _gate.FindAsync(bob)).Token);
    }

    [Fact]
    public async Task Revocation_OfTheSessionOrTheCaller_EndsIt()
    {
        var (one, two) = (await _gate.BeginAsync(), await _gate.BeginAsync("bob"));
        var (first, second) = ((await _gate.FindAsync(one)).Token!, (await _gate.FindAsync(two)).Token!);

        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        Revoke(RevocationKind.Family, first.Caller.SessionId!);
        Revoke(RevocationKind.Caller, "okta/bob");

        Assert.Equal((LeaseEnd.Revoked, LeaseEnd.Revoked), (first.Ended, second.Ended));
        Assert.Contains("revoked", (await _gate.FindAsync(one)).Refusal!.Text, StringComparison.Ordinal);
        Assert.NotNull((await _gate.FindAsync(two)).Refusal);
    }

    [Fact]
    public async Task PersonWhoCanNotComeBack_HasNoSession_AndWhoIsOnlyUnknownNowIsNotTurnedAway()
    {
        var cookie = await _gate.BeginAsync();
        _bench.Restore = _ => new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. The account alice is disabled.");
        Assert.StartsWith("The account alice is disabled. Sign in again", (await _gate.FindAsync(cookie)).Refusal!.Text, StringComparison.Ordinal);

        _bench.Restore = _ => new Refusal(RefusalReason.CannotTell, "Accounts can't be looked up at the moment.");

        Assert.Equal(RefusalReason.CannotTell, (await _gate.FindAsync(cookie)).Refusal!.Reason);
    }

    [Theory]
    [InlineData("Bearer x", true)]
    [InlineData("Basic x", false)]
    [InlineData("Digest x", true)]
    [InlineData("", true)]
    public async Task CredentialBesideTheCookie_IsRefused_ButForAnOldPassword(string authorization, bool isRefused)
    {
        var cookie = await _gate.BeginAsync();

        Assert.Equal(isRefused, (await _gate.FindAsync(cookie, with: headers => headers.Authorization = authorization)).Token is null);
        Assert.Null((await _gate.FindAsync(cookie, with: headers => headers.Authorization = new([authorization, authorization]))).Token);
    }

    [Fact]
    public async Task Cookie_CountsAtItsOriginAlone()
    {
        var cookie = await _gate.BeginAsync();

        Assert.NotNull((await _gate.FindAsync(cookie, origin: "https://other.example.com")).Refusal);
        Assert.NotNull((await _gate.FindAsync(cookie, origin: "http://127.0.0.1:8080")).Refusal);
    }

    [Fact]
    public async Task NoCookie_LeavesTheRequestToOtherCredentials()
    {
        Assert.True((await _gate.FindAsync("", with: headers => headers.Cookie = default)).IsNone);
        Assert.True((await _gate.FindAsync("", with: headers => headers.Cookie = "prefect_ui_version=v2")).IsNone);
        Assert.False((await _gate.FindAsync("")).IsNone);
    }

    // One request, and what a browser does with its answer.
    private static async Task<string> UseAsync(SessionGate gate, string cookie)
    {
        var (session, _, refusal, _) = await gate.FindAsync(cookie);
        Assert.True(session is not null, refusal?.Text);
        await gate.StoredAsync(session.Id, stored => stored!.Version > session.Version);
        var renewed = (await gate.FindAsync(cookie)).Renewed;
        if (renewed is null)
        {
            return cookie;
        }

        var next = SessionGate.ValueOf(renewed);
        Assert.NotNull((await gate.FindAsync(next)).Token);
        await gate.StoredAsync(session.Id, stored => stored!.CurrentSeenAt is not null);
        return next;
    }

    private void Revoke(RevocationKind kind, string value) => _bench.Revocations.Apply(new StoreChanges
    {
        Revision = new StoreRevision("s", 1), IsWhole = false, Revocations = [new Revocation(kind, value, _bench.Time.GetUtcNow(), null, "test/root")],
    });
}
