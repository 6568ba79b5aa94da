using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Postern.FunctionalTests.Infrastructure;
using Postern.Model;

namespace Postern.Tests.Identity.Jwt;

/// <summary>J5: key sets that rotate, run out, are asked for too often, or can't be had.</summary>
public sealed class IssuerKeysTests
{
    private static readonly TestKey Foreign = TestKey.Es256("foreign");
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Rotation_NewKeyIsFetchedForOnce_OldKeyServesOn()
    {
        await using var bench = await IssuerBench.StartAsync();
        var old = bench.Issuer.Key;
        var asked = bench.Issuer.KeySetRequests;
        bench.Issuer.Rotate();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => bench.AskAsync(bench.Mint($"user-{i}"))));

        Assert.All(answers, answer => Assert.NotNull(answer.Token));
        Assert.Equal(asked + 1, bench.Issuer.KeySetRequests);
        await bench.ServesAsync(bench.Mint(key: old));
    }

    [Fact]
    public async Task RandomKids_AskTheIssuerOnceInAWhile_AndAreNeverServed()
    {
        await using var bench = await IssuerBench.StartAsync();
        var asked = bench.Issuer.KeySetRequests;
        for (var round = 1; round <= 3; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => bench.AskAsync(bench.Mint(key: Foreign, keyId: $"random-{round}-{i}"))));

            Assert.All(answers, answer => Assert.Null(answer.Token));
            Assert.All(answers, answer => Assert.True(answer.Refusal!.Reason is RefusalReason.Unauthenticated or RefusalReason.CannotTell));
            Assert.Equal(asked + round, bench.Issuer.KeySetRequests);
            bench.Time.Advance(AskEvery);
        }

        await bench.ServesAsync(bench.Mint());
    }

    [Fact]
    public async Task UnknownKid_AskedForAndAbsent_IsANo_AndStaysOneWithoutBeingAskedForAgain()
    {
        await using var bench = await IssuerBench.StartAsync();
        var token = bench.Mint(key: Foreign);
        await bench.RefusesAsync(RefusalReason.Unauthenticated, token);
        var asked = bench.Issuer.KeySetRequests;

        await bench.RefusesAsync(RefusalReason.Unauthenticated, token);
        // Another id so soon wasn't asked for: nobody knows whether its key is new.
        await bench.RefusesAsync(RefusalReason.CannotTell, bench.Mint(key: Foreign, keyId: "another"));

        Assert.Equal(asked, bench.Issuer.KeySetRequests);
        bench.Issuer.Keys = [.. bench.Issuer.Keys, Foreign];
        bench.Time.Advance(AskEvery);
        await bench.ServesAsync(token);
    }

    [Fact]
    public async Task Outage_LastKnownKeysServe_UntilTheirBound_AndThenNothingCanBeTold()
    {
        await using var bench = await IssuerBench.StartAsync();
        var token = bench.Mint();
        await bench.ServesAsync(token);
        await bench.Issuer.GoAwayAsync();
        await bench.RefusesAsync(RefusalReason.CannotTell, bench.Mint(key: Foreign));

        bench.Time.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        await bench.ServesAsync(token);
        await bench.ServesAsync(bench.Mint("bob"));
        Assert.Empty(bench.Source.Missing());
        bench.Time.Advance(TimeSpan.FromSeconds(2));

        await bench.RefusesAsync(RefusalReason.CannotTell, token);
        await bench.RefusesAsync(RefusalReason.CannotTell, bench.Mint("bob"));
        Assert.Contains("issuer test: no usable keys, out of reach since", Assert.Single(bench.Source.Missing()), StringComparison.Ordinal);
        await bench.Issuer.ReturnAsync();
        await bench.PassAsync(() => Task.FromResult(!bench.Source.Missing().Any()));
        await bench.ServesAsync(token);
    }

    [Fact]
    public async Task NeverFetched_NothingCanBeTold_AndItHealsBySchedule()
    {
        await using var bench = await IssuerBench.StartAsync(isUp: false);
        await bench.RefusesAsync(RefusalReason.CannotTell, bench.Mint());
        await bench.RefusesAsync(RefusalReason.CannotTell, bench.Mint(key: Foreign));
        await bench.RefusesAsync(RefusalReason.Unauthenticated, "garbage");
        Assert.Single(bench.Source.Missing());

        await bench.Issuer.ReturnAsync();
        // Nobody asks: the schedule alone brings the keys.
        await bench.PassAsync(() => Task.FromResult(!bench.Source.Missing().Any()));

        await bench.ServesAsync(bench.Mint());
    }

    [Fact]
    public async Task ExpiredToken_WhileItsIssuerIsAway_CannotBeTold_AlsoWhereNobodyHadNoticed()
    {
        await using var bench = await IssuerBench.StartAsync();
        var token = bench.Mint(life: TimeSpan.FromMinutes(1));
        await bench.ServesAsync(token);
        await bench.Issuer.GoAwayAsync();
        // Before the next refresh falls due: the expiry itself makes the gate ask.
        bench.Time.Advance(TimeSpan.FromMinutes(3));
        await bench.RefusesAsync(RefusalReason.CannotTell, token);

        await bench.Issuer.ReturnAsync();
        await bench.PassAsync(async () => (await bench.AskAsync(token)).Refusal!.Reason == RefusalReason.Unauthenticated);
    }

    [Fact]
    public async Task ExpiredToken_WhileItsIssuerAnswers_IsANo_AndAsksOnceInAWhile()
    {
        await using var bench = await IssuerBench.StartAsync();
        var token = bench.Mint(life: TimeSpan.FromMinutes(1));
        bench.Time.Advance(TimeSpan.FromMinutes(3));
        var asked = bench.Issuer.KeySetRequests;
        for (var i = 0; i < 20; i++)
        {
            await bench.RefusesAsync(RefusalReason.Unauthenticated, token);
        }

        Assert.Equal(asked + 1, bench.Issuer.KeySetRequests);
    }

    [Fact]
    public async Task Issuer_ThatComesBack_IsNoticedWithinSeconds_HoweverLongItWasAway()
    {
        await using var bench = await IssuerBench.StartAsync();
        var (expired, foreign) = (bench.Mint(life: TimeSpan.FromMinutes(-2)), bench.Mint(key: Foreign));
        bench.Issuer.KeySetAnswer = context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        // Nobody but a caller with an unknown key has noticed; from here on nobody asks.
        await bench.RefusesAsync(RefusalReason.CannotTell, foreign);
        for (var i = 0; i < 10; i++)
        {
            var asked = bench.Issuer.KeySetRequests;
            bench.Time.Advance(Retry);
            await Soon.TrueAsync(() => bench.Issuer.KeySetRequests > asked);
            // Joins the fetch that is under way, so that its end is known.
            await bench.RefusesAsync(RefusalReason.CannotTell, foreign);
        }

        await bench.RefusesAsync(RefusalReason.CannotTell, expired);
        bench.Issuer.KeySetAnswer = null;
        bench.Time.Advance(Retry);
        await Soon.TrueAsync(async () => (await bench.AskAsync(expired)).Refusal!.Reason == RefusalReason.Unauthenticated);
    }

    [Fact]
    public async Task OurOwnTrouble_CountsAsNobodysFailedAttempt()
    {
        var here = IPAddress.Parse("192.0.2.1");
        await using var bench = await IssuerBench.StartAsync();
        var expired = bench.Mint(life: TimeSpan.FromMinutes(-2));
        await bench.Issuer.GoAwayAsync();
        for (var i = 0; i < 200; i++)
        {
            Assert.Equal(RefusalReason.CannotTell, (await bench.AskAsync(bench.Mint(key: Foreign, keyId: $"new-{i}"), from: here)).Refusal!.Reason);
            Assert.Equal(RefusalReason.CannotTell, (await bench.AskAsync(expired, from: here)).Refusal!.Reason);
        }

        Assert.NotNull((await bench.AskAsync(bench.Mint(), from: here)).Token);
    }

    [Fact]
    public async Task FloodOfMadeUpKeys_CountsAsFailedAttempts()
    {
        var (here, there) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"));
        await using var bench = await IssuerBench.StartAsync();
        var reasons = new List<RefusalReason>();
        for (var i = 0; i < 100; i++)
        {
            reasons.Add((await bench.AskAsync(bench.Mint(key: Foreign, keyId: $"made-up-{i}"), from: here)).Refusal!.Reason);
        }

        Assert.Equal((RefusalReason.Unauthenticated, RefusalReason.CannotTell, RefusalReason.Limited), (reasons[0], reasons[1], reasons[^1]));
        Assert.NotNull((await bench.AskAsync(bench.Mint(), from: there)).Token);
    }

    [Fact]
    public async Task Refresh_BySchedule_BringsNewKeysBeforeTheyAreNeeded_AndDropsOldOnes()
    {
        await using var bench = await IssuerBench.StartAsync();
        var old = bench.Issuer.Key;
        bench.Issuer.Rotate(keepOld: false);
        bench.Time.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        var remembered = (await bench.AskAsync(bench.Mint(key: old))).Token!;
        Assert.Equal(1, bench.Issuer.KeySetRequests);
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        await Soon.TrueAsync(() => !remembered.Stands(bench.Time.GetUtcNow()));

        var asked = bench.Issuer.KeySetRequests;
        await bench.ServesAsync(bench.Mint());
        Assert.Equal(asked, bench.Issuer.KeySetRequests);
        await bench.RefusesAsync(RefusalReason.Unauthenticated, bench.Mint(key: old));
    }

    [Theory]
    [InlineData("500 with JSON")]
    [InlineData("empty set")]
    [InlineData("no JSON")]
    [InlineData("JSON of another kind")]
    [InlineData("redirect")]
    [InlineData("huge")]
    [InlineData("only a symmetric key")]
    public async Task KeySet_ThatIsNone_LeavesTheLastOneInPlace(string how)
    {
        await using var bench = await IssuerBench.StartAsync();
        await bench.ServesAsync(bench.Mint());
        bench.Issuer.KeySetAnswer = async context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.StatusCode = how switch { "500 with JSON" => 500, "redirect" => 302, _ => 200 };
            context.Response.Headers.Location = how == "redirect" ? bench.Issuer.Url + "/evil" : default;
            var body = how switch
            {
                "500 with JSON" => """{"keys":[]}""",
                "empty set" => """{"keys":[]}""",
                "JSON of another kind" => """{"error":"x"}""",
                "huge" => $$"""{"keys":[{{Foreign.Public().ToJsonString()}}],"x":"{{new string('a', 2_000_000)}}"}""",
                "only a symmetric key" => """{"keys":[{"kty":"oct","kid":"foreign","k":"AAAA"}]}""",
                _ => "<html>",
            };
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body), context.RequestAborted);
        };

        await bench.RefusesAsync(RefusalReason.CannotTell, bench.Mint(key: Foreign));

        await bench.ServesAsync(bench.Mint("bob"));
        Assert.DoesNotContain("/evil", bench.Issuer.Requests);
    }

    [Theory]
    [InlineData("issuer", "https://somebody.else")]
    [InlineData("issuer", "{url}/")]
    [InlineData("jwks_uri", "http://keys.example/keys")]
    [InlineData("jwks_uri", "ftp://127.0.0.1/keys")]
    [InlineData("jwks_uri", "file:///etc/passwd")]
    [InlineData("jwks_uri", "/keys")]
    [InlineData("jwks_uri", null)]
    public async Task Discovery_ThatPointsElsewhere_GivesNoKeys(string member, string? value)
    {
        await using var bench = await IssuerBench.StartAsync(prepare: issuer => issuer.DiscoveryEdit = document => document[member] = value?.Replace("{url}", issuer.Url, StringComparison.Ordinal));
        await bench.Source.FirstFetch;
        await bench.RefusesAsync(RefusalReason.CannotTell, bench.Mint());
        Assert.Equal(0, bench.Issuer.KeySetRequests);
    }

    [Fact]
    public async Task SlowIssuer_NobodyWhoseKeyIsKnownWaits()
    {
        await using var bench = await IssuerBench.StartAsync();
        var release = new TaskCompletionSource();
        bench.Issuer.Before = () => release.Task;
        var waiting = bench.AskAsync(bench.Mint(key: Foreign));
        await Soon.TrueAsync(() => bench.Issuer.Requests.Count(path => path.Contains("well-known", StringComparison.Ordinal)) == 2);

        // The fetch is under way and doesn't end; the refresh falls due meanwhile.
        bench.Time.Advance(TimeSpan.FromMinutes(6));
        Assert.Null((await waiting).Token);
        await bench.ServesAsync(bench.Mint("bob"));

        release.SetResult();
        bench.Issuer.Before = null;
    }

    [Fact]
    public async Task CallerWhoGoes_DoesNotTakeTheFetchWithHim()
    {
        await using var bench = await IssuerBench.StartAsync();
        var release = new TaskCompletionSource();
        bench.Issuer.Before = () => release.Task;
        bench.Issuer.Rotate();
        using var gone = new CancellationTokenSource();
        var going = bench.AskAsync(bench.Mint("going"), gone.Token);
        await Soon.TrueAsync(() => bench.Issuer.Requests.Count(path => path.Contains("well-known", StringComparison.Ordinal)) == 2);
        var staying = bench.AskAsync(bench.Mint("staying"));
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => going);

        release.SetResult();

        Assert.NotNull((await staying).Token);
    }

    [Fact]
    public async Task Reload_DuringAnOutage_KeepsTheKeys_AlsoWithAnotherBoundOrName()
    {
        await using var bench = await IssuerBench.StartAsync();
        var token = bench.Mint();
        await bench.ServesAsync(token);
        await bench.Issuer.GoAwayAsync();
        foreach (var options in new[] { bench.Options, bench.Options with { StaleKeys = TimeSpan.FromHours(1) }, bench.Options with { Name = "renamed" }, bench.Options with { Audiences = [TestIssuer.Audience, "more"] } })
        {
            var before = bench.Source;
            var next = bench.Reload(options);
            await before.RetireAsync(next);
            await bench.ServesAsync(token);
            Assert.Equal($"{options.Name}/alice", (await bench.AskAsync(token)).Token!.Caller.Name);
        }
    }

    [Fact]
    public async Task Reload_ThatComesToNothing_LeavesTheOldSourceAsItWas()
    {
        await using var bench = await IssuerBench.StartAsync();
        var before = bench.Source;
        var next = bench.Reload(bench.Options with { Audiences = ["other"], StaleKeys = TimeSpan.FromHours(1) });
        await next.RetireAsync(before);

        var (token, refusal) = await before.AuthenticateAsync("Bearer " + bench.Mint(), null, TestContext.Current.CancellationToken);
        Assert.True(token is not null, refusal?.Text);
        bench.Issuer.Rotate();
        Assert.NotNull((await before.AuthenticateAsync("Bearer " + bench.Mint(), null, TestContext.Current.CancellationToken)).Token);
    }

    [Fact]
    public async Task Reload_WithAnotherAudience_ForgetsWhatWasRemembered()
    {
        await using var bench = await IssuerBench.StartAsync();
        var token = bench.Mint();
        await bench.ServesAsync(token);
        var before = bench.Source;
        await before.RetireAsync(bench.Reload(bench.Options with { Audiences = ["other"] }));
        await bench.RefusesAsync(RefusalReason.Unauthenticated, token);
    }
}
