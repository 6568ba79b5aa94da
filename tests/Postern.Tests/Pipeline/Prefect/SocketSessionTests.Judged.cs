using System.Net;
using Postern.Forwarding.WebSockets;
using Postern.Pipeline.Prefect;

namespace Postern.Tests.Pipeline.Prefect;

/// <summary>Sockets whose messages are judged, or filtered one by one.</summary>
public sealed partial class SocketSessionTests
{
    [Fact]
    public async Task Judged_Message_GoesOnAsTheJudgeLeavesIt_AndWhatFollowsAsItCame()
    {
        await using var place = await SocketPlace.StartAsync(new() { Judges = said => said == "hello" ? SocketStep.With("HELLO"u8.ToArray()) : SocketStep.Refuse("no") });
        using var engine = await place.OpenAsync();

        await place.Client.SayAsync(Opcode.Ping, "p");
        await place.Client.SayAsync("hello");
        await place.Client.SayAsync("second");

        Assert.Equal(["Ping p", "Text HELLO", "Text second"], [await engine.HearAsync(), await engine.HearAsync(), await engine.HearAsync()]);
    }

    [Fact]
    public async Task Judged_Message_ThatIsRefused_NeverReachesTheEngine()
    {
        await using var place = await SocketPlace.StartAsync(new() { Judges = _ => SocketStep.Refuse("authorization_failed") });
        using var engine = await place.OpenAsync();

        await place.Client.SayAsync("hello");

        Assert.Equal("Close 1008 authorization_failed", await place.Client.HearAsync());
        Assert.Equal("Ended", await engine.HearAsync());
    }

    [Fact]
    public async Task Judged_Message_ThatCameInParts_GoesOnAsOne()
    {
        await using var place = await SocketPlace.StartAsync(new() { Judges = _ => SocketStep.Go });
        using var engine = await place.OpenAsync();

        await place.Client.Stream.WriteAsync(Forwarding.WebSockets.WrittenFrames.Text("hel", final: false), Cancellation);
        await place.Client.Stream.WriteAsync(Forwarding.WebSockets.WrittenFrames.Of(Opcode.Continuation, "lo"u8), Cancellation);

        Assert.Equal("Text hello", await engine.HearAsync());
    }

    [Fact]
    public async Task Filtered_OnlyWhatMayBeSeen_GoesBy_AndPings()
    {
        await using var place = await SocketPlace.StartAsync(new() { MaySee = said => said.StartsWith("mine", StringComparison.Ordinal), Judges = _ => SocketStep.Go });
        using var engine = await place.OpenAsync();
        await place.Client.SayAsync("filter");
        await engine.HearAsync();

        await engine.SayAsync("mine 1");
        await engine.SayAsync("theirs");
        await engine.SayAsync(Opcode.Ping, "p");
        await engine.SayAsync(Opcode.Binary, "mine?");
        await engine.SayAsync("mine 2");

        Assert.Equal(["Text mine 1", "Ping p", "Text mine 2"], [await place.Client.HearAsync(), await place.Client.HearAsync(), await place.Client.HearAsync()]);
        await engine.CloseAsync(CloseCode.InternalError, "why");
        Assert.Equal("Close 1011 why", await place.Client.HearAsync());
        await place.Client.CloseAsync(CloseCode.InternalError);
        var end = await place.EndAsync();
        Assert.Equal((2L, 2L), (end.Sent, end.Withheld));
    }

    [Fact]
    public async Task Filtered_WhatCannotBeTold_SendsTheClientAway_ToComeAgain()
    {
        await using var place = await SocketPlace.StartAsync(new() { MaySee = _ => null });
        using var engine = await place.OpenAsync();

        await engine.SayAsync("event");

        Assert.StartsWith("Close 1012", await place.Client.HearAsync());
    }

    [Fact]
    public async Task Filtered_End_TellsTheClient()
    {
        await using var place = await SocketPlace.StartAsync(new() { MaySee = _ => true });
        using var engine = await place.OpenAsync();
        await engine.SayAsync("event");
        await place.Client.HearAsync();

        place.Session.End(CloseCode.PolicyViolation, "taken away");

        Assert.Equal("Close 1008 taken away", await place.Client.HearAsync());
    }
}
