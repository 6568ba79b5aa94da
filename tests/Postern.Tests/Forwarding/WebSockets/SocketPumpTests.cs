using System.Net;
using System.Net.Sockets;
using Postern.Forwarding.WebSockets;

namespace Postern.Tests.Forwarding.WebSockets;

public sealed class SocketPumpTests
{
    private const long Limit = 1 << 20;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(777)]
    [InlineData(40_000)]
    public async Task Run_PassesEveryByte_BehindThoseReadBefore(int piece)
    {
        byte[] first = WrittenFrames.Text("before");
        byte[] rest = [.. Enumerable.Range(0, 200).SelectMany(i => WrittenFrames.Of(Opcode.Binary, new byte[i * 7]))];
        var to = new MemoryStream();
        var pump = new SocketPump(new ChunkedStream(rest, () => piece), to, Limit);

        var end = await pump.RunAsync(first, Cancellation, Cancellation);

        Assert.Equal(PumpEnd.Ended, end);
        Assert.Equal([.. first, .. rest], to.ToArray());
        Assert.Equal((201, (long)to.Length), (pump.Track.Messages, pump.Track.Bytes));
    }

    [Fact]
    public async Task Stop_WithinAFrame_WaitsForItsEnd()
    {
        var (near, far) = await PairAsync();
        using var stop = new CancellationTokenSource();
        var to = new MemoryStream();
        var pump = new SocketPump(near, to, Limit);
        var frame = WrittenFrames.Of(Opcode.Binary, new byte[100]);
        var running = pump.RunAsync(default, stop.Token, Cancellation);
        await far.WriteAsync(frame.AsMemory(0, 50), Cancellation);
        await Soon.TrueAsync(() => to.Length == 50);

        await stop.CancelAsync();
        Assert.False(running.IsCompleted);
        await far.WriteAsync(frame.AsMemory(50), Cancellation);

        Assert.Equal(PumpEnd.Stopped, await running);
        Assert.Equal(frame, to.ToArray());
    }

    [Fact]
    public async Task Cut_WithinAFrame_EndsAtOnce()
    {
        var (near, far) = await PairAsync();
        using var cut = new CancellationTokenSource();
        var to = new MemoryStream();
        var pump = new SocketPump(near, to, Limit);
        var running = pump.RunAsync(default, cut.Token, cut.Token);
        await far.WriteAsync(WrittenFrames.Text("abc").AsMemory(0, 4), Cancellation);
        await Soon.TrueAsync(() => to.Length == 4);

        await cut.CancelAsync();

        Assert.Equal(PumpEnd.Stopped, await running);
        Assert.False(pump.Track.AtBoundary);
    }

    [Fact]
    public async Task Run_FrameThatIsTooLong_IsNotPassed()
    {
        var to = new MemoryStream();
        var pump = new SocketPump(new MemoryStream(WrittenFrames.Of(Opcode.Binary, new byte[101])), to, 100);

        Assert.Equal(PumpEnd.TooLarge, await pump.RunAsync(default, Cancellation, Cancellation));
        Assert.Equal(0, to.Length);
    }

    [Fact]
    public async Task Run_IntoWhatTakesNoMore_SaysSo()
    {
        var (near, far) = await PairAsync();
        await near.DisposeAsync();
        await far.DisposeAsync();
        var pump = new SocketPump(new MemoryStream(WrittenFrames.Text("a")), near, Limit);

        Assert.Equal(PumpEnd.Refused, await pump.RunAsync(default, Cancellation, Cancellation));
    }

    [Fact]
    public async Task Run_FromWhatBreaksOff_SaysSo()
    {
        var (near, far) = await PairAsync();
        var pump = new SocketPump(near, new MemoryStream(), Limit);
        // No word of farewell: a reset.
        far.Socket.Close(0);

        Assert.Equal(PumpEnd.Lost, await pump.RunAsync(default, Cancellation, Cancellation));
    }

    private static async Task<(NetworkStream Near, NetworkStream Far)> PairAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.LocalEndpoint, Cancellation);
        return (new NetworkStream(client, ownsSocket: true), new NetworkStream(await listener.AcceptSocketAsync(Cancellation), ownsSocket: true));
    }
}
