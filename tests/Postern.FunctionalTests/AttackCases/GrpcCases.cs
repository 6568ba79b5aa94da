using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>G: gRPC framing and protobuf. The caller may everything, so that only the framing can be what refuses.</summary>
public sealed class GrpcCases(GateFixture fixture) : IClassFixture<GateFixture>
{
    private const string Describe = GrpcClient.WorkflowService + "DescribeWorkflowExecution";

    private static readonly byte[] Message = Requests.Describe();
    private static readonly byte[] Other = Requests.Describe("payroll");
    private static readonly byte[] Zipped = GrpcFrame.Gzip(Message);

    private static readonly Dictionary<string, (string? Encoding, byte[] Body)> Frames = new()
    {
        ["G2 flag without encoding"] = (null, GrpcFrame.GzipOf(Message)),
        ["G2 flag, encoding identity"] = ("identity", GrpcFrame.GzipOf(Message)),
        ["G2 flag, encoding unknown"] = ("zstd", GrpcFrame.GzipOf(Message)),
        ["G2 flag, encoding deflate"] = ("deflate", GrpcFrame.GzipOf(Message)),
        ["G2 flag, encoding list"] = ("gzip, identity", GrpcFrame.GzipOf(Message)),
        ["G2 flag 2"] = ("gzip", GrpcFrame.Of(Zipped, 2)),
        ["G2 flag 255"] = ("gzip", GrpcFrame.Of(Zipped, 255)),
        ["G2 flag, not gzip"] = ("gzip", GrpcFrame.Of(Message, 1)),
        ["G2 flag, empty"] = ("gzip", GrpcFrame.Of([], 1)),
        ["G2 gzip cut short"] = ("gzip", GrpcFrame.Of(Zipped.AsSpan(..^6), 1)),
        ["G2 gzip without its trailer"] = ("gzip", GrpcFrame.Of(Zipped.AsSpan(..^8), 1)),
        ["G2 gzip with a wrong checksum"] = ("gzip", GrpcFrame.Of([.. Zipped[..^8], 1, 2, 3, 4, .. Zipped[^4..]], 1)),
        ["G2 gzip with a wrong length"] = ("gzip", GrpcFrame.Of([.. Zipped[..^4], 1, 0, 0, 0], 1)),
        ["G2 gzip with bytes behind"] = ("gzip", GrpcFrame.Of([.. Zipped, 0], 1)),
        ["G2 two gzip members"] = ("gzip", GrpcFrame.Of([.. Zipped, .. GrpcFrame.Gzip(Other)], 1)),
        ["G2 two gzip members, the second empty"] = ("gzip", GrpcFrame.Of([.. Zipped, .. GrpcFrame.Gzip([])], 1)),
        ["G2 gzip inside gzip"] = ("gzip", GrpcFrame.Of(GrpcFrame.Gzip(Zipped), 1)),
        ["G3 two messages"] = (null, [.. GrpcFrame.Of(Message), .. GrpcFrame.Of(Other)]),
        ["G3 two messages, the second empty"] = (null, [.. GrpcFrame.Of(Message), .. GrpcFrame.Of([])]),
        ["G3 an empty message first"] = (null, [.. GrpcFrame.Of([]), .. GrpcFrame.Of(Message)]),
        ["G3 one byte behind"] = (null, [.. GrpcFrame.Of(Message), 0]),
        ["G3 half a frame behind"] = (null, [.. GrpcFrame.Of(Message), 0, 0, 0, 0]),
        ["G3 length says less"] = (null, GrpcFrame.Claiming((uint)Message.Length - 1, Message)),
        ["G3 length says more"] = (null, GrpcFrame.Claiming((uint)Message.Length + 1, Message)),
        ["G3 length says 4 GiB"] = (null, GrpcFrame.Claiming(uint.MaxValue, Message)),
        ["G3 length is negative"] = (null, GrpcFrame.Claiming(0x80000000, Message)),
        ["G3 half a prefix"] = (null, [0, 0, 0]),
        ["G3 nothing"] = (null, []),
        ["G5 truncated field"] = (null, GrpcFrame.Of(Message.AsSpan(..^1))),
        ["G5 field number 0"] = (null, GrpcFrame.Of([.. Message, 0x02, 0x00])),
        ["G5 tag above 32 bits"] = (null, GrpcFrame.Of([.. Message, 0xFA, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00])),
        ["G5 wire type 6"] = (null, GrpcFrame.Of([.. Message, 0x7E])),
        ["G5 wire type 7"] = (null, GrpcFrame.Of([.. Message, 0x7F])),
        ["G5 varint of eleven bytes"] = (null, GrpcFrame.Of([.. Message, 0x78, .. Enumerable.Repeat((byte)0xFF, 10), 0x01])),
        ["G5 group without its end"] = (null, GrpcFrame.Of([.. Message, 0x7B])),
        ["G5 group's end alone"] = (null, GrpcFrame.Of([.. Message, 0x7C])),
        ["G5 group ended by another"] = (null, GrpcFrame.Of([.. Message, 0x7B, 0x84, 0x01])),
        ["G5 groups 200 deep"] = (null, GrpcFrame.Of([.. Message, .. Enumerable.Repeat((byte)0x7B, 200), .. Enumerable.Repeat((byte)0x7C, 200)])),
        ["G5 namespace not UTF-8"] = (null, GrpcFrame.Of([.. Message, 0x0A, 0x02, 0xC3, 0x28])),
        ["G5 namespace with a surrogate"] = (null, GrpcFrame.Of([.. Message, 0x0A, 0x03, 0xED, 0xA0, 0x80])),
        ["G5 not protobuf"] = (null, GrpcFrame.Of([0xFF, 0xFF, 0xFF])),
        ["G5 JSON"] = (null, GrpcFrame.Of("{\"namespace\":\"payments\"}"u8)),
    };

