using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>T: HTTP framing and transport. Whatever is sent, the engine sees nothing of it and the next honest caller is served.</summary>
public sealed class TransportCases(TransportCases.Listeners fixture) : IClassFixture<TransportCases.Listeners>
{
    private const string Path = GrpcClient.WorkflowService + "GetSystemInfo";
    private const string StartPath = GrpcClient.WorkflowService + "StartWorkflowExecution";

    private static readonly string Smuggled = $"POST {StartPath} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";

    private static readonly Dictionary<string, string> Http1 = new()
    {
        ["T2 CL and TE"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Smuggled}",
        ["T2 TE chunked, identity"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{Smuggled}",
        ["T2 TE twice"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{Smuggled}",
        ["T2 TE with a leading tab"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{Smuggled}",
        ["T2 obs-fold"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n Authorization: Bearer x\r\nContent-Length: 0\r\n\r\n",
        ["T2 chunk extension with a bare line feed"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n{Smuggled}",
        ["T2 bare carriage return in a header"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nX-A: 1\rAuthorization: Bearer x\r\nContent-Length: 0\r\n\r\n",
        ["T3 CL twice"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n{Smuggled}",
        ["T3 CL list"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 5\r\n\r\n{Smuggled}",
        ["T3 CL plus"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n{Smuggled}",
        ["T3 CL with a space inside"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1 0\r\n\r\n{Smuggled}",
        ["T3 CL negative"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{Smuggled}",
        ["T10 CONNECT"] = "CONNECT engine:7233 HTTP/1.1\r\nHost: engine:7233\r\n\r\n" + Smuggled,
        ["T14 Upgrade h2c"] = $"GET {Path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        ["HTTP/1.1, nothing wrong"] = $"POST {Path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ["HTTP/1.0"] = $"POST {Path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
        ["not HTTP"] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello",
    };

    private Gate Gate => fixture.Gate;

    public static TheoryData<string, int> Http1Cases =>
        new MatrixTheoryData<string, int>(Http1.Keys, [0, 1]);

    [Theory]
    [MemberData(nameof(Http1Cases))]
    public async Task Http1_OnEveryClearPort_NeverReachesTheEngine(string id, int listener)
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        var said = await RawTcp.SayAsync(Gate.Listener(listener), Http1[id]);
        Assert.DoesNotContain("HTTP/1.1 2", said);
        Assert.DoesNotContain("HTTP/1.1 101", said);
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    public static TheoryData<string, string, string> LengthCases => new()
    {
        { "T5 more declared than sent", "9", "" },
        { "T5 less declared than sent", "3", "" },
        { "T5 nothing declared, five sent", "0", "" },
        { "T3 with a plus", "+5", "" },
        { "T3 with a space", " 5", "" },
        { "T3 as a list", "5, 5", "" },
        { "T3 twice, different", "5", "6" },
        { "T3 not a number", "five", "" },
        { "T3 larger than 64 bits", "99999999999999999999", "" },
    };

    [Theory]
    [MemberData(nameof(LengthCases))]
    public async Task Http2_ContentLengthThatIsNotTheBodys_NeverReachesTheEngine(string id, string length, string second)
    {
        Assert.NotEmpty(id);
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        await using var client = await Gate.ConnectAsync();
        var headers = RawHttp2.CallHeaders(StartPath, Gate.Issuer.Token("root"), ("content-length", length));
        if (second != "")
        {
            headers.Add(("content-length", second));
        }

        var answer = await client.CallAsync(headers, GrpcFrame.Of([]));
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    [Fact]
    public async Task T6_RapidReset_TenThousandStreams_LeavesNothingOpen()
    {
        await using (var client = await Gate.ConnectAsync())
        {
            var headers = RawHttp2.CallHeaders(GrpcClient.WorkflowService + "PollWorkflowTaskQueue", Gate.Issuer.Token("root"), ("grpc-timeout", "60S"));
            var poll = GrpcFrame.Of(Requests.Poll());
            for (var i = 0; i < 10_000; i++)
            {
                var stream = client.NextStream();
                byte[] frames =
                [
                    .. RawHttp2.HeaderFrames(stream, headers, endStream: false), .. RawHttp2.Frame(RawHttp2.Data, RawHttp2.EndStream, stream, poll),
                    .. RawHttp2.Frame(RawHttp2.RstStream, 0, stream, [0, 0, 0, 8]),
                ];
                if (!await client.TryWriteAsync(frames))
                {
                    break;
                }
            }

            await ServesTheNextAsync();
        }

        await Eventually.TrueAsync(() => Gate.Engine.Open == 0, () => $"{Gate.Engine.Open} calls still open at the engine");
    }

    public static TheoryData<string> MadeYouResetCases => ["window update of zero", "window overflow", "priority on itself", "short priority", "data after the end", "headers after the end"];

    [Theory]
    [MemberData(nameof(MadeYouResetCases))]
    public async Task T7_MadeYouReset_OpenPollsEndAtTheEngineToo(string how)
    {
        for (var connection = 0; connection < 5; connection++)
        {
            await using var client = await Gate.ConnectAsync();
            var headers = RawHttp2.CallHeaders(GrpcClient.WorkflowService + "PollWorkflowTaskQueue", Gate.Issuer.Token("root"), ("grpc-timeout", "60S"));
            for (var i = 0; i < 50; i++)
            {
                var stream = client.NextStream();
                byte[] open =
                [
                    .. RawHttp2.HeaderFrames(stream, headers, endStream: false), .. RawHttp2.Frame(RawHttp2.Data, RawHttp2.EndStream, stream, GrpcFrame.Of(Requests.Poll())),
                    .. Provocation(how, stream, headers),
                ];
                if (!await client.TryWriteAsync(open))
                {
                    break;
                }
            }

            await ServesTheNextAsync();
        }

        await Eventually.TrueAsync(() => Gate.Engine.Open == 0, () => $"{Gate.Engine.Open} calls still open at the engine");
    }

    [Fact]
    public async Task T8_ContinuationFlood_IsCut()
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        var piece = Hpack.Write([("x-a", new string('a', 16_000))]);
        await client.WriteAsync(RawHttp2.Frame(RawHttp2.HeadersType, 0, stream, Hpack.Write(RawHttp2.CallHeaders(Path))));
        var written = true;
        for (var i = 0; written && i < 10_000; i++)
        {
            written = await client.TryWriteAsync(RawHttp2.Frame(RawHttp2.Continuation, 0, stream, piece));
        }

        await client.Closed.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    [Fact]
    public async Task T8_EmptyContinuationFlood_IsCutOrOutlived()
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        await client.WriteAsync(RawHttp2.Frame(RawHttp2.HeadersType, 0, stream, Hpack.Write(RawHttp2.CallHeaders(Path))));
        using var flood = new MemoryStream();
        for (var i = 0; i < 10_000; i++)
        {
            flood.Write(RawHttp2.Frame(RawHttp2.Continuation, 0, stream, []));
        }

        await client.TryWriteAsync(flood.ToArray());
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    [Theory]
    [InlineData(1, 70_000)]
    [InlineData(10, 8_000)]
    [InlineData(300, 10)]
    public async Task T8_HeaderListAboveTheLimit_NeverReachesTheEngine(int count, int length)
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        await using var client = await Gate.ConnectAsync();
        var more = Enumerable.Range(0, count).Select(i => ($"x-filler-{i}", new string('a', length))).ToArray();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(Path, Gate.Issuer.Token("root"), more), GrpcFrame.Of([]));
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    [Fact]
    public async Task T8_HpackBomb_IsCut()
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        // One large entry goes into the dynamic table, then one byte each repeats it 10,000 times: 30 MB of headers from 14 KB.
        using var block = new MemoryStream();
        block.Write(Hpack.Write(RawHttp2.CallHeaders(Path)));
        block.WriteByte(0x40);
        block.Write(Hpack.Write([("x-bomb", new string('a', 3_000))]).AsSpan(1));
        block.Write(Encoding.Latin1.GetBytes(new string('\xBE', 10_000)));
        await client.TryWriteAsync(RawHttp2.Frame(RawHttp2.HeadersType, RawHttp2.EndHeaders | RawHttp2.EndStream, stream, block.ToArray()));
        var answer = await client.AnswerAsync(stream);
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    [Theory]
    [InlineData("SETTINGS")]
    [InlineData("PING")]
    [InlineData("PRIORITY")]
    [InlineData("unknown frames")]
    public async Task T8_TenThousandControlFrames_AreOutlived(string kind)
    {
        await using var client = await Gate.ConnectAsync();
        using var flood = new MemoryStream();
        for (var i = 0; i < 10_000; i++)
        {
            flood.Write(kind switch
            {
                "SETTINGS" => RawHttp2.Frame(RawHttp2.Settings, 0, 0, [0, 3, 0, 0, 0, 100]),
                "PING" => RawHttp2.Frame(RawHttp2.Ping, 0, 0, new byte[8]),
                "PRIORITY" => RawHttp2.Frame(RawHttp2.Priority, 0, 1, [0, 0, 0, 3, 1]),
                _ => RawHttp2.Frame(0xEE, 0, 0, new byte[8]),
            });
        }

        await client.TryWriteAsync(flood.ToArray());
        await ServesTheNextAsync();
    }

    [Fact]
    public async Task T8_EmptyDataFlood_NeverReachesTheEngine()
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(StartPath, Gate.Issuer.Token("root"), ("grpc-timeout", "2S")));
        using var flood = new MemoryStream();
        for (var i = 0; i < 10_000; i++)
        {
            flood.Write(RawHttp2.Frame(RawHttp2.Data, 0, stream, []));
        }

        await client.TryWriteAsync(flood.ToArray());
        var answer = await client.AnswerAsync(stream);
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    public static TheoryData<string> PseudoHeaderCases => ["CONNECT", "extended CONNECT", "no :path", "no :method", "no :scheme", "empty :path", ":path twice", ":method after a header",
        "unknown pseudo header", ":status in a request", "upper-case name", "connection header", "te: gzip", "empty name", "line feed in a value", "NUL in a value",
        "GET", "PUT", "lower-case post", ":path without slash", ":path star", ":path absolute"];

    [Theory]
    [MemberData(nameof(PseudoHeaderCases))]
    public async Task T10_OddRequestHeads_NeverReachTheEngine(string id)
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(OddHead(id, Gate.Issuer.Token("root")), GrpcFrame.Of(Requests.Start()));
        Assert.NotEqual(0, answer.Status);
        watch.EngineSawNothing();
        await ServesTheNextAsync();
    }

    [Theory]
    [InlineData("transfer-encoding", "chunked")]
    [InlineData("upgrade", "websocket")]
    [InlineData("keep-alive", "timeout=5")]
    [InlineData("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA")]
    [InlineData("expect", "100-continue")]
    [InlineData("trailer", "authorization")]
    [InlineData("space in", "x")]
    [InlineData("sl/ash", "x")]
    public async Task T10_HeaderThatHttp2HasNot_IsRefusedOrStaysHere(string name, string value)
    {
        await using var client = await Gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(StartPath, Gate.Issuer.Token("root"), (name, value)), GrpcFrame.Of(Requests.Start(id: name)));
        var arrived = Gate.Engine.Calls.Where(call => call.Operation == "StartWorkflowExecution").ToList();
        Assert.Equal(answer.Status == 0 ? 1 : 0, arrived.Count);
        Assert.DoesNotContain(arrived.SelectMany(call => call.Headers), header => header.Name == name);
        Gate.Engine.Forget(call => call.Operation == "StartWorkflowExecution");
    }

    [Fact]
    public async Task T14_PriorKnowledgeOnATlsPort_IsClosed()
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        var said = await RawTcp.SayAsync(Gate.Listener(2), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x4\0\0\0\0\0");
        Assert.DoesNotContain("HTTP", said);
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task T14_Http2OverTls_IsServed()
    {
        await using var client = await RawHttp2.ConnectAsync(Gate.Listener(2), fixture.Certificate.Trusting("h2"));
        var answer = await client.CallAsync(RawHttp2.SecureCallHeaders(Path, Gate.Issuer.Token("root")), GrpcFrame.Of([]));
        Assert.Equal(0, answer.Status);
    }

    [Fact]
    public async Task T14_UpgradeH2cInsideTls_IsNotUpgraded()
    {
        var watch = new Watch(Gate, except: "PollWorkflowTaskQueue");
        var said = await RawTcp.SayAsync(Gate.Listener(2), Http1["T14 Upgrade h2c"], fixture.Certificate.Trusting("http/1.1"));
        Assert.DoesNotContain("101", said.Split('\r')[0]);
        watch.EngineSawNothing();
    }

    private static byte[] Provocation(string how, int stream, List<(string, string)> headers) => how switch
    {
        "window update of zero" => RawHttp2.Frame(RawHttp2.WindowUpdate, 0, stream, [0, 0, 0, 0]),
        "window overflow" => [.. RawHttp2.Frame(RawHttp2.WindowUpdate, 0, stream, [0x7F, 0xFF, 0xFF, 0xFF]), .. RawHttp2.Frame(RawHttp2.WindowUpdate, 0, stream, [0x7F, 0xFF, 0xFF, 0xFF])],
        "priority on itself" => RawHttp2.Frame(RawHttp2.Priority, 0, stream, [(byte)(stream >> 24), (byte)(stream >> 16), (byte)(stream >> 8), (byte)stream, 1]),
        "short priority" => RawHttp2.Frame(RawHttp2.Priority, 0, stream, [0, 0, 0]),
        "data after the end" => RawHttp2.Frame(RawHttp2.Data, 0, stream, [1, 2, 3]),
        _ => RawHttp2.HeaderFrames(stream, headers, endStream: true),
    };

    private static List<(string, string)> OddHead(string id, string token)
    {
        var head = RawHttp2.CallHeaders(StartPath, token);
        void Replace(string name, string? value)
        {
            var at = head.FindIndex(header => header.Name == name);
            head.RemoveAt(at);
            if (value is not null)
            {
                head.Insert(at, (name, value));
            }
        }

        switch (id)
        {
            case "CONNECT": Replace(":method", "CONNECT"); Replace(":path", null); Replace(":scheme", null); break;
            case "extended CONNECT": Replace(":method", "CONNECT"); head.Insert(0, (":protocol", "websocket")); break;
            case "no :path": Replace(":path", null); break;
            case "no :method": Replace(":method", null); break;
            case "no :scheme": Replace(":scheme", null); break;
            case "empty :path": Replace(":path", ""); break;
            case ":path twice": head.Insert(0, (":path", Path)); break;
            case ":method after a header": Replace(":method", null); head.Add((":method", "POST")); break;
            case "unknown pseudo header": head.Insert(0, (":forwarded", "x")); break;
            case ":status in a request": head.Insert(0, (":status", "200")); break;
            case "upper-case name": head.Add(("X-Upper", "1")); break;
            case "connection header": head.Add(("connection", "authorization")); break;
            case "te: gzip": Replace("te", "gzip"); break;
            case "empty name": head.Add(("", "x")); break;
            case "line feed in a value": head.Add(("x-a", "1\nauthorization: Bearer x")); break;
            case "NUL in a value": head.Add(("x-a", "1\0")); break;
            case "GET": Replace(":method", "GET"); break;
            case "PUT": Replace(":method", "PUT"); break;
            case "lower-case post": Replace(":method", "post"); break;
            case ":path without slash": Replace(":path", StartPath[1..]); break;
            case ":path star": Replace(":path", "*"); break;
            case ":path absolute": Replace(":path", "http://gate.test" + StartPath); break;
            default: throw new ArgumentOutOfRangeException(nameof(id), id, "no such case");
        }

        return head;
    }

    private async Task ServesTheNextAsync()
    {
        var answer = await Gate.Client.CallAsync("GetSystemInfo", Array.Empty<byte>(), Gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        Assert.Equal(0, answer.Status);
        // Polls of a flood are meant to stay open; this call must not be among what the engine "saw".
        Gate.Engine.Forget(call => call.Operation == "GetSystemInfo");
    }

    /// <summary>A gate with a gRPC port, an HTTP port and a TLS port.</summary>
    public sealed class Listeners : IAsyncLifetime
    {
        internal Gate Gate { get; private set; } = null!;

        internal TestCertificate Certificate { get; } = new();

        public async ValueTask InitializeAsync() => Gate = await Gate.StartAsync(new GateSetup
        {
            Listen = $$"""
                - { address: "127.0.0.1:0", protocol: http }
                - { address: "127.0.0.1:0", tls: { certificate: "{{Certificate.CertificateFile}}", key: "{{Certificate.KeyFile}}" } }
                """,
            Script = call => call.Operation == "PollWorkflowTaskQueue" ? StubAnswer.Never : StubAnswer.Ok(),
        });

        public async ValueTask DisposeAsync()
        {
            await Gate.DisposeAsync();
            Certificate.Dispose();
        }
    }
}
