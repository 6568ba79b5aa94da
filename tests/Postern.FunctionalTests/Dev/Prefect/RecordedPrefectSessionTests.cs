using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Dev.Prefect;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Dev.Prefect;

/// <summary>Whole sessions of stock clients against the embedded server, in the order in which they were recorded: it answers with the same statuses, refusals and shapes.</summary>
public sealed class RecordedPrefectSessionTests
{
    /// <summary>All that happened to the server with an auth string from its start on, in order: each session finds what those before it left.</summary>
    private static readonly string[] s_oneAfterAnother = ["sdk/auth-flow-basic", "sdk/auth-events-logs", "worker/auth-worker", "task-worker/auth-background", "runner/auth-serve"];

    [Fact]
    public Task Sessions_OfTheServerWithAnAuthString_AreAnsweredAlike() => PlayAsync(s_oneAfterAnother, "admin:pass");

    /// <summary>Sessions that need nothing of what was there before them.</summary>
    [Theory]
    [InlineData("sdk/blocks-variables")]
    [InlineData("sdk/subflows")]
    [InlineData("sdk/custom-headers")]
    [InlineData("sdk/logs-stream")]
    [InlineData("task-worker/background")]
    public Task Session_OfTheOpenServer_IsAnsweredAlike(string session) => PlayAsync([session], authString: null);

    private static async Task PlayAsync(string[] sessions, string? authString)
    {
        await using var server = await DevPrefect.StartAsync(new DevPrefectOptions { Port = 0, AuthString = authString }, NullLoggerFactory.Instance, TestContext.Current.CancellationToken);
        var ids = new IdMap();
        var problems = new List<string>();
        var played = 0;
        foreach (var name in sessions)
        {
            using var connections = new Connections(server.Address.Authority);
            foreach (var exchange in RecordedPrefect.Read(name))
            {
                if (exchange is RecordedSocket socket)
                {
                    await PlayAsync(server, ids, socket);
                }
                else if (exchange is RecordedRequest { Answer: { Status: < 500 } expected } request)
                {
                    played++;
                    problems.AddRange((await PlayAsync(connections, ids, request, expected)).Select(problem => $"{request}: {problem}"));
                }
            }
        }

        Assert.True(problems.Count == 0, $"{problems.Count} problems in {played} requests:\n" + string.Join('\n', problems.Take(40)));
        Assert.NotEqual(0, played);
    }

    private static async Task<IEnumerable<string>> PlayAsync(Connections connections, IdMap ids, RecordedRequest request, WireMessage expected)
    {
        var connection = await connections.OfAsync(request);
        var body = ids.Ours(request.Body);
        var headers = request.Headers.Select(header => header.Name.Equals("content-length", StringComparison.OrdinalIgnoreCase) ? (header.Name, body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture)) : header);
        await connection.SendAsync(new WireMessage($"{request.Method} {ids.Ours(request.Target)} HTTP/1.1", [.. headers], body));
        var answer = await connection.AnswerAsync(request.Method);
        connections.Done(request);
        var (recorded, ours) = (JsonOf(expected), JsonOf(answer));
        // A flow of that name may have been made by a session that is not here.
        if (answer.Status != expected.Status && !(request.Route == "/api/flows/" && answer.Status is 200 or 201))
        {
            return [$"{answer.Status} {ours?.ToJsonString()}, recorded {expected.Status} {recorded?.ToJsonString()}"];
        }

        if (expected.Status >= 400)
        {
            return JsonNode.DeepEquals(recorded, ours) ? [] : [$"{ours?.ToJsonString()}, recorded {recorded?.ToJsonString()}"];
        }

        ids.Learn(recorded, ours);
        // Of what workers can be, only the process is here.
        return request.Route == "/api/collections/views/{view}" ? [] : AnswerShape.Problems(recorded, ours);
    }

    // Events come in; what goes out at the same time has a test of its own.
    private static async Task PlayAsync(DevPrefect server, IdMap ids, RecordedSocket socket)
    {
        using var connection = await PrefectConnection.OpenAsync(server.Address.Authority);
        var request = AtTheGate.RequestOf(socket);
        // Not compressed: nothing here unpacks.
        await connection.SendAsync(request with { Headers = [.. request.Headers.Where(header => header.Name != "Sec-WebSocket-Extensions")] });
        Assert.Equal(101, (await connection.AnswerAsync("GET")).Status);
        foreach (var frame in socket.Frames.Where(frame => frame.FromClient && frame.Frame.Opcode is SocketOpcode.Text).Select(frame => frame.Frame))
        {
            await connection.SendAsync(new SocketFrame(frame.Opcode, ids.Ours(frame.Payload)));
        }

        Assert.Equal("Text {\"type\":\"auth_success\"}", (await connection.FrameAsync()).ToString());
    }

    private static JsonNode? JsonOf(WireMessage answer)
    {
        var bytes = answer.Body;
        if (answer.Header("content-encoding") == "gzip")
        {
            using var plain = new MemoryStream();
            using (var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress))
            {
                gzip.CopyTo(plain);
            }

            bytes = plain.ToArray();
        }

        return bytes.Length == 0 ? null : JsonNode.Parse(Encoding.UTF8.GetString(bytes));
    }
}
