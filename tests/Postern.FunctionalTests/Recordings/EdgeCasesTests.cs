using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Recordings;

/// <summary>The hand-made requests that a real server answered: the gate answers alike, or as the table says.</summary>
public sealed class EdgeCasesTests(Playback playback) : IClassFixture<Playback>
{
    /// <summary>Where the gate differs on purpose, with the status that it gives and the reason.</summary>
    private static readonly Dictionary<string, (int? Status, string Why)> Different = new()
    {
        ["flag 1, no encoding"] = (GrpcCode.InvalidArgument, "unreadable is one reason with one status"),
        ["flag 1, broken gzip"] = (GrpcCode.InvalidArgument, "unreadable; the server's word 'decompress' would make SDKs repeat the call"),
        ["zstd"] = (GrpcCode.InvalidArgument, "unreadable; the server's text makes SDKs repeat the call uncompressed"),
        ["deflate"] = (GrpcCode.InvalidArgument, "unreadable; as zstd"),
        ["bad proto"] = (GrpcCode.InvalidArgument, "unreadable is one reason with one status"),
        ["empty body"] = (GrpcCode.InvalidArgument, "unreadable is one reason with one status"),
        ["short frame"] = (GrpcCode.InvalidArgument, "unreadable is one reason with one status"),
        ["two messages"] = (GrpcCode.InvalidArgument, "what is judged is what is forwarded: exactly one message"),
        ["trailing bytes"] = (GrpcCode.InvalidArgument, "exactly one message and nothing behind it"),
        ["reserved headers"] = (GrpcCode.Unauthenticated, "exactly one credential"),
        ["reflection list"] = (GrpcCode.Unimplemented, "not behind the gate"),
        ["reflection v1alpha"] = (GrpcCode.Unimplemented, "not behind the gate"),
        ["admin"] = (GrpcCode.Unimplemented, "not behind the gate"),
        ["content-type json"] = (null, "not gRPC: answered in HTTP's words, 404"),
        ["no content-type"] = (null, "not gRPC: answered in HTTP's words, 404"),
        ["GET"] = (GrpcCode.Unimplemented, "no method is called so"),
        ["bad timeout"] = (GrpcCode.InvalidArgument, "unreadable is one reason with one status"),
    };

    private Gate Gate => playback.Gate;

    public static TheoryData<string> Notes =>
        [.. Recording.Read("raw/edge_cases").Where(call => call is { End: "ok", Note: not null } && (call.IsWhole || call.Note == "4.3 MB plain")).Select(call => call.Note!)];

    [Theory]
    [MemberData(nameof(Notes))]
    public async Task EdgeCase_IsAnsweredAsByTheServer_OrAsListed(string note)
    {
        var call = Recording.Read("raw/edge_cases").Single(call => call.Note == note);
        Gate.Engine.Script = _ => Playback.AnswerOf(call);
        await using var client = await Gate.ConnectAsync();
        var body = note == "4.3 MB plain" ? GrpcFrame.Of(Requests.Start(payload: new string('a', 4_300_000))) : call.RequestBody;
        var head = call.RequestHeaders.ToList();
        if (note != "reserved headers")
        {
            head.Add(("authorization", "Bearer " + playback.Token));
        }

        var answer = await client.CallAsync(head, body);
        if (Different.TryGetValue(note, out var different))
        {
            Assert.True(answer.Status == different.Status, $"{answer}, but {different.Why}");
            return;
        }

        Assert.Equal(int.Parse(RawAnswer.Find(call.Trailers.Concat(call.ResponseHeaders), "grpc-status")!), answer.Status);
        Assert.Equal(RawAnswer.Find(call.ResponseHeaders, ":status"), answer.HttpStatus);
        Assert.Equal(call.TrailersOnly, answer.TrailersOnly);
        // Health is answered by the gate, which has services of its own to list.
        if (!call.Path.StartsWith("/grpc.health", StringComparison.Ordinal))
        {
            Assert.Equal(call.ResponseBody, answer.Body);
        }
    }

    [Fact]
    public void Differences_AreOnlyOfCasesThatExist() =>
        Assert.Empty(Different.Keys.Except(Recording.Read("raw/edge_cases").Select(call => call.Note!)));
}
