using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.AttackCases;

/// <summary>T: framing, against the listener of a Prefect server. The caller may everything; what is judged is what the server received.</summary>
public sealed class PrefectTransportCases(PrefectGateFixture fixture) : IClassFixture<PrefectGateFixture>
{
    // It has no credential: whoever takes it for a request of its own must refuse it, and whoever takes it for part of a body must never send it.
    private const string Smuggled = "GET /api/admin/settings?smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    // One route whose body is judged, and one whose body is passed on as it comes.
    private static readonly string[] s_paths = ["/api/flows/filter", "/api/automations/"];

    /// <summary>Everything after the first three lines, and whether nothing at all may arrive.</summary>
    private static readonly Dictionary<string, string> s_refused = new()
    {
        ["T2 CL+TE"] = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + Smuggled,
        ["T2 TE+CL"] = "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + Smuggled,
        ["T2 chunked, identity"] = "Transfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + Smuggled,
        ["T2 identity"] = "Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}" + Smuggled,
        ["T2 xchunked"] = "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}" + Smuggled,
        ["T2 obs-fold"] = "X-A: 1\r\n Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        ["T2 obs-fold of TE"] = "Transfer-Encoding:\r\n chunked\r\nContent-Length: 2\r\n\r\n{}",
        ["T2 space before the colon"] = "Transfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}",
        ["T2 chunk extension with a bare line feed"] = "Transfer-Encoding: chunked\r\n\r\n2;\n{}\r\n0\r\n\r\n" + Smuggled,
        ["T2 chunk size with a sign"] = "Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n" + Smuggled,
        ["T2 chunk size with 0x"] = "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n" + Smuggled,
        ["T2 chunk size too large"] = "Transfer-Encoding: chunked\r\n\r\n100000002\r\n{}\r\n0\r\n\r\n" + Smuggled + " ",
        ["T2 chunk longer than it says"] = "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n" + Smuggled,
        ["T2 bare carriage return in a header"] = "X-A: 1\rTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
        ["T2 NUL in a header"] = "X-A: 1\0\r\nContent-Length: 2\r\n\r\n{}",
        ["T3 CL twice"] = "Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + Smuggled,
        ["T3 CL list"] = "Content-Length: 2, 60\r\n\r\n{}" + Smuggled,
        ["T3 CL with a space inside"] = "Content-Length: 1 0\r\n\r\n{}" + Smuggled,
        ["T3 CL negative"] = "Content-Length: -1\r\n\r\n{}" + Smuggled,
        ["T3 CL hexadecimal"] = "Content-Length: 0x2\r\n\r\n{}" + Smuggled,
        ["T3 CL larger than 64 bits"] = "Content-Length: 99999999999999999999\r\n\r\n{}" + Smuggled,
        ["T3 CL longer than what comes"] = "Content-Length: 60\r\n\r\n{}",
        ["T8 header list above the limit"] = "X-A: " + new string('a', 70_000) + "\r\nContent-Length: 2\r\n\r\n{}",
        ["T8 many headers"] = string.Concat(Enumerable.Range(0, 300).Select(i => $"X-{i}: 1\r\n")) + "Content-Length: 2\r\n\r\n{}",
    };

    private PrefectGate Gate => fixture.Gate;

    public static TheoryData<string, string> Refused => new MatrixTheoryData<string, string>(s_refused.Keys, s_paths);

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Framing_OfTwoMeanings_NeverReachesTheServer(string id, string path)
    {
        Gate.Server.Forget();
        // What waits for more of a message must see its end.
        var said = await RawTcp.SayAsync(Gate.Address, Head("POST", path) + s_refused[id], ends: !s_refused[id].EndsWith(Smuggled, StringComparison.Ordinal));

        Assert.DoesNotContain("HTTP/1.1 2", said, StringComparison.Ordinal);
        Assert.DoesNotContain("HTTP/1.1 5", said, StringComparison.Ordinal);
        Assert.Empty(Gate.Server.Requests);
        await ServesTheNextAsync();
    }

