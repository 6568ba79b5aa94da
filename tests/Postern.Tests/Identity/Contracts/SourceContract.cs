using Postern.Identity;
using Postern.Model;

namespace Postern.Tests.Identity.Contracts;

/// <summary>What every source of identity keeps, whatever its credentials are. A new source derives from this and passes unchanged.</summary>
public abstract class SourceContract
{
    /// <summary>Cases that its credentials can't have, each with the reason why.</summary>
    private protected virtual IReadOnlyDictionary<ContractCase, string> Impossible { get; } = new Dictionary<ContractCase, string>();

    private protected abstract Task<ISourceBench> StartAsync();

    [Fact]
    public async Task Good_IsACaller_AndTheSameOneAgain()
    {
        await using var bench = await StartAsync();
        var credential = bench.Good();

        var first = await AllowedAsync(bench, credential);

        Assert.Same(first, await AllowedAsync(bench, credential));
        Assert.Equal($"{first.Caller.Issuer}/{first.Caller.Subject}", first.Caller.Name);
        Assert.NotEqual(default, first.Caller.ExpiresAt);
    }

    [Fact]
    public async Task Missing_IsUnauthenticated()
    {
        await using var bench = await StartAsync();

        Assert.Equal(RefusalReason.Unauthenticated, await RefusedAsync(bench, default, "missing"));
        Assert.Equal(RefusalReason.Unauthenticated, await RefusedAsync(bench, new Presented(""), "empty"));
        Assert.Equal(RefusalReason.Unauthenticated, await RefusedAsync(bench, new Presented("Bearer "), "empty token"));
        await AllowedAsync(bench, bench.Good());
    }

    [Fact]
    public async Task TwoCredentials_AreRefused()
    {
        await using var bench = await StartAsync();
        var (one, other) = (bench.Good(), bench.Good());
        await AllowedAsync(bench, one);
        await AllowedAsync(bench, other);

        var both = one.Certificate is null
            ? one with { Authorization = new([.. one.Authorization, .. other.Authorization]) }
            : one with { Authorization = "Bearer something" };

        Assert.Equal(RefusalReason.Unauthenticated, await RefusedAsync(bench, both, "two"));
    }

    [Fact]
    public async Task Bad_IsUnauthenticated_InEveryWayThatItCanBe()
    {
        foreach (var which in Enum.GetValues<ContractCase>())
        {
            await using var bench = await StartAsync();
            await AllowedAsync(bench, bench.Good());
            var cases = bench.Bad(which).ToList();

            Assert.True(cases.Count > 0 != Impossible.ContainsKey(which), $"{which}: has to be tried, or said to be impossible");
            foreach (var (name, credential) in cases)
            {
                Assert.True(await RefusedAsync(bench, credential, name) == RefusalReason.Unauthenticated, name);
                // The second time too: nothing bad is remembered as good.
                Assert.True(await RefusedAsync(bench, credential, name) == RefusalReason.Unauthenticated, name + ", again");
            }

            await AllowedAsync(bench, bench.Good());
        }
    }

    [Fact]
    public async Task Revoked_EndsWhatWasRemembered_AndOthersGoOn()
    {
        await using var bench = await StartAsync();
        var (ending, staying) = (bench.Good(), bench.Good());
        var (ended, stayed) = (await AllowedAsync(bench, ending), await AllowedAsync(bench, staying));

        bench.Revoke(ending);

        Assert.Equal(LeaseEnd.Revoked, ended.Ended);
        Assert.Equal(RefusalReason.Unauthenticated, await RefusedAsync(bench, ending, "revoked"));
        Assert.Equal(LeaseEnd.None, stayed.Ended);
        await AllowedAsync(bench, staying);
    }

    [Fact]
    public async Task SourceThatIsDown_CannotTell_AndIsNoNo()
    {
        await using var bench = await StartAsync();
        var credential = await bench.AwayAsync();

        var result = await AskAsync(bench, credential);
        Assert.Null(result.Token);
        Assert.Equal(RefusalReason.CannotTell, result.Refusal!.Reason);
        // Our own trouble is nobody's failed attempt.
        Assert.False(result.Counts);

        await bench.ReturnAsync();
        await AllowedAsync(bench, credential);
    }

    [Fact]
    public async Task CallerWhoGivesUp_LeavesNothingBehind()
    {
        await using var bench = await StartAsync();
        var credential = bench.Good();
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();

        // It may have been answered all the same, where nothing had to be waited for.
        await Record.ExceptionAsync(async () => await bench.Sources.AuthenticateAsync(credential.Authorization, credential.Certificate, null, gone.Token));

        await AllowedAsync(bench, credential);
    }

    [Fact]
    public async Task SlowSource_HoldsNobodyWhoGivesUp_AndAnswersTheOthers()
    {
        await using var bench = await StartAsync();
        var known = bench.Good();
        await AllowedAsync(bench, known);
        if (bench.Slow() is not { } slow)
        {
            // Nobody is asked, so that nothing can be slow.
            var good = bench.Good();
            Assert.True(bench.Sources.AuthenticateAsync(good.Authorization, good.Certificate, null, TestContext.Current.CancellationToken).AsTask().IsCompletedSuccessfully);
            return;
        }

        using var gone = new CancellationTokenSource();
        var impatient = bench.Sources.AuthenticateAsync(slow.Credential.Authorization, slow.Credential.Certificate, null, gone.Token).AsTask();
        await Soon.TrueAsync(() => Task.FromResult(slow.IsAsked()));
        var patient = AskAsync(bench, slow.Credential);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);
        // Whoever is known already waits for nothing.
        Assert.True(bench.Sources.AuthenticateAsync(known.Authorization, known.Certificate, null, TestContext.Current.CancellationToken).AsTask().IsCompletedSuccessfully);

        await slow.ReleaseAsync();
        Assert.NotNull((await patient).Token);
    }

    private static async Task<AuthenticationResult> AskAsync(ISourceBench bench, Presented credential) =>
        await bench.Sources.AuthenticateAsync(credential.Authorization, credential.Certificate, null, TestContext.Current.CancellationToken);

    private static async Task<VerifiedToken> AllowedAsync(ISourceBench bench, Presented credential)
    {
        var (token, refusal) = await AskAsync(bench, credential);
        Assert.True(token is not null, refusal?.Text + " " + refusal?.Detail);
        return token;
    }

    private static async Task<RefusalReason> RefusedAsync(ISourceBench bench, Presented credential, string name)
    {
        var (token, refusal) = await AskAsync(bench, credential);
        Assert.True(token is null, name + " was taken");
        return refusal!.Reason;
    }
}
