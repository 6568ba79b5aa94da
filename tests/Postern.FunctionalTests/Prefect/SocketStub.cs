using System.Threading.Channels;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>One end of an open socket, as a test plays it. Frames in words: <c>Text {…}</c>, <c>Ping abcd</c>, <c>Close 1008 Invalid token</c>, <c>Ended</c>.</summary>
internal sealed class SocketEnd(Stream stream, WireReader reader, bool isClient) : IDisposable
{
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Done when the test has let it go.</summary>
    public Task Over => _over.Task;

    /// <summary>The request by which it was opened.</summary>
    public required WireMessage Request { get; init; }

    /// <summary>What answered that.</summary>
    public required WireMessage Answer { get; init; }

    public static async Task<SocketEnd> CallAsync(string address, string target, string? protocol = "prefect", params (string Name, string Value)[] headers)
    {
        var (end, answer) = await TryCallAsync(address, target, protocol, headers);
        Assert.Equal(101, answer.Status);
        return end!;
    }

    /// <summary>Asks for a socket, and takes whatever is answered.</summary>
    public static async Task<(SocketEnd? Socket, WireMessage Answer)> TryCallAsync(string address, string target, string? protocol = "prefect", params (string Name, string Value)[] headers)
    {
        using var deadline = Deadline();
        var colon = address.LastIndexOf(':');
        var tcp = new System.Net.Sockets.TcpClient { NoDelay = true };
        await tcp.ConnectAsync(address[..colon], int.Parse(address[(colon + 1)..]), deadline.Token);
        var (stream, key) = (tcp.GetStream(), Convert.ToBase64String(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16)));
        var reader = new WireReader(stream);
        var request = new WireMessage(
            $"GET {target} HTTP/1.1",
            [
                ("Host", WireMessage.Find(headers, "Host") ?? address), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", "13"),
                ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
                .. protocol is null ? [] : new[] { ("Sec-WebSocket-Protocol", protocol) }, .. headers.Where(header => header.Name != "Host"), ("User-Agent", "prefect/3.9.1 (API 0.8.4)"),
            ],
            []);
        await request.WriteAsync(stream, bodiless: true, deadline.Token);
        var answer = await reader.HeadAsync(deadline.Token) ?? throw new EndOfStreamException();
        if (answer.Status != 101)
        {
            answer = answer with { Body = await reader.BodyAsync(answer, untilEnd: true, deadline.Token) };
            tcp.Dispose();
            return (null, answer);
        }

        Assert.Equal(SocketFrame.AcceptOf(key), answer.Header("sec-websocket-accept"));
        return (new SocketEnd(stream, reader, isClient: true) { Request = request, Answer = answer }, answer);
    }

    public async Task SayAsync(string text)
    {
        using var deadline = Deadline();
        await SocketFrame.OfText(text).WriteAsync(stream, isClient, deadline.Token);
    }

    public async Task SayAsync(SocketOpcode opcode, string payload)
    {
        using var deadline = Deadline();
        await new SocketFrame(opcode, System.Text.Encoding.ASCII.GetBytes(payload)).WriteAsync(stream, isClient, deadline.Token);
    }

    public async Task CloseAsync(int code, string reason = "")
    {
        using var deadline = Deadline();
        await new SocketFrame(SocketOpcode.Close, [(byte)(code >> 8), (byte)code, .. System.Text.Encoding.UTF8.GetBytes(reason)]).WriteAsync(stream, isClient, deadline.Token);
    }

    /// <summary>The client's first message with a credential.</summary>
    public Task AuthAsync(string? token) => SayAsync(System.Text.Json.JsonSerializer.Serialize(new { type = "auth", token }));

    public async Task<string> HearAsync()
    {
        using var deadline = Deadline();
        try
        {
            return (await SocketFrame.ReadAsync(reader, masked: !isClient, deadline.Token)).ToString().TrimEnd();
        }
        catch (IOException)
        {
            return "Ended";
        }
    }

    /// <summary>The same, past pings.</summary>
    public async Task<IReadOnlyList<string>> HearAsync(int frames)
    {
        var heard = new List<string>();
        while (heard.Count < frames)
        {
            heard.Add(await HearAsync());
        }

        return heard;
    }

    public void Dispose()
    {
        _over.TrySetResult();
        stream.Dispose();
    }

    private static CancellationTokenSource Deadline()
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(RawHttp2.Deadline);
        return deadline;
    }
}

/// <summary>The sockets of a stand-in server: each one that is opened waits for the test to play it.</summary>
internal sealed class SocketStub
{
    public const string Success = "Text {\"type\":\"auth_success\"}";

    private readonly Channel<SocketEnd> _opened = Channel.CreateUnbounded<SocketEnd>();

    /// <summary>What is answered in place of an upgrade; null: the upgrade.</summary>
    public Func<PrefectAnswer?> Instead { get; set; } = () => null;

    public int Attempts => Volatile.Read(ref _attempts);

    private int _attempts;

    /// <summary>What the server answers: sockets here, everything else by another script.</summary>
    public Func<ArrivedRequest, PrefectAnswer> Beside(Func<ArrivedRequest, PrefectAnswer>? rest = null) => arrived =>
    {
        if (arrived.Message.Header("upgrade") is null)
        {
            return rest?.Invoke(arrived) ?? PrefectAnswer.Json(404, "{}");
        }

        Interlocked.Increment(ref _attempts);
        if (Instead() is { } instead)
        {
            return instead;
        }

        var answer = new WireMessage(
            "HTTP/1.1 101 Switching Protocols",
            [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", SocketFrame.AcceptOf(arrived.Message.Header("sec-websocket-key")!)), ("Sec-WebSocket-Protocol", "prefect")],
            []);
        return PrefectAnswer.Of(answer) with
        {
            Socket = async (stream, reader, cancellation) =>
            {
                var end = new SocketEnd(stream, reader, isClient: false) { Request = arrived.Message, Answer = answer };
                await _opened.Writer.WriteAsync(end, cancellation);
                await end.Over.WaitAsync(cancellation);
            },
        };
    };

    /// <summary>The server's end of the next socket.</summary>
    public async Task<SocketEnd> NextAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(RawHttp2.Deadline);
        return await _opened.Reader.ReadAsync(deadline.Token);
    }

    /// <summary>The server's end of the next socket, past the gate's first message.</summary>
    public async Task<SocketEnd> LetInAsync()
    {
        var end = await NextAsync();
        Assert.StartsWith("Text {\"type\":\"auth\"", await end.HearAsync());
        await end.SayAsync("{\"type\":\"auth_success\"}");
        return end;
    }

    /// <summary>Client and server past their first messages.</summary>
    public Task<(SocketEnd Client, SocketEnd Server)> OpenAsync(PrefectGate gate, string target, string user) => OpenWithAsync(gate, target, gate.Gate.Issuer.Token(user));

    /// <summary>The same with a credential.</summary>
    public async Task<(SocketEnd Client, SocketEnd Server)> OpenWithAsync(PrefectGate gate, string target, string credential)
    {
        var client = await SocketEnd.CallAsync(gate.Address, target);
        await client.AuthAsync("u:" + credential);
        var server = await LetInAsync();
        Assert.Equal(Success, await client.HearAsync());
        return (client, server);
    }
}
