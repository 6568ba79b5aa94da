using Postern.Limits;
using Postern.Model;
using Postern.Tests.Policy;

namespace Postern.Tests.Limits;

public sealed class CallRatesTests
{
    private static readonly Caller s_alice = TestPolicy.User("alice");
    private static readonly Caller s_bob = TestPolicy.User("bob");

    [Fact]
    public void TryEnter_PastTheBurst_SaysWhichLimitAndWhen()
    {
        using var rates = new CallRates([new RateOptions { PerSecond = 1, Burst = 3 }]);

        var answers = Enumerable.Range(0, 4).Select(_ => rates.TryEnter("main", s_alice, Traffic.Read, out RatePass _)).ToArray();

        Assert.All(answers[..3], Assert.Null);
        Assert.Equal(("limits.rates[0]", false), (answers[3]!.Rule, answers[3]!.IsOfOpen));
        Assert.InRange(answers[3]!.RetryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void TryEnter_OneCallersLimit_IsNobodyElses()
    {
        using var rates = new CallRates([new RateOptions { PerSecond = 1, Burst = 1 }]);

        Assert.Null(rates.TryEnter("main", s_alice, Traffic.Read, out _));
        Assert.NotNull(rates.TryEnter("main", s_alice, Traffic.Read, out _));
        Assert.Null(rates.TryEnter("main", s_bob, Traffic.Read, out _));
    }

    [Fact]
    public void TryEnter_WhatTheEntryDoesntSpeakOf_IsntCounted()
    {
        using var rates = new CallRates([new RateOptions { Engines = ["main"], Kinds = [CallerKind.Human], PerSecond = 1, Burst = 1 }]);
        Assert.Null(rates.TryEnter("main", s_alice, Traffic.Read, out _));

        Assert.Null(rates.TryEnter("other", s_alice, Traffic.Read, out _));
        Assert.Null(rates.TryEnter("main", s_alice, Traffic.Poll, out _));
        Assert.Null(rates.TryEnter("main", s_alice with { Kind = CallerKind.Service }, Traffic.Read, out _));
        Assert.NotNull(rates.TryEnter("main", s_alice, Traffic.Write, out _));
    }

    [Fact]
    public void TryEnter_OpenCalls_GiveTheirPlacesBack()
    {
        using var rates = new CallRates([new RateOptions { Open = 1 }]);

        Assert.Null(rates.TryEnter("main", s_alice, Traffic.Read, out var pass));
        Assert.True(rates.TryEnter("main", s_alice, Traffic.Read, out _)!.IsOfOpen);
        pass.Dispose();
        Assert.Null(rates.TryEnter("main", s_alice, Traffic.Read, out _));
    }

    [Fact]
    public void TryEnter_RefusedByTheSecondEntry_GivesTheFirstsPlaceBack()
    {
        using var rates = new CallRates([new RateOptions { Open = 1 }, new RateOptions { PerSecond = 1, Burst = 1 }]);
        Assert.Null(rates.TryEnter("main", s_alice, Traffic.Read, out var pass));
        pass.Dispose();

        var first = rates.TryEnter("main", s_alice, Traffic.Read, out _);
        var second = rates.TryEnter("main", s_alice, Traffic.Read, out _);

        Assert.Equal(["limits.rates[1]", "limits.rates[1]"], [first!.Rule, second!.Rule]);
    }

    [Fact]
    public async Task EnterAsync_WaitsForAPlace_AndGivesUpWhenTold()
    {
        using var rates = new CallRates([new RateOptions { Open = 1, Calls = [Traffic.Poll] }]);
        var (_, pass) = await rates.EnterAsync("main", s_alice, Traffic.Poll, TestContext.Current.CancellationToken);

        var waiting = rates.EnterAsync("main", s_alice, Traffic.Poll, TestContext.Current.CancellationToken).AsTask();
        Assert.False(waiting.IsCompleted);
        pass.Dispose();
        var (exceeded, second) = await waiting;
        Assert.Null(exceeded);

        using var patience = new CancellationTokenSource();
        var givingUp = rates.EnterAsync("main", s_alice, Traffic.Poll, patience.Token).AsTask();
        await patience.CancelAsync();
        Assert.Equal("limits.rates[0]", (await givingUp).Exceeded!.Rule);
        second.Dispose();
    }
}
