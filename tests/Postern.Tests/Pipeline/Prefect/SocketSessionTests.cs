using System.Net;
using Postern.Forwarding.WebSockets;
using Postern.Pipeline.Prefect;

namespace Postern.Tests.Pipeline.Prefect;

public sealed partial class SocketSessionTests
{
    private const string Auth = "{\"type\":\"auth\",\"token\":\"u:k\"}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ping_BeforeTheFirstMessage_IsAnsweredByTheGate()
    {
        await using var place = await SocketPlace.StartAsync(new());

        await place.Client.SayAsync(Opcode.Ping, "abcd");

        Assert.Equal("Pong abcd", await place.Client.HearAsync());
        Assert.Empty(place.Asked);
        Assert.Equal(0, place.Attempts);
    }

    [Fact]
    public async Task FirstMessage_IsTheGatesOwn_TowardsTheEngine()
    {
        await using var place = await SocketPlace.StartAsync(new());

        await place.Client.SayAsync(Auth);
        using var engine = await place.EngineAsync();

        Assert.Equal("Text {\"type\":\"auth\",\"token\":\"gate:secret\"}", await engine.HearAsync());
        Assert.Equal(["u:k"], place.Asked);
        await engine.SayAsync("{\"type\":\"auth_success\"}");
        Assert.Equal(SocketPlace.Success, await place.Client.HearAsync());
    }

    [Fact]
    public async Task Open_BothSides_HearEachOther_PingsToo()
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();

        await place.Client.SayAsync("one");
        await place.Client.SayAsync(Opcode.Ping, "c");
        await place.Client.SayAsync("two");
        await engine.SayAsync(Opcode.Ping, "e");
        await engine.SayAsync("three");

