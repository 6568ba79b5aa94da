using System.Text.Json;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// A stock server ignores the HTTP status of its key address: any JSON object in the body replaces its keys. So whatever happens, the address answers a key set
/// with keys in it, or a body that is no JSON object.
/// </summary>
public sealed class KeySetEndpointAnswersKeysOrNothing(GateFixture fixture) : IClassFixture<GateFixture>
{
    private Gate Gate => fixture.Gate;

    [Theory]
    [InlineData("/engine")]
    [InlineData("/caller")]
    public async Task KeySet_HasPublicKeysOnly(string path)
    {
        using var http = new HttpClient();
        var text = await http.GetStringAsync(new Uri($"http://{Gate.KeysAddress}{path}"), TestContext.Current.CancellationToken);
        var keys = JsonDocument.Parse(text).RootElement.GetProperty("keys").EnumerateArray().ToList();
        Assert.NotEmpty(keys);
        foreach (var key in keys)
        {
            Assert.Equal("EC", key.GetProperty("kty").GetString());
            Assert.NotEmpty(key.GetProperty("kid").GetString()!);
            foreach (var secret in new[] { "d", "p", "q", "dp", "dq", "qi", "k" })
            {
                Assert.False(key.TryGetProperty(secret, out _), "a private part is published");
            }
        }
    }

    public static TheoryData<string, string> Requests =>
        new MatrixTheoryData<string, string>(
            ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "NONSENSE", "get"],
            ["/engine", "/engine/", "/engine?x=1", "/Engine", "//engine", "/", "/nothing", "/caller", "/Caller", "/caller/", "/engine/../x", "/%65ngine", "/engine%00", "*", "http://x/engine", "/.well-known/jwks.json", ""]);

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task AnyRequest_IsAnsweredWithKeysOrWithNoJsonObject(string method, string target)
    {
        AssertHarmless(await RawTcp.SayAsync(Gate.KeysAddress, $"{method} {target} HTTP/1.1\r\nHost: keys\r\nConnection: close\r\n\r\n"));
    }

    [Theory]
    [InlineData("GET /engine HTTP/1.1\r\n\r\n")]
    [InlineData("GET /engine HTTP/1.0\r\n\r\n")]
    [InlineData("GET /engine HTTP/9.9\r\nHost: x\r\n\r\n")]
    [InlineData("GET /engine\r\n\r\n")]
    [InlineData("GET /engine HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")]
    [InlineData("GET /engine HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n")]
    [InlineData("GET /engine HTTP/1.1\r\nHost: x\r\nAccept: application/problem+json\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /engine HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /engine HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n")]
    [InlineData("GET /engine HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n")]
    [InlineData("garbage\r\n\r\n")]
    [InlineData("{}\r\n\r\n")]
    public async Task AnyBytes_AreAnsweredWithKeysOrWithNoJsonObject(string text) => AssertHarmless(await RawTcp.SayAsync(Gate.KeysAddress, text));

    [Fact]
    public async Task LongHeaders_AreAnsweredWithNoJsonObject() =>
        AssertHarmless(await RawTcp.SayAsync(Gate.KeysAddress, $"GET /engine HTTP/1.1\r\nHost: x\r\nX-A: {new string('a', 200_000)}\r\n\r\n"));

    [Fact]
    public async Task WithIssuerEngineAndPolicyInTrouble_KeysAreStillServed()
    {
        await using var issuer = await TestIssuer.DownAsync();
        await using var gate = await Gate.StartAsync(new GateSetup { Issuer = issuer });
        gate.Logs.Expect(_ => true);
        await gate.Engine.GoAwayAsync();
        await File.WriteAllTextAsync(gate.PolicyFile, "[", TestContext.Current.CancellationToken);
        await gate.ReloadAsync();
        using var http = new HttpClient();
        Assert.Contains("\"keys\"", await http.GetStringAsync(new Uri($"http://{gate.KeysAddress}/engine"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task KeySet_AfterARestart_StillHasTheKeyThatSigned()
    {
        await using var gate = await Gate.StartAsync();
        await gate.Client.CallAsync("DescribeWorkflowExecution", Infrastructure.Requests.Describe(), gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        var token = new UpstreamToken(gate.Engine.Calls.Single());
        await gate.RestartAsync();
        using var http = new HttpClient();
        var keySet = JsonDocument.Parse(await http.GetStringAsync(new Uri($"http://{gate.KeysAddress}/engine"), TestContext.Current.CancellationToken)).RootElement;
        Assert.True(token.IsSignedBy(keySet));
    }

    private static void AssertHarmless(string said)
    {
        var head = said.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (head < 0)
        {
            // Closed without an answer: a fetch that fails leaves the server's keys as they are.
            return;
        }

        var body = said[(head + 4)..];
        if (said[..head].Contains("chunked", StringComparison.OrdinalIgnoreCase))
        {
            body = string.Concat(body.Split("\r\n").Where((_, i) => i % 2 == 1));
        }

        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                Assert.NotEqual(0, document.RootElement.GetProperty("keys").GetArrayLength());
            }
        }
        catch (JsonException)
        {
            // No JSON: harmless.
        }
    }
}