    public static TheoryData<string, string> Odd => new()
    {
        { "T2 trailer", "Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer canary\r\nX-Canary: canary\r\n\r\n" },
        { "T2 chunk extension", "Transfer-Encoding: chunked\r\n\r\n2;canary=1\r\n{}\r\n0\r\n\r\n" },
        { "T2 chunks of one byte", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n" },
        { "T3 zeros before the length", "Content-Length: 0002\r\n\r\n{}" },
        { "T3 CL plus", "Content-Length: +2\r\n\r\n{}" },
        { "T10 100-continue, unasked", "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}" },
    };

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task Framing_OfOneMeaning_IsWrittenAnew(string id, string rest)
    {
        Assert.NotEmpty(id);
        foreach (var path in s_paths)
        {
            Gate.Server.Forget();
            var said = await RawTcp.SayAsync(Gate.Address, Head("POST", path) + "Connection: close\r\n" + rest, ends: false);

            Assert.Contains("HTTP/1.1 200", said, StringComparison.Ordinal);
            var arrived = Assert.Single(Gate.Server.Requests).Message;
            Assert.Equal("{}"u8.ToArray(), arrived.Body);
            Assert.DoesNotContain("canary", arrived.ToString(), StringComparison.OrdinalIgnoreCase);
            Assert.True(arrived.Header("content-length") is null ^ arrived.Header("transfer-encoding") is null, arrived.ToString());
            Assert.Null(arrived.Header("expect"));
        }
    }

    public static TheoryData<string, string> Heads => new()
    {
        { "T10 CONNECT", "CONNECT 127.0.0.1:4200 HTTP/1.1\r\nHost: 127.0.0.1:4200\r\n{auth}\r\n" + Smuggled },
        { "T10 PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" },
        { "T10 OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n{auth}\r\n" },
        { "T10 TRACE", "TRACE /api/admin/version HTTP/1.1\r\nHost: x\r\n{auth}\r\n" },
        { "T10 method in lower case", "get /api/admin/version HTTP/1.1\r\nHost: x\r\n{auth}\r\n" },
        { "T10 HTTP/0.9", "GET /api/admin/version\r\n\r\n" },
        { "T10 HTTP/2.0 in a line", "GET /api/admin/version HTTP/2.0\r\nHost: x\r\n{auth}\r\n" },
        { "T10 HTTP/1.0 without a host", "GET /api/admin/version HTTP/1.0\r\n{auth}\r\n" },
        { "T10 no host", "GET /api/admin/version HTTP/1.1\r\n{auth}\r\n" },
        { "T10 host twice", "GET /api/admin/version HTTP/1.1\r\nHost: x\r\nHost: y\r\n{auth}\r\n" },
        { "T10 host empty", "GET /api/admin/version HTTP/1.1\r\nHost:\r\n{auth}\r\n" },
        { "T10 host with a credential", "GET /api/admin/version HTTP/1.1\r\nHost: a:b@x\r\n{auth}\r\n" },
        { "T10 host with a path", "GET /api/admin/version HTTP/1.1\r\nHost: x/api\r\n{auth}\r\n" },
        { "T10 host of the server inside its process", "GET /api/admin/version HTTP/1.1\r\nHost: ephemeral-prefect\r\n{auth}\r\n" },
        { "P7 absolute form", "GET http://x/api/admin/version HTTP/1.1\r\nHost: x\r\n{auth}\r\n" },
        { "P7 absolute form, another host", "GET http://y/api/admin/version HTTP/1.1\r\nHost: x\r\n{auth}\r\n" },
        { "P7 absolute form, https", "GET https://x/api/admin/version HTTP/1.1\r\nHost: x\r\n{auth}\r\n" },
        { "P7 authority form", "GET x:80 HTTP/1.1\r\nHost: x\r\n{auth}\r\n" },
        { "T14 h2c upgrade", "GET /api/admin/version HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n{noauth}\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Smuggled },
        { "not HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello" },
    };

    [Theory]
    [MemberData(nameof(Heads))]
    public async Task Head_ThatIsNone_NeverReachesTheServer(string id, string text)
    {
        Assert.NotEmpty(id);
        Gate.Server.Forget();
        var said = await RawTcp.SayAsync(Gate.Address, text.Replace("{auth}", Auth, StringComparison.Ordinal).Replace("{noauth}", "", StringComparison.Ordinal));

        Assert.DoesNotContain("HTTP/1.1 2", said, StringComparison.Ordinal);
        Assert.DoesNotContain("HTTP/1.1 1", said, StringComparison.Ordinal);
        Assert.Empty(Gate.Server.Requests);
        await ServesTheNextAsync();
    }

    [Theory]
    [InlineData("websocket")]
    [InlineData("h2c")]
    [InlineData("SPDY/3.1")]
    [InlineData("h2c, websocket")]
    public async Task T10_UpgradeOfAnOrdinaryRoute_IsNoUpgrade(string protocol)
    {
        Gate.Server.Forget();
        Gate.Server.Script = arrived => arrived.Message.Header("upgrade") is null
            ? PrefectAnswer.Json(200, "{}")
            : PrefectAnswer.Of(new WireMessage("HTTP/1.1 101 Switching Protocols", [("Upgrade", protocol), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", "x")], []));
        try
        {
            var said = await RawTcp.SayAsync(
                Gate.Address,
                $"{Head("GET", "/api/admin/version")}Connection: Upgrade\r\nUpgrade: {protocol}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nearly data{Smuggled}");

            Assert.DoesNotContain("HTTP/1.1 101", said, StringComparison.Ordinal);
            Assert.All(Gate.Server.Requests, request => Assert.Null(request.Message.Header("upgrade")));
            Assert.DoesNotContain(Gate.Server.Requests, request => request.Message.Start.Contains("smuggled", StringComparison.Ordinal));
        }
        finally
        {
            Gate.Server.Script = PrefectGateFixture.Script;
        }
    }

    [Theory]
    [InlineData("X-A: 1\r\nX-B: 2")]
    [InlineData("1\rX-B: 2")]
    [InlineData("1\0")]
    [InlineData("\x01")]
    public async Task T11_HeaderOfTheServer_SplitsNothing(string value)
    {
        Gate.Server.Script = _ => PrefectAnswer.Of(new WireMessage("HTTP/1.1 200 OK", [("X-Evil", value), ("Content-Length", "2"), ("Content-Type", "application/json")], "{}"u8.ToArray()));
        try
        {
            var said = await RawTcp.SayAsync(Gate.Address, Head("GET", "/api/admin/version") + "Connection: close\r\n\r\n", ends: false);

            Assert.DoesNotContain("\rX-B: 2", said.Replace("\r\n", "\n", StringComparison.Ordinal), StringComparison.Ordinal);
            Assert.Matches("^HTTP/1.1 (200|503)", said);
            Assert.Single(System.Text.RegularExpressions.Regex.Matches(said, "HTTP/1.1 "));
        }
        finally
        {
            Gate.Server.Script = PrefectGateFixture.Script;
        }
    }

    // A flow run's name stands in the name of its downloaded logs, in the server's own encoding.
    [Theory]
    [InlineData("/api/flow_runs/0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22/logs/download", "GET")]
    [InlineData("/api/automations/", "POST")]
    public async Task T11_HeaderThatIsNotAscii_IsPassedOn(string path, string method)
    {
        Gate.Server.Script = _ => PrefectAnswer.Of(new WireMessage("HTTP/1.1 200 OK", [("Content-Disposition", "attachment; filename=n\u00e4chtlich-logs.csv"), ("Content-Length", "2"), ("Content-Type", "text/csv")], "a\n"u8.ToArray()));
        try
        {
            var said = await RawTcp.SayAsync(Gate.Address, Head(method, path) + "Content-Length: 0\r\nConnection: close\r\n\r\n", ends: false);

            Assert.StartsWith("HTTP/1.1 200", said, StringComparison.Ordinal);
            Assert.Contains("filename=n\u00e4chtlich-logs.csv", said, StringComparison.Ordinal);
        }
        finally
        {
            Gate.Server.Script = PrefectGateFixture.Script;
        }
    }

    [Fact]
    public async Task Pipelined_WithOtherCredentials_EachIsJudgedByItsOwn()
    {
        Gate.Server.Forget();
        var said = await RawTcp.SayAsync(
            Gate.Address,
            $"{Head("GET", "/api/admin/settings?first")}\r\n"
            + "GET /api/admin/settings?second HTTP/1.1\r\nHost: x\r\n\r\n"
            + $"PUT /api/admin/storage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Gate.Gate.Issuer.Token("bob")}\r\nContent-Length: 2\r\n\r\n{{}}"
            + $"GET /api/admin/settings?last HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {Gate.Gate.Issuer.Token("bob")}\r\n\r\n", ends: false);

        Assert.Equal(["200", "401", "403", "200"], System.Text.RegularExpressions.Regex.Matches(said, "HTTP/1.1 ([0-9]+)").Select(match => match.Groups[1].Value));
        Assert.Equal(["GET /api/admin/settings?first HTTP/1.1", "GET /api/admin/settings?last HTTP/1.1"], Gate.Server.Requests.Select(request => request.Message.Start));
    }

    [Theory]
    [InlineData("Content-Length: 200000\r\n\r\n", 200_000)]
    [InlineData("Content-Length: 73\r\n\r\n" + Smuggled, 0)]
    public async Task Refused_WithItsBodyUnread_TheNextIsNotReadFromIt(string rest, int filler)
    {
        Gate.Server.Forget();
        var said = await RawTcp.SayAsync(
            Gate.Address,
            $"POST /api/variables/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Gate.Gate.Issuer.Token("nobody")}x\r\nContent-Type: application/json\r\n{rest}{new string('a', filler)}"
            + $"GET /api/admin/version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Gate.Gate.Issuer.Token("bob")}\r\nConnection: close\r\n\r\n", ends: false);

        Assert.StartsWith("HTTP/1.1 401", said, StringComparison.Ordinal);
        Assert.All(Gate.Server.Requests, request => Assert.Equal("GET /api/admin/version HTTP/1.1", request.Message.Start));
    }

    [Fact]
    public async Task T10_ExpectContinue_IsNotAskedFor_OfWhoMayNot()
    {
        Gate.Server.Forget();
        var said = await RawTcp.SayAsync(Gate.Address, "POST /api/automations/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n", ends: false);

        Assert.StartsWith("HTTP/1.1 401", said, StringComparison.Ordinal);
        Assert.Empty(Gate.Server.Requests);
    }

    [Theory]
    [InlineData("/api/flows/filter")]
    [InlineData("/api/automations/")]
    public async Task Upload_ThatBreaksOff_IsNoFaultOfTheServers(string path)
    {
        Gate.Server.Forget();
        await RawTcp.SayAsync(Gate.Address, Head("POST", path) + "Content-Length: 100000\r\n\r\n{\"a\":");
        var faulty = await RawTcp.SayAsync(Gate.Address, Head("POST", path) + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", ends: false);
        var cut = await RawTcp.SayAsync(Gate.Address, Head("POST", path) + "Transfer-Encoding: chunked\r\n\r\n6\r\n{\"a\":1\r\nzz\r\n", ends: false);

        Assert.Empty(Gate.Server.Requests);
        Assert.DoesNotContain("HTTP/1.1 5", faulty + cut, StringComparison.Ordinal);
        // Nobody may make the gate say that it lost its server by breaking off his own calls.
        using var http = new HttpClient();
        Assert.Equal(200, (int)(await http.GetAsync(new Uri($"http://{Gate.Gate.AdminAddress}/readyz"), TestContext.Current.CancellationToken)).StatusCode);
        await ServesTheNextAsync();
    }

    private string Auth => $"Authorization: Bearer {Gate.Gate.Issuer.Token("root")}\r\n";

    private string Head(string method, string path) => $"{method} {path} HTTP/1.1\r\nHost: {Gate.Address}\r\n{Auth}Content-Type: application/json\r\n";

    private async Task ServesTheNextAsync() => Assert.Equal(200, (await Gate.SendAsync("GET", "/api/admin/version", "bob")).Status);
}

/// <summary>One gate before a Prefect server that takes everything, for all cases of a class.</summary>
public sealed class PrefectGateFixture : IAsyncLifetime
{
    internal static Func<ArrivedRequest, PrefectAnswer> Script { get; } = _ => PrefectAnswer.Json(200, "{}");

    internal PrefectGate Gate { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Gate = await PrefectGate.StartAsync(Script);

    public ValueTask DisposeAsync() => Gate.DisposeAsync();
}
