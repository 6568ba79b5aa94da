using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Postern.FunctionalTests.Infrastructure;
using Postern.Identity;

namespace Postern.Tests.Identity.Jwt;

/// <summary>A verified token is remembered until it expires, its key leaves the set, or five minutes pass; never longer, and never for another.</summary>
public sealed class RememberedTokenTests
{
    private int _mixed;

    [Fact]
    public async Task Token_SeenAgain_IsTheSameObjectAtOnce()
    {
        await using var bench = new TokenBench();
        var token = bench.Mint();
        var first = (await bench.AskAsync(token)).Token!;
        first.Attach("policy");

        var again = bench.Source.AuthenticateAsync("Bearer " + token, null, TestContext.Current.CancellationToken);

        Assert.True(again.IsCompletedSuccessfully);
        Assert.Same(first, (await again).Token);
        Assert.Equal("policy", (await bench.AskAsync(token)).Token!.Attached<string>());
        Assert.Null(first.Attached<TokenBench>());
    }

    [Fact]
    public async Task Token_AfterFiveMinutes_IsVerifiedAgain()
    {
        await using var bench = new TokenBench();
        var token = bench.Mint();
        var first = (await bench.AskAsync(token)).Token!;
        bench.Time.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Assert.Same(first, (await bench.AskAsync(token)).Token);
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotSame(first, (await bench.AskAsync(token)).Token);
    }

    [Fact]
    public async Task Token_ThatExpires_IsRefusedAfterTheSkew_ThoughItWasRemembered()
    {
        await using var bench = new TokenBench();
        var token = bench.Mint(claims => claims["exp"] = bench.Now + 30);
        Assert.NotNull((await bench.AskAsync(token)).Token);
        bench.Time.Advance(TimeSpan.FromSeconds(90));
        Assert.NotNull((await bench.AskAsync(token)).Token);
        bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null((await bench.AskAsync(token)).Token);
    }

    [Fact]
    public async Task Token_WhoseKeyLeavesTheSet_FallsWithIt_AndTheOthersStay()
    {
        var (stays, goes) = (TestKey.Es256("stays"), TestKey.Es256("goes"));
        await using var bench = new TokenBench(stays.Public(), goes.Public());
        var (kept, fallen) = (bench.Mint(key: stays), bench.Mint(key: goes));
        var (before, lost) = ((await bench.AskAsync(kept)).Token!, (await bench.AskAsync(fallen)).Token!);
        bench.WriteKeys(new JsonArray(stays.Public()));

        // The file is read again within half a minute.
        bench.Time.Advance(TimeSpan.FromSeconds(30));
        await Soon.TrueAsync(() => !lost.Stands(bench.Time.GetUtcNow()));

        Assert.Null((await bench.AskAsync(fallen)).Token);
        Assert.Same(before, (await bench.AskAsync(kept)).Token);
    }

    [Fact]
    public async Task Key_ReplacedUnderItsOwnId_EndsWhatTheOldOneSigned()
    {
        var (old, @new) = (TestKey.Es256("same"), TestKey.Es256("same"));
        await using var bench = new TokenBench(old.Public());
        var token = bench.Mint(key: old);
        var before = (await bench.AskAsync(token)).Token!;
        bench.WriteKeys(new JsonArray(@new.Public()));
        bench.Time.Advance(TimeSpan.FromSeconds(30));
        await Soon.TrueAsync(() => !before.Stands(bench.Time.GetUtcNow()));

        Assert.Null((await bench.AskAsync(token)).Token);
        Assert.NotNull((await bench.AskAsync(bench.Mint(key: @new))).Token);
    }

