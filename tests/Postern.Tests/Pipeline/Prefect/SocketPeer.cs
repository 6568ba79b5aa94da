using System.Net;
using System.Net.Sockets;
using System.Text;
using Postern.Forwarding.WebSockets;

namespace Postern.Tests.Pipeline.Prefect;

/// <summary>One side of a socket on loopback, as a test plays it.</summary>
internal sealed class SocketPeer(NetworkStream stream, bool isClient) : IDisposable
{
    private readonly FrameReader _reader = new(stream, masked: !isClient, 1 << 20);
    private readonly FrameWriter _writer = new(stream, masks: isClient);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public NetworkStream Stream => stream;

    public static async Task<(NetworkStream Near, NetworkStream Far)> PairAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var near = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await near.ConnectAsync(listener.LocalEndpoint, Cancellation);
        return (new NetworkStream(near, ownsSocket: true), new NetworkStream(await listener.AcceptSocketAsync(Cancellation), ownsSocket: true));
    }

    public ValueTask<bool> SayAsync(string text) => _writer.WriteAsync(Opcode.Text, Encoding.UTF8.GetBytes(text), Cancellation);

    public ValueTask<bool> SayAsync(Opcode opcode, string payload) => _writer.WriteAsync(opcode, Encoding.ASCII.GetBytes(payload), Cancellation);

    public ValueTask<bool> CloseAsync(CloseCode code, string reason = "") => _writer.CloseAsync(code, reason, Cancellation);

    /// <summary>The next frame in words: <c>Text {…}</c>, <c>Ping abcd</c>, <c>Close 1008 Invalid token</c>, <c>Ended</c>.</summary>
    public async Task<string> HearAsync()
    {
        try
        {
            var message = await _reader.ReadAsync(Cancellation);
            return message.Kind == MessageKind.Close
                ? $"Close {(int)message.Code} {(message.Payload.IsEmpty ? "" : Encoding.UTF8.GetString(message.Payload.Span[2..]))}".TrimEnd()
                : $"{message.Kind} {Encoding.UTF8.GetString(message.Payload.Span)}".TrimEnd();
        }
        catch (IOException)
        {
            return "Ended";
        }
    }

    public void Dispose() => stream.Dispose();
}