        Assert.Equal(["Text one", "Ping c", "Text two"], [await engine.HearAsync(), await engine.HearAsync(), await engine.HearAsync()]);
        Assert.Equal(["Ping e", "Text three"], [await place.Client.HearAsync(), await place.Client.HearAsync()]);
    }

    [Theory]
    [InlineData("{\"type\":\"hello\"}")]
    [InlineData("{\"token\":\"u:k\"}")]
    [InlineData("[]")]
    [InlineData("auth")]
    [InlineData("{\"type\":\"auth\",\"type\":\"auth\",\"token\":\"u:k\"}")]
    [InlineData("{\"type\":\"auth\",\"token\":\"u:k\"} ,")]
    public async Task FirstMessage_ThatIsNoAuth_EndsAsTheServerEndsIt(string message)
    {
        await using var place = await SocketPlace.StartAsync(new());

        await place.Client.SayAsync(message);

        Assert.Equal("Close 1008 Expected 'auth' message", await place.Client.HearAsync());
        Assert.Equal("Ended", await place.Client.HearAsync());
        Assert.Equal(0, place.Attempts);
    }

    [Theory]
    [InlineData("{\"type\":\"auth\",\"token\":7}")]
    [InlineData("{\"type\":\"auth\",\"token\":\"\\ud800\"}")]
    public async Task Token_ThatIsNoText_IsInvalid(string message)
    {
        await using var place = await SocketPlace.StartAsync(new());

        await place.Client.SayAsync(message);

        Assert.Equal("Close 1008 Invalid token", await place.Client.HearAsync());
        Assert.Empty(place.Asked);
    }

    [Theory]
    [InlineData("{\"type\":\"auth\",\"token\":null}")]
    [InlineData("{\"type\":\"auth\",\"token\":\"\"}")]
    [InlineData("{\"type\":\"auth\"}")]
    public async Task Token_ThatIsNone_IsAskedAsNone(string message)
    {
        await using var place = await SocketPlace.StartAsync(new() { Admits = _ => SocketStep.Refuse("Auth required but no token provided") });

        await place.Client.SayAsync(message);

        Assert.Equal("Close 1008 Auth required but no token provided", await place.Client.HearAsync());
        Assert.Equal([null], place.Asked);
        Assert.Equal(0, place.Attempts);
    }

    [Fact]
    public async Task FirstMessage_ThatDoesNotCome_EndsIt()
    {
        await using var place = await SocketPlace.StartAsync(new() { FirstMessage = TimeSpan.FromMilliseconds(50) });

        Assert.Equal("Close 1008 Expected 'auth' message", await place.Client.HearAsync());
    }

    [Fact]
    public async Task Frame_ThatIsNotMasked_EndsIt()
    {
        await using var place = await SocketPlace.StartAsync(new());

        await place.Client.Stream.WriteAsync(new byte[] { 0x81, 0x01, 0x61 }, Cancellation);

        Assert.StartsWith("Close 1002", await place.Client.HearAsync());
    }

    [Fact]
    public async Task EngineAway_TheClientWaits_ItsPingsAnswered_UntilItIsBack()
    {
        var place = new SocketPlace();
        place.Answers = () => place.Attempts < 4 ? new EngineSocket(null, place.Attempts == 2 ? HttpStatusCode.ServiceUnavailable : null, "away") : null;
        await using var running = await SocketPlace.StartAsync(place);
        await place.Client.SayAsync(Auth);
        await place.Client.SayAsync(Opcode.Ping, "here");

        Assert.Equal("Pong here", await place.Client.HearAsync());
        using var engine = await place.EngineAsync();
        await engine.HearAsync();
        await place.Client.SayAsync(Opcode.Ping, "still");
        Assert.Equal("Pong still", await place.Client.HearAsync());
        await engine.SayAsync("{\"type\":\"auth_success\"}");

        Assert.Equal(SocketPlace.Success, await place.Client.HearAsync());
        Assert.Equal(4, place.Attempts);
        Assert.Single(place.Asked);
    }

    [Fact]
    public async Task EngineWithoutThatSocket_EndsItForGood()
    {
        await using var place = await SocketPlace.StartAsync(new() { Answers = () => new EngineSocket(null, HttpStatusCode.NotFound, "no upgrade") });

        await place.Client.SayAsync(Auth);

        Assert.Equal("Close 1008 The engine has no such socket", await place.Client.HearAsync());
        Assert.Equal(1, place.Attempts);
    }

    [Fact]
    public async Task EngineThatTakesNotTheNewCredential_IsShownTheOld()
    {
        await using var place = await SocketPlace.StartAsync(new() { Credentials = [new("gate:new", null), new("gate:old", null)] });
        await place.Client.SayAsync(Auth);

        using var first = await place.EngineAsync();
        Assert.Contains("gate:new", await first.HearAsync());
        await first.CloseAsync(CloseCode.PolicyViolation, "Invalid token");
        using var second = await place.EngineAsync();
        Assert.Contains("gate:old", await second.HearAsync());
        await second.SayAsync("{\"type\":\"auth_success\"}");

        Assert.Equal(SocketPlace.Success, await place.Client.HearAsync());
    }

    [Fact]
    public async Task CannotTell_TheClientWaits_UntilItCan()
    {
        SocketPlace place = null!;
        place = new() { Admits = _ => place.Asked.Count < 3 ? SocketStep.CannotTell : SocketStep.Go };
        await using var running = await SocketPlace.StartAsync(place);

        using var engine = await place.OpenAsync();

        Assert.Equal(["u:k", "u:k", "u:k"], place.Asked);
    }

    [Theory]
    [InlineData(1011, "heartbeat_persistence_failed")]
    [InlineData(1000, "")]
    [InlineData(4001, "Protocol violation")]
    public async Task EngineCloses_TheClientHearsTheSame(int code, string reason)
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();

        await engine.CloseAsync((CloseCode)code, reason);

        Assert.Equal($"Close {code} {reason}".TrimEnd(), await place.Client.HearAsync());
        await place.Client.CloseAsync((CloseCode)code, reason);
        Assert.StartsWith($"Close {code}", await engine.HearAsync());
        Assert.Equal("Ended", await place.Client.HearAsync());
    }

    [Fact]
    public async Task EngineBreaksOff_TheClientIsToldToComeAgain()
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();

        engine.Stream.Socket.Close(0);

        Assert.Equal("Close 1012 The engine broke off", await place.Client.HearAsync());
        await place.Client.CloseAsync(CloseCode.ServiceRestart);
        Assert.Equal(CloseCode.ServiceRestart, (await place.EndAsync()).Code);
    }

    [Fact]
    public async Task EngineBreaksOff_WithinAFrame_NothingIsPutIntoIt()
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();

        await engine.Stream.WriteAsync(new byte[] { 0x81, 0x05, 0x61 }, Cancellation);
        engine.Dispose();

        Assert.Equal("Ended", await place.Client.HearAsync());
    }

    [Fact]
    public async Task ClientCloses_TheEngineHearsIt_AndItsAnswerIsHeard()
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();
        await place.Client.SayAsync("event");

        await place.Client.CloseAsync(CloseCode.Normal);

        Assert.Equal(["Text event", "Close 1000"], [await engine.HearAsync(), await engine.HearAsync()]);
        await engine.CloseAsync(CloseCode.Normal);
        Assert.Equal("Close 1000", await place.Client.HearAsync());
        Assert.Equal("Ended", await engine.HearAsync());
        var end = await place.EndAsync();
        Assert.Equal((CloseCode.Normal, 1L, true), (end.Code, end.Received, end.WasOpen));
    }

    [Fact]
    public async Task ClientBreaksOff_SoDoesTheGateTowardsTheEngine()
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();
        await place.Client.SayAsync("event");
        await engine.HearAsync();

        place.Client.Stream.Socket.Close(0);

        Assert.Equal("Ended", await engine.HearAsync());
    }

    [Fact]
    public async Task ClientLeaves_WhileTheEngineIsAway_NobodyIsAskedAnyMore()
    {
        await using var place = await SocketPlace.StartAsync(new() { Answers = () => new EngineSocket(null, null, "away") });
        await place.Client.SayAsync(Auth);
        await Soon.TrueAsync(() => place.Attempts > 0);

        await place.Client.CloseAsync(CloseCode.Normal);

        Assert.Equal("Close 1000", await place.Client.HearAsync());
        Assert.False((await place.EndAsync()).WasOpen);
    }

    [Theory]
    [InlineData(1008, "The credential was revoked")]
    [InlineData(1012, "The gate is shutting down")]
    public async Task End_WhileItIsOpen_TellsTheClient_AndNothingMoreGoesBy(int code, string reason)
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();

        place.Session.End((CloseCode)code, reason);

        Assert.Equal($"Close {code} {reason}", await place.Client.HearAsync());
        await engine.SayAsync("late");
        await place.Client.CloseAsync((CloseCode)code);
        Assert.Equal("Ended", await place.Client.HearAsync());
        Assert.Equal(((CloseCode)code, reason), ((await place.EndAsync()).Code, (await place.EndAsync()).Reason));
    }

    [Fact]
    public async Task End_WithinTheEnginesFrame_ComesBehindIt()
    {
        await using var place = await SocketPlace.StartAsync(new());
        using var engine = await place.OpenAsync();
        await engine.Stream.WriteAsync(new byte[] { 0x81, 0x05, 0x61, 0x62 }, Cancellation);
        var header = new byte[4];
        await place.Client.Stream.ReadExactlyAsync(header, Cancellation);

        place.Session.End(CloseCode.ServiceRestart, "");
        await engine.Stream.WriteAsync("cde"u8.ToArray(), Cancellation);

        var rest = new byte[3];
        await place.Client.Stream.ReadExactlyAsync(rest, Cancellation);
        Assert.Equal("cde"u8.ToArray(), rest);
        Assert.Equal("Close 1012", await place.Client.HearAsync());
    }

    [Fact]
    public async Task End_WhileTheClientWaits_TellsIt()
    {
        await using var place = await SocketPlace.StartAsync(new() { Answers = () => new EngineSocket(null, null, "away") });
        await place.Client.SayAsync(Auth);
        await Soon.TrueAsync(() => place.Attempts > 0);

        place.Session.End(CloseCode.ServiceRestart, "The gate is shutting down");

        Assert.Equal("Close 1012 The gate is shutting down", await place.Client.HearAsync());
    }

    [Fact]
    public async Task ClientThatSpeaksOn_BeforeItIsLetIn_IsHeardThen()
    {
        await using var place = await SocketPlace.StartAsync(new());
        await place.Client.SayAsync(Auth);
        await place.Client.SayAsync("eager");
        using var engine = await place.EngineAsync();
        await engine.HearAsync();

        await engine.SayAsync("{\"type\":\"auth_success\"}");

        Assert.Equal("Text eager", await engine.HearAsync());
    }

    [Fact]
    public async Task ClientWithoutTheSubprotocol_SaysNoFirstMessage_AndHearsNoSuccess()
    {
        await using var place = await SocketPlace.StartAsync(new() { IsAgreed = false });
        await place.Client.SayAsync("event");
        using var engine = await place.EngineAsync();
        await engine.HearAsync();
        await engine.SayAsync("{\"type\":\"auth_success\"}");

        Assert.Equal("Text event", await engine.HearAsync());
        await engine.SayAsync("first");
        Assert.Equal("Text first", await place.Client.HearAsync());
    }

    [Fact]
    public async Task EngineOfBeforeTheHandshake_IsToldNothing_AndTheClientIsLetIn()
    {
        await using var place = await SocketPlace.StartAsync(new() { TookProtocol = false });
        await place.Client.SayAsync(Auth);
        using var engine = await place.EngineAsync();

        Assert.Equal(SocketPlace.Success, await place.Client.HearAsync());
        await place.Client.SayAsync("event");
        Assert.Equal("Text event", await engine.HearAsync());
    }
}
