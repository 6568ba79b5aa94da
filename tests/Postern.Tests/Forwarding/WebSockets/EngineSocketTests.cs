using System.Net;
using System.Text;
using Postern.Forwarding.WebSockets;
using Postern.Tests.Pipeline.Prefect;

namespace Postern.Tests.Forwarding.WebSockets;

public sealed class EngineSocketTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>RFC 6455 §1.3.</summary>
    [Fact]
    public void Accept_OfTheStandardsExample_IsTheStandards() => Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", SocketOffer.Accept("dGhlIHNhbXBsZSBub25jZQ=="));

    [Fact]
    public async Task Open_SaysWhatStockClientsSay_AndNoExtension()
    {
        var (opening, far) = await StartAsync(request =>
        {
            request.Headers.TryAddWithoutValidation("User-Agent", "prefect/3.9.1 (API 0.8.4)");
            request.Headers.TryAddWithoutValidation("Authorization", "Basic eA==");
        });

        var (head, key) = await HeadAsync(far);
        await SayAsync(far, Good(key));
        var socket = await opening;

        Assert.Equal($"GET /api/events/in?a=%2f HTTP/1.1\r\nHost: prefect:4200\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: prefect\r\nUser-Agent: prefect/3.9.1 (API 0.8.4)\r\nAuthorization: Basic eA==\r\n\r\n", head);
        Assert.Equal(16, Convert.FromBase64String(key).Length);
        Assert.True(socket is { Stream: not null, TookProtocol: true, Fault: null });
    }

    [Fact]
    public async Task Open_WhatComesBehindTheAnswer_IsNotLost()
    {
        var (opening, far) = await StartAsync();
        var (_, key) = await HeadAsync(far);

        await SayAsync(far, Good(key) + "\u0081\u0002hi");
        var socket = await opening;
        using var reader = new FrameReader(socket.Stream!, masked: false, 100, socket.Early);

        Assert.Equal("hi", Encoding.ASCII.GetString((await reader.ReadAsync(Cancellation)).Payload.Span));
    }

    [Fact]
    public async Task Open_AnswerThatComesByteByByte_IsRead()
    {
        var (opening, far) = await StartAsync();
        var (_, key) = await HeadAsync(far);

        foreach (var letter in Good(key))
        {
            await SayAsync(far, letter.ToString());
        }

        Assert.NotNull((await opening).Stream);
    }

    [Theory]
    [InlineData("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 503)]
    [InlineData("HTTP/1.1 403 Forbidden\r\n\r\nno", 403)]
    [InlineData("HTTP/1.1 200\r\n\r\n", 200)]
    public async Task Open_AnotherStatus_IsTold(string answer, int status)
    {
        var (opening, far) = await StartAsync();
        await HeadAsync(far);

        await SayAsync(far, answer);

        Assert.Equal((null, (HttpStatusCode)status), ((await opening).Stream, (await opening).Status));
    }

    [Theory]
    [InlineData("HTTP/1.0 101 Switching Protocols\r\n{good}")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: permessage-deflate\r\n{good}")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: chat\r\n{good}")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nbroken\r\n{good}")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n folded\r\n{good}")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade : h2c\r\n{good}")]
    [InlineData("SSH-2.0-OpenSSH_9.6\r\n\r\n")]
    public async Task Open_AnswerThatIsNone_IsNoSocketAndNoStatus(string answer)
    {
        var (opening, far) = await StartAsync();
        var (_, key) = await HeadAsync(far);

        await SayAsync(far, answer.Replace("{good}", Good(key)[(Good(key).IndexOf('\n', StringComparison.Ordinal) + 1)..], StringComparison.Ordinal));

        var socket = await opening;
        Assert.Equal((null, null), (socket.Stream, socket.Status));
        Assert.NotNull(socket.Fault);
    }

    [Fact]
    public async Task Open_AnswerWithoutEnd_IsGivenUp()
    {
        var (opening, far) = await StartAsync();
        await HeadAsync(far);

        await SayAsync(far, "HTTP/1.1 101 Switching Protocols\r\nA: " + new string('a', 20_000));

        Assert.NotNull((await opening).Fault);
    }

    [Fact]
    public async Task Open_ServerOfBeforeTheHandshake_TookNoProtocol()
    {
        var (opening, far) = await StartAsync();
        var (_, key) = await HeadAsync(far);

        await SayAsync(far, Good(key).Replace("Sec-WebSocket-Protocol: prefect\r\n", "", StringComparison.Ordinal));

        Assert.True((await opening) is { Stream: not null, TookProtocol: false });
    }

    private static string Good(string key) =>
        $"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {SocketOffer.Accept(key)}\r\nSec-WebSocket-Protocol: prefect\r\n\r\n";

    private static async Task<(Task<EngineSocket> Opening, Stream Far)> StartAsync(Action<HttpRequestMessage>? with = null)
    {
        var (near, far) = await SocketPeer.PairAsync();
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri("http://127.0.0.1:1/api/events/in?a=%2f", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Headers.Host = "prefect:4200";
        with?.Invoke(request);
        return (EngineSocket.OpenAsync(near, request, "prefect", Cancellation), far);
    }

    private static async Task<(string Head, string Key)> HeadAsync(Stream far)
    {
        var (head, buffer) = ("", new byte[4096]);
        while (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            var read = await far.ReadAsync(buffer, Cancellation);
            Assert.NotEqual(0, read);
            head += Encoding.ASCII.GetString(buffer, 0, read);
        }

        return (head, head.Split("Sec-WebSocket-Key: ")[1].Split("\r\n")[0]);
    }

    private static async Task SayAsync(Stream far, string text)
    {
        await far.WriteAsync(Encoding.Latin1.GetBytes(text), Cancellation);
        await far.FlushAsync(Cancellation);
    }
}
