using System.Net.Sockets;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>A client's connection that writes requests as they were recorded, header by header.</summary>
internal sealed class PrefectConnection : IDisposable
{
    private readonly TcpClient _tcp;
    private readonly NetworkStream _stream;
    private readonly WireReader _reader;

    private PrefectConnection(TcpClient tcp)
    {
        _tcp = tcp;
        _stream = tcp.GetStream();
        _reader = new WireReader(_stream);
    }

    /// <summary>The server said that it closes after its answer.</summary>
    public bool IsOver { get; private set; }

    public static async Task<PrefectConnection> OpenAsync(string address)
    {
        var colon = address.LastIndexOf(':');
        var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(address[..colon], int.Parse(address[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture), TestContext.Current.CancellationToken);
        return new PrefectConnection(tcp);
    }

    public async Task SendAsync(WireMessage request)
    {
        using var deadline = Deadline();
        await request.WriteAsync(_stream, bodiless: false, deadline.Token);
    }

    /// <summary>The answer, after any interim ones.</summary>
    /// <exception cref="EndOfStreamException">The server closed instead.</exception>
    public async Task<WireMessage> AnswerAsync(string method)
    {
        using var deadline = Deadline();
        while (true)
        {
            var head = await _reader.HeadAsync(deadline.Token) ?? throw new EndOfStreamException("The server closed instead of answering.");
            if (head.Status is >= 100 and < 200 and not 101)
            {
                continue;
            }

            var bodiless = method == "HEAD" || head.Status is 101 or 204 or 304;
            IsOver = head.Header("connection")?.Equals("close", StringComparison.OrdinalIgnoreCase) == true;
            return bodiless ? head : head with { Body = await _reader.BodyAsync(head, untilEnd: true, deadline.Token) };
        }
    }

    public async Task SendAsync(SocketFrame frame)
    {
        using var deadline = Deadline();
        await frame.WriteAsync(_stream, masked: true, deadline.Token);
    }

    /// <summary>The next frame of a socket.</summary>
    /// <exception cref="EndOfStreamException">The server closed.</exception>
    public async Task<SocketFrame> FrameAsync()
    {
        using var deadline = Deadline();
        return await SocketFrame.ReadAsync(_reader, masked: false, deadline.Token);
    }

    /// <summary>Goes away as a client does that was ended: without another word.</summary>
    public void Dispose() => _tcp.Dispose();

    private static CancellationTokenSource Deadline()
    {
        var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(RawHttp2.Deadline);
        return deadline;
    }
}