    [Fact]
    public async Task Tokens_OfManyCallersAtOnce_NeverMix()
    {
        await using var bench = new TokenBench();
        var tokens = Enumerable.Range(0, 100).Select(i => (Name: $"user-{i}", Header: "Bearer " + bench.Mint(claims => claims["sub"] = $"user-{i}"))).ToList();
        await bench.Source.FirstFetch;
        await Parallel.ForAsync(0, 20_000, TestContext.Current.CancellationToken, async (i, cancellation) =>
        {
            var (name, header) = tokens[i % tokens.Count];
            // Now the very string, now a copy: both ways in must lead to the same caller.
            var (token, _) = await bench.Source.AuthenticateAsync(i % 3 == 0 ? new string(header) : header, null, cancellation);
            Assert.Equal("okta/" + name, token!.Caller.Name);
        });
    }

    [Fact]
    public async Task Tokens_FoundByReferenceWhileOthersTakeTheirPlace_NeverMix()
    {
        await using var bench = new TokenBench();
        var now = bench.Time.GetUtcNow();
        var caller = await bench.CallerAsync(bench.Mint());
        var lease = new Lease();
        lease.HoldUntil(now.AddHours(1));
        var tokens = new VerifiedTokens(20_000);
        // Far more string objects than places: each place is written and read by many at once.
        var known = Enumerable.Range(0, 4_000).Select(i => (Text: "Bearer token-" + i, Token: new VerifiedToken(caller, now.AddMinutes(5), lease))).ToArray();
        Array.ForEach(known, entry => tokens.Add(entry.Text, entry.Token));
        var threads = Enumerable.Range(0, 4).Select(seed => new Thread(() =>
        {
            var random = new Random(seed);
            for (var i = 0; i < 300_000; i++)
            {
                var (text, token) = known[random.Next(known.Length)];
                if (tokens.Find(text, now) != token || tokens.Find(text, now) != token)
                {
                    Interlocked.Increment(ref _mixed);
                }
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());

        Assert.Equal(0, _mixed);
    }

    [Fact]
    public async Task Tokens_ManyDifferent_AreBounded()
    {
        await using var bench = new TokenBench();
        var caller = (await bench.AskAsync(bench.Mint())).Token!.Caller;
        var tokens = new VerifiedTokens(1000);
        var lease = new Lease();
        lease.HoldUntil(bench.Time.GetUtcNow().AddHours(1));
        for (var i = 0; i < 10_000; i++)
        {
            tokens.Add("token-" + i, new VerifiedToken(caller, bench.Time.GetUtcNow().AddMinutes(5), lease));
            Assert.NotNull(tokens.Find("token-" + i, bench.Time.GetUtcNow()));
            // Used all the time, so it survives every generation.
            if (i == 0 || i % 100 == 0)
            {
                Assert.NotNull(tokens.Find("token-0", bench.Time.GetUtcNow()));
            }
        }

        Assert.InRange(tokens.Count, 500, 1001);
        Assert.Null(tokens.Find("token-1", bench.Time.GetUtcNow()));
    }

    [Fact]
    public async Task Sweep_AfterTheirTime_LeavesNothing()
    {
        await using var bench = new TokenBench();
        for (var i = 0; i < 20; i++)
        {
            Assert.NotNull(await bench.CallerAsync(bench.Mint(claims => claims["jti"] = $"{i}")));
        }

        Assert.Equal(20, bench.Source.Remembered);
        bench.Time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(0, bench.Source.Remembered);
    }

    [Fact]
    public async Task Find_ByReferenceAndByHash_AllocatesNothing()
    {
        await using var bench = new TokenBench();
        var header = "Bearer " + bench.Mint(claims => claims["pad"] = new string('x', 700));
        var copies = Enumerable.Range(0, 64).Select(_ => new string(header)).ToArray();
        var now = bench.Time.GetUtcNow();
        var tokens = new VerifiedTokens(1000);
        tokens.Add(header, (await bench.SendAsync(header)).Token!);
        long Allocated(int rounds)
        {
            var found = 0;
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < rounds; i++)
            {
                // The copies take each other's place in the token, so that the hash is needed; the one string, seen just before, is found by reference.
                found += tokens.Find(copies[i % copies.Length], now) is null ? 0 : 1;
                found += tokens.Find(header, now) is null ? 0 : 1;
                found += tokens.Find(header, now) is null ? 0 : 1;
            }

            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Equal(3 * rounds, found);
            return allocated;
        }

        Allocated(500);
        Assert.Equal(0, Allocated(1000));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(700)]
    [InlineData(2_500)]
    public async Task KnownToken_WholePathOfACall_AllocatesNothing(int pad)
    {
        await using var bench = new TokenBench();
        var header = "Bearer " + bench.Mint(claims => claims["pad"] = new string('x', pad));
        var copies = Enumerable.Range(0, 64).Select(_ => new string(header)).ToArray();
        Assert.NotNull((await bench.SendAsync(header)).Token);
        var source = bench.Source;
        async Task<(long Bytes, int Known)> CallAsync(int rounds)
        {
            var known = 0;
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < rounds; i++)
            {
                known += (await source.AuthenticateAsync(copies[i % copies.Length], null, CancellationToken.None)).Token is null ? 0 : 1;
                known += (await source.AuthenticateAsync(header, null, CancellationToken.None)).Token is null ? 0 : 1;
            }

            return (GC.GetAllocatedBytesForCurrentThread() - before, known);
        }

        await CallAsync(500);
        Assert.Equal((0, 2000), await CallAsync(1000));
    }

    [Fact]
    public async Task Find_TextThatIsNoAscii_IsNobody()
    {
        await using var bench = new TokenBench();
        var token = bench.Mint();
        Assert.NotNull((await bench.AskAsync(token)).Token);
        foreach (var text in new[] { token + "\ud800", token[..^1] + (char)(token[^1] + 0x100), token[..^1] + (char)(token[^1] + 0x80), "\u00ff" })
        {
            Assert.Null((await bench.AskAsync(text)).Token);
        }
    }

    [Fact]
    public async Task Tokens_WhateverIsAddedFoundAndEnded_AreTheirTextsOwnAndStand()
    {
        await using var bench = new TokenBench();
        var caller = await bench.CallerAsync(bench.Mint());
        var texts = Enumerable.Range(0, 40).Select(i => "Bearer token-" + i).ToArray();
        Prop.ForAll(Gen.Choose(0, 9_999).ListOf().Resize(400).ToArbitrary(), steps =>
        {
            const int Capacity = 16;
            var now = bench.Time.GetUtcNow();
            var leases = Enumerable.Range(0, 3).Select(_ => new Lease()).ToArray();
            Array.ForEach(leases, lease => lease.HoldUntil(now.AddHours(1)));
            var tokens = new VerifiedTokens(Capacity);
            var added = texts.ToDictionary(text => text, _ => new List<VerifiedToken>());
            foreach (var step in steps)
            {
                var text = texts[step / 10 % texts.Length];
                switch (step % 10)
                {
                    case 0:
                        now = now.AddSeconds(20);
                        break;
                    case 1:
                        leases[step % leases.Length].End();
                        break;
                    case 2:
                        leases[step % leases.Length].HoldUntil(now.AddHours(1));
                        break;
                    case 3:
                        tokens.Sweep(now);
                        break;
                    case < 7 when tokens.Find(text, now) is null:
                        var token = new VerifiedToken(caller, now.AddMinutes(1), leases[step % leases.Length]);
                        tokens.Add(text, token);
                        added[text].Add(token);
                        if (token.Stands(now) && tokens.Find(new string(text), now) != token)
                        {
                            return false;
                        }

                        break;
                    default:
                        if (tokens.Find(step % 2 == 0 ? text : new string(text), now) is { } found && !(found.Stands(now) && added[text].Contains(found)))
                        {
                            return false;
                        }

                        break;
                }
            }

            return tokens.Count <= Capacity;
        }).QuickCheckThrowOnFailure();
    }
}
