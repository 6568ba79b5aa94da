namespace Postern.FunctionalTests.Infrastructure.SelfTests;

/// <summary>The stand-in engine and the raw client hold each other to their word before they judge the gate.</summary>
public sealed class StubEngineTests
{
    private const string Path = GrpcClient.WorkflowService + "GetSystemInfo";

    [Fact]
    public async Task Call_Ordinary_ArrivesAsSentAndIsAnswered()
    {
        await using var engine = await StubEngine.StartAsync(_ => StubAnswer.Ok([1, 2, 3], ("x-seen", "yes")));
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path, "t", ("x-many", "a"), ("x-many", "b")), GrpcFrame.Of([7, 8]));

        Assert.Equal([1, 2, 3], GrpcFrame.Message(answer.Body));
        Assert.Equal(0, answer.Status);
        Assert.Equal("yes", RawAnswer.Find(answer.Headers, "x-seen"));
        var call = Assert.Single(engine.Calls);
        Assert.Equal(Path, call.Target);
        Assert.Equal([7, 8], call.Message);
        Assert.Equal(["a", "b"], call.Headers.Where(h => h.Name == "x-many").Select(h => h.Value));
    }

    [Fact]
    public async Task Answer_TrailersOnly_IsOneFrame()
    {
        await using var engine = await StubEngine.StartAsync(_ => StubAnswer.Error(5, "no%20such thing", "CAU"));
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path), GrpcFrame.Of([]));

        Assert.True(answer.TrailersOnly, answer.ToString());
        Assert.Equal((5, "no such thing", "CAU"), (answer.Status, answer.Message, answer.Details));
    }

    [Fact]
    public async Task Answer_HeadersThenTrailersWithoutBody_IsTwoFrames()
    {
        await using var engine = await StubEngine.StartAsync(_ => new StubAnswer { Trailers = [("grpc-status", "8")] });
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path), GrpcFrame.Of([]));

        Assert.False(answer.TrailersOnly);
        Assert.Equal(8, answer.Status);
        Assert.Empty(answer.Body);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    public async Task Answer_Reset_ArrivesWithItsCode(int code)
    {
        await using var engine = await StubEngine.StartAsync(_ => new StubAnswer { Reset = code });
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path), GrpcFrame.Of([]));
        Assert.Equal(code, answer.Reset);
    }

    [Fact]
    public async Task Answer_CutMidway_ClosesTheConnection()
    {
        await using var engine = await StubEngine.StartAsync(_ => new StubAnswer { Body = GrpcFrame.Claiming(100, new byte[10]), Cut = true });
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path), GrpcFrame.Of([]));
        Assert.True(answer.Closed);
        Assert.False(answer.Ended);
    }

    [Fact]
    public async Task Answer_GoAway_LetsTheCallEndAndClosesAfterwards()
    {
        await using var engine = await StubEngine.StartAsync(_ => StubAnswer.Ok() with { GoAway = true });
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path), GrpcFrame.Of([]));
        Assert.Equal(0, answer.Status);
        Assert.Equal(0, await client.GoAway.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Poll_NeverAnswered_EndsWhenTheClientResetsIt()
    {
        await using var engine = await StubEngine.StartAsync(_ => StubAnswer.Never);
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(Path));
        await client.DataAsync(stream, GrpcFrame.Of([]));
        await Eventually.TrueAsync(() => engine.Calls.Count == 1);
        Assert.Equal(1, engine.Open);
        await client.ResetAsync(stream, 8);
        await engine.Calls[0].Ended.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Engine_GoneAndBack_AnswersOnTheSamePort()
    {
        await using var engine = await StubEngine.StartAsync();
        var address = engine.Address;
        await engine.GoAwayAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => RawHttp2.ConnectAsync(address));
        await engine.ReturnAsync();
        using var client = new GrpcClient(address);
        Assert.Equal(0, (await client.CallAsync("GetSystemInfo", Array.Empty<byte>(), cancellation: TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task Body_LargerThanTheWindow_ArrivesWhole()
    {
        await using var engine = await StubEngine.StartAsync();
        await using var client = await RawHttp2.ConnectAsync(engine.Address);
        var message = new byte[20 * 1024 * 1024];
        Random.Shared.NextBytes(message);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path), GrpcFrame.Of(message));
        Assert.Equal(0, answer.Status);
        Assert.True(engine.Calls[0].Message.AsSpan().SequenceEqual(message));
    }
}
