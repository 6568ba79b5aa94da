using System.Text.Json;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>
/// Every recorded socket goes through the gate to a server that plays its end. Both sides see the recorded frames but for this closed list: the credential in the first
/// message; the ping before it, which the gate answers; compression, which the gate takes from nobody; and a server that breaks off without a word, for which the gate says 1012.
/// </summary>
public sealed class RecordedSocketTests(PrefectPlayback playback) : IClassFixture<PrefectPlayback>
{
    public static TheoryData<string> Names =>
        [.. RecordedPrefect.Names.Except(RecordedPrefectTests.Refused).Where(name => RecordedPrefect.Read(name).OfType<RecordedSocket>().Any(socket => socket.Frames.Any(IsAuth)))];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Recording_ThroughTheGate_IsTheSameOnBothSides(string name)
    {
        var configuration = RecordedPrefect.ConfigurationOf(name);
        var problems = new List<string>();
        var sockets = RecordedPrefect.Read(name).OfType<RecordedSocket>().Where(socket => socket.Frames.Any(IsAuth)).ToList();
        foreach (var recorded in sockets)
        {
            problems.AddRange((await PlayAsync(playback[configuration], configuration, recorded)).Select(problem => $"{recorded}: {problem}"));
        }

        Assert.True(problems.Count == 0, $"{problems.Count} problems in {sockets.Count} sockets:\n" + string.Join('\n', problems.Take(10)));
        Assert.NotEmpty(sockets);
    }

    private async Task<IEnumerable<string>> PlayAsync(PrefectGate gate, string configuration, RecordedSocket recorded)
    {
        var authorization = playback.Authorization(configuration, recorded.File, isBearer: false);
        var first = recorded.Frames.ToList().FindIndex(IsAuth);
        var sent = recorded.Frames.Select((frame, at) => at == first ? Auth("u:" + TokenOf(authorization)) : frame).ToList();
        var upstream = configuration == "basic-auth" ? "admin:pass" : null;
        var arriving = recorded.Frames.Skip(first).Select((frame, at) => at == 0 ? Auth(upstream) : frame).ToList();
        var hasWord = recorded.Frames.Any(frame => frame.Frame.Opcode == SocketOpcode.Close);
        var (atClient, atServer) = (new SocketPlay(sent, recorded.ClosedByClient, hasWord ? null : "Close 1012"), new SocketPlay(arriving, recorded.ClosedByClient));
        WireMessage? arrived = null;
        gate.Server.Script = request =>
        {
            arrived = request.Message;
            return PrefectAnswer.Of(new WireMessage("HTTP/1.1 101 Switching Protocols",
                [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", SocketFrame.AcceptOf(request.Message.Header("sec-websocket-key")!)), ("Sec-WebSocket-Protocol", "prefect")],
                [])) with { Socket = atServer.ServeAsync };
        };
        // The header as it was recorded, where there was one: with the caller's credential in its place.
        List<(string Name, string Value)> headers = [.. recorded.Headers.Select(header => header.Name.Equals("authorization", StringComparison.OrdinalIgnoreCase) ? (header.Name, authorization) : header)];
        using var connection = await PrefectConnection.OpenAsync(gate.Address);
        await connection.SendAsync(new WireMessage($"GET {recorded.Target} HTTP/1.1", headers, []));
        var answer = await connection.AnswerAsync("GET");
        var heard = await atClient.CallAsync(connection);
        await atServer.Served.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);

        return Handshake(recorded, answer, arrived!, configuration)
            .Concat(SocketPlay.Differences("at the server", arriving.Where(frame => frame.FromClient).Select(frame => frame.Frame), atServer.AtServer))
            .Concat(SocketPlay.Differences("at the client", sent.Where(frame => !frame.FromClient).Select(frame => frame.Frame), heard));
    }

    private static IEnumerable<string> Handshake(RecordedSocket recorded, WireMessage answer, WireMessage arrived, string configuration)
    {
        if ((answer.Status, answer.Header("sec-websocket-protocol"), answer.Header("sec-websocket-extensions")) != (101, "prefect", null))
        {
            yield return $"answered {answer}";
        }

        if ((arrived.Target, arrived.Header("sec-websocket-protocol"), arrived.Header("sec-websocket-extensions"), arrived.Header("user-agent")) != (recorded.Target, "prefect", null, recorded.Header("user-agent")))
        {
            yield return $"arrived as {arrived}";
        }

        if (arrived.Header("authorization") != PrefectPlayback.CredentialOf(configuration))
        {
            yield return $"the gate presents {arrived.Header("authorization")}";
        }

        foreach (var (name, value) in recorded.Headers.Where(header => header.Name.StartsWith("x-", StringComparison.OrdinalIgnoreCase) && arrived.Header(header.Name) != header.Value))
        {
            yield return $"not there: {name}: {value}";
        }
    }

    private static bool IsAuth(RecordedFrame frame) => frame is { FromClient: true, Frame: { Opcode: SocketOpcode.Text, Payload: var payload } } && payload.AsSpan().StartsWith("{\"type\":\"auth\""u8);

    private static RecordedFrame Auth(string? token) => new(FromClient: true, SocketFrame.OfText(JsonSerializer.Serialize(new { type = "auth", token })));

    private static string TokenOf(string basic) => System.Text.Encoding.ASCII.GetString(Convert.FromBase64String(basic["Basic ".Length..])).Split(':')[1];
}
