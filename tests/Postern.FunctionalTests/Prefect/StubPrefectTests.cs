using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>
/// Player and stand-in without a gate between them: each recording arrives at both ends as it was recorded. What differs once there is a gate, the gate has
/// done.
/// </summary>
public sealed class StubPrefectTests
{
    public static TheoryData<string> Names => [.. RecordedPrefect.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Recording_WithoutAGate_IsTheSameOnBothSides(string name)
    {
        await using var stub = StubPrefect.Start();
        using var connections = new Connections(stub.Address);
        var exchanges = RecordedPrefect.Read(name).Where(exchange => !AtTheGate.IsNoRequest(exchange)).ToList();
        var problems = new List<string>();
        foreach (var exchange in exchanges)
        {
            stub.Forget();
            problems.AddRange((await PlayAsync(stub, connections, exchange)).Select(problem => $"{exchange}: {problem}"));
        }

        Assert.True(problems.Count == 0, $"{problems.Count} problems in {exchanges.Count} exchanges:\n" + string.Join('\n', problems.Take(10)));
        Assert.NotEmpty(exchanges);
        Assert.Equal(exchanges.Select(exchange => exchange.Connection).Distinct().Count(), stub.Connections);
    }

    private static Task<IEnumerable<string>> PlayAsync(StubPrefect stub, Connections connections, RecordedExchange exchange) =>
        exchange is RecordedSocket socket ? PlayAsync(stub, connections, socket) : PlayAsync(stub, connections, (RecordedRequest)exchange);

    private static async Task<IEnumerable<string>> PlayAsync(StubPrefect stub, Connections connections, RecordedRequest recorded)
    {
        stub.Script = _ => AtTheGate.AnswerOf(recorded);
        var connection = await connections.OfAsync(recorded);
        var sent = AtTheGate.RequestOf(recorded);
        await connection.SendAsync(sent);
        if (recorded.Answer is { } expected)
        {
            var answer = await connection.AnswerAsync(recorded.Method);
            connections.Done(recorded);
            return Differences(sent, stub.Requests.Single().Message).Concat(Differences(recorded.Method == "HEAD" ? expected with { Body = [] } : expected, answer));
        }

        if (!recorded.GivenUp)
        {
            await Assert.ThrowsAnyAsync<IOException>(() => connection.AnswerAsync(recorded.Method));
        }

        await Eventually.TrueAsync(() => stub.Requests.Count == 1, recorded.ToString);
        connections.Drop(recorded);
        var arrived = stub.Requests.Single();
        await arrived.Ended.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        return Differences(sent, arrived.Message);
    }

    private static async Task<IEnumerable<string>> PlayAsync(StubPrefect stub, Connections connections, RecordedSocket recorded)
    {
        var play = new SocketPlay(recorded.Frames, recorded.ClosedByClient);
        stub.Script = _ => PrefectAnswer.Of(recorded.Handshake) with { Socket = play.ServeAsync };
        var connection = await connections.OfAsync(recorded);
        var sent = AtTheGate.RequestOf(recorded);
        await connection.SendAsync(sent);
        var answer = await connection.AnswerAsync("GET");
        Assert.Equal(SocketFrame.AcceptOf(recorded.Header("sec-websocket-key")!), answer.Header("sec-websocket-accept"));
        var atClient = await play.CallAsync(connection);
        await play.Served.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        connections.Drop(recorded);
        return Differences(sent, stub.Requests.Single().Message).Concat(Differences(recorded.Handshake, answer))
            .Concat(SocketPlay.Differences("at the server", recorded.Frames.Where(frame => frame.FromClient).Select(frame => frame.Frame), play.AtServer))
            .Concat(SocketPlay.Differences("at the client", recorded.Frames.Where(frame => !frame.FromClient).Select(frame => frame.Frame), atClient));
    }

    private static IEnumerable<string> Differences(WireMessage sent, WireMessage arrived)
    {
        if (sent.Start != arrived.Start || !sent.Headers.SequenceEqual(arrived.Headers))
        {
            yield return $"{arrived} for {sent}";
        }

        if (!sent.Body.AsSpan().SequenceEqual(arrived.Body))
        {
            yield return $"another body in {arrived}";
        }
    }
}