    private Gate Gate => fixture.Gate;

    public static TheoryData<string> Names => [.. Frames.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Frame_ThatCannotBeReadWithCertainty_IsRefused(string id)
    {
        var (encoding, body) = Frames[id];
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var head = RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"));
        if (encoding is not null)
        {
            head.Add(("grpc-encoding", encoding));
        }

        var answer = await client.CallAsync(head, body);
        Assert.Contains(answer.Status, new int?[] { GrpcCode.InvalidArgument, GrpcCode.ResourceExhausted });
        watch.EngineSawNothing();
        var record = await watch.RecordAsync(answer.Message);
        Assert.Contains(record["refusal"], new[] { "unreadable", "too-large" });
        // An SDK that reads these words sends the same call again without compression.
        Assert.DoesNotContain("decompress", answer.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("compressor", answer.Message, StringComparison.OrdinalIgnoreCase);
    }

    public static TheoryData<string, byte[]> Harmless => new()
    {
        { "unknown field", [.. Message, 0xFA, 0x7F, 0x02, 1, 2] },
        { "unknown group", [.. Message, 0x7B, 0x08, 0x01, 0x7C] },
        { "over-long tag", [0x8A, 0x80, 0x00, 0x08, .. "payments"u8, .. Message.AsSpan(10)] },
        { "over-long length", [0x0A, 0x88, 0x80, 0x00, .. "payments"u8, .. Message.AsSpan(10)] },
        { "known number, other wire type", [.. Message, 0x08, 0x01] },
    };

    [Theory]
    [MemberData(nameof(Harmless))]
    public async Task G5_WhatTheServersParserTakes_IsForwardedUnchanged(string id, byte[] message)
    {
        Assert.NotEmpty(id);
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root")), GrpcFrame.Of(message));
        Assert.True(answer.Status == 0, answer.Message);
        Assert.Equal(message, Gate.Engine.Calls.Skip(before).Single().Message);
    }

    [Fact]
    public async Task G2_GzipBomb_IsTooLarge()
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var bomb = GrpcFrame.GzipOf(Requests.Field(1, new string('a', 100 * 1024 * 1024)));
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("grpc-encoding", "gzip")), bomb);
        Assert.Equal(GrpcCode.ResourceExhausted, answer.Status);
        Assert.StartsWith("grpc: received message", answer.Message);
        Assert.Contains("larger than max", answer.Message);
        await watch.RefusedAsync(answer.Message, "too-large", GrpcCode.ResourceExhausted);
    }

    [Theory]
    [InlineData(4 * 1024 * 1024 + 1)]
    [InlineData(6 * 1024 * 1024)]
    public async Task G7_MessageAboveTheLimit_IsRefusedNotPassed(int size)
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var message = new byte[size];
        Requests.Start().CopyTo(message, 0);
        var answer = await client.CallAsync(RawHttp2.CallHeaders(GrpcClient.WorkflowService + "StartWorkflowExecution", Gate.Issuer.Token("root")), GrpcFrame.Of(message));
        Assert.Equal(GrpcCode.ResourceExhausted, answer.Status);
        Assert.StartsWith("grpc: received message larger than max", answer.Message);
        await watch.RefusedAsync(answer.Message, "too-large", GrpcCode.ResourceExhausted);
    }

    [Fact]
    public async Task G7_MessageJustUnderTheLimit_PassesWithItsStamp()
    {
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var message = Requests.Start(payload: new string('a', (4 * 1024 * 1024) - 2_048));
        var answer = await client.CallAsync(RawHttp2.CallHeaders(GrpcClient.WorkflowService + "StartWorkflowExecution", Gate.Issuer.Token("root")), GrpcFrame.Of(message));
        Assert.True(answer.Status == 0, answer.Message);
        Assert.InRange(Gate.Engine.Calls.Skip(before).Single().Message.Length, message.Length, 4 * 1024 * 1024);
    }

    [Fact]
    public async Task G9_HalfCloseNeverSent_EndsWithTheDeadlineAndIsNeverForwarded()
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("grpc-timeout", "1S")));
        await client.DataAsync(stream, GrpcFrame.Of(Message), endStream: false);
        var answer = await client.AnswerAsync(stream);
        Assert.Equal(GrpcCode.DeadlineExceeded, answer.Status);
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task G9_HeadersOnly_IsUnreadable()
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root")), endStream: true);
        var answer = await client.AnswerAsync(stream);
        Assert.Equal(GrpcCode.InvalidArgument, answer.Status);
        await watch.RefusedAsync(answer.Message, "unreadable", GrpcCode.InvalidArgument);
    }

    [Fact]
    public async Task G9_TrailersFromTheClient_AreNotForwardedAsHeaders()
    {
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root")));
        await client.DataAsync(stream, GrpcFrame.Of(Message), endStream: false);
        await client.HeadersAsync(stream, [("caller-type", "canary"), ("authorization", "Bearer canary"), ("x-late", "canary")], endStream: true);
        await client.AnswerAsync(stream);
        Assert.DoesNotContain(Gate.Engine.Calls.Skip(before).SelectMany(call => call.Headers), header => header.Value.Contains("canary", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("0m")]
    [InlineData("0n")]
    [InlineData("1n")]
    public async Task G9_DeadlineThatHasPassed_IsExceeded(string timeout)
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("grpc-timeout", timeout)), GrpcFrame.Of(Message));
        Assert.Equal(GrpcCode.DeadlineExceeded, answer.Status);
        await watch.RecordAsync(answer.Message);
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("+1S")]
    [InlineData("1.5S")]
    [InlineData("1 S")]
    [InlineData("1s")]
    [InlineData("999999999S")]
    [InlineData("0x10S")]
    public async Task G9_DeadlineThatIsNone_IsRefused(string timeout)
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("grpc-timeout", timeout)), GrpcFrame.Of(Message));
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
    }

    [Theory]
    [InlineData("99999999H")]
    [InlineData("99999999n")]
    [InlineData("70000000u")]
    public async Task G9_DeadlineFarAhead_IsServedAndForwarded(string timeout)
    {
        var before = Gate.Engine.Calls.Count;
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Describe, Gate.Issuer.Token("root"), ("grpc-timeout", timeout)), GrpcFrame.Of(Message));
        Assert.Contains(answer.Status, new int?[] { 0, timeout == "99999999n" ? GrpcCode.DeadlineExceeded : 0 });
        if (answer.Status == 0)
        {
            Assert.NotNull(Gate.Engine.Calls.Skip(before).Single().Header("grpc-timeout"));
        }
    }

    public static TheoryData<string, string, int> Refusals => new()
    {
        { "no credential", "", GrpcCode.Unauthenticated },
        { "not allowed", "nobody", GrpcCode.PermissionDenied },
        { "unknown", "unknown", GrpcCode.Unimplemented },
        { "unreadable", "unreadable", GrpcCode.InvalidArgument },
        { "too large", "large", GrpcCode.ResourceExhausted },
        { "deadline", "deadline", GrpcCode.DeadlineExceeded },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task G10_Refusal_IsOneHeadersFrameInGrpcsShape(string id, string how, int status)
    {
        Assert.NotEmpty(id);
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var token = how == "" ? null : Gate.Issuer.Token(how == "nobody" ? "nobody" : "root");
        var head = RawHttp2.CallHeaders(how == "unknown" ? GrpcClient.WorkflowService + "NoSuch" : Describe, token);
        if (how == "deadline")
        {
            head.Add(("grpc-timeout", "0S"));
        }

        var answer = await client.CallAsync(head, how switch
        {
            "unreadable" => GrpcFrame.Of([0xFF]),
            "large" => GrpcFrame.Claiming(uint.MaxValue / 2, []),
            _ => GrpcFrame.Of(Message),
        });
        Assert.Equal(status, answer.Status);
        Assert.True(answer.TrailersOnly, answer.ToString());
        Assert.Equal("200", answer.HttpStatus);
        Assert.Equal("application/grpc", RawAnswer.Find(answer.Headers, "content-type"));
        Assert.DoesNotContain(answer.Headers, header => header.Name is "location" or "www-authenticate" or "server");
        var record = await watch.RecordAsync(answer.Message);
        Assert.EndsWith($"[call {record.CallId}]", answer.Message);
    }
}
