using System.Net;
using System.Net.Sockets;
using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>Workers and subscribers hold sockets for weeks, on which nothing passes but pings: each may keep little memory.</summary>
[Trait("Length", "long")]
public sealed class IdleSocketTests
{
    private const int Sockets = 2000;
    private const int MostBytes = 25 * 1024;

    /// <summary>What is measured holds the test's own ends too, and is the more for it.</summary>
    [Theory]
    [InlineData("/api/events/in", "worker", null)]
    [InlineData("/api/events/out", "etl-viewer", "{\"type\":\"filter\",\"filter\":{}}")]
    public async Task TwoThousandIdleSockets_KeepLittleMemoryEach(string target, string user, string? first)
    {
        using var server = new IdleServer();
        await using var gate = await PrefectGate.StartAsync(with: setup => setup with
        {
            OtherEngines = $$"""
                prefect:
                  - { name: main, address: "http://{{server.Address}}", credential: none }
                """,
        });
        var token = gate.Gate.Issuer.Token(user);
        var clients = new List<Socket>(await OpenAsync(gate.Address, target, token, first, 100));
        var before = Live();

        clients.AddRange(await OpenAsync(gate.Address, target, token, first, Sockets));

        var each = (Live() - before) / Sockets;
        Assert.True(each <= MostBytes, $"{each} bytes for each socket");
        TestContext.Current.TestOutputHelper?.WriteLine($"{target}: {each} bytes for each socket");
        // They are all open: each one's ping finds its way to the server and back.
        foreach (var client in clients)
        {
            await client.SendAsync(Frame(0x89, "x"u8), TestContext.Current.CancellationToken);
            Assert.Equal((byte)'x', (await ReadFrameAsync(client)).Single());
        }

        clients.ForEach(client => client.Dispose());
    }

    private static long Live()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private static async Task<List<Socket>> OpenAsync(string address, string target, string token, string? first, int count)
    {
        var open = new List<Socket>();
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPEndPoint.Parse(address), TestContext.Current.CancellationToken);
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: prefect\r\n\r\n"), TestContext.Current.CancellationToken);
            await ReadHeadAsync(socket);
            await socket.SendAsync(Frame(0x81, Encoding.UTF8.GetBytes($$"""{"type":"auth","token":"u:{{token}}"}""")), TestContext.Current.CancellationToken);
            await ReadFrameAsync(socket);
            if (first is not null)
            {
                await socket.SendAsync(Frame(0x81, Encoding.UTF8.GetBytes(first)), TestContext.Current.CancellationToken);
            }

            open.Add(socket);
        }

        return open;
    }

    private static async Task ReadHeadAsync(Socket socket)
    {
        var one = new byte[1];
        for (var ends = 0; ends < 4;)
        {
            Assert.Equal(1, await socket.ReceiveAsync(one, TestContext.Current.CancellationToken));
            ends = one[0] is (byte)'\r' or (byte)'\n' ? ends + 1 : 0;
        }
    }

    private static async Task<byte[]> ReadFrameAsync(Socket socket)
    {
        var head = new byte[2];
        await ReadAsync(socket, head);
        var payload = new byte[head[1]];
        await ReadAsync(socket, payload);
        return payload;
    }

    private static async Task ReadAsync(Socket socket, Memory<byte> to)
    {
        while (!to.IsEmpty)
        {
            var read = await socket.ReceiveAsync(to, TestContext.Current.CancellationToken);
            Assert.NotEqual(0, read);
            to = to[read..];
        }
    }

    // A mask of zeros masks nothing.
    private static byte[] Frame(byte head, ReadOnlySpan<byte> payload) =>
        payload.Length < 126 ? [head, (byte)(0x80 | payload.Length), 0, 0, 0, 0, .. payload] : [head, 0x80 | 126, (byte)(payload.Length >> 8), (byte)payload.Length, 0, 0, 0, 0, .. payload];

    /// <summary>A server that lets everybody in and answers pings, on one thread for all: its ends must not be what is measured.</summary>
    private sealed class IdleServer : IDisposable
    {
        private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);
        private readonly Dictionary<Socket, List<byte>> _open = [];
        private readonly Thread _serving;
        private volatile bool _over;

        public IdleServer()
        {
            _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _listener.Listen(1024);
            _serving = new Thread(Serve) { IsBackground = true };
            _serving.Start();
        }

        public string Address => _listener.LocalEndPoint!.ToString()!;

        public void Dispose()
        {
            _over = true;
            _serving.Join();
            _listener.Dispose();
            foreach (var socket in _open.Keys)
            {
                socket.Dispose();
            }
        }

        private void Serve()
        {
            var buffer = new byte[4096];
            while (!_over)
            {
                if (_listener.Poll(TimeSpan.FromMilliseconds(1), SelectMode.SelectRead))
                {
                    _open[_listener.Accept()] = [];
                }

                foreach (var (socket, unread) in _open.ToList())
                {
                    try
                    {
                        if (socket.Available > 0)
                        {
                            unread.AddRange(buffer.AsSpan(0, socket.Receive(buffer)));
                            Answer(socket, unread);
                        }
                    }
                    catch (Exception e) when (e is SocketException or ObjectDisposedException)
                    {
                        _open.Remove(socket);
                    }
                }
            }
        }

        private static void Answer(Socket socket, List<byte> unread)
        {
            var text = Encoding.Latin1.GetString(unread.ToArray());
            if (text.StartsWith("GET ", StringComparison.Ordinal))
            {
                var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                if (end < 0)
                {
                    return;
                }

                var key = text.Split("Sec-WebSocket-Key: ")[1].Split("\r\n")[0];
                socket.Send(Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {SocketFrame.AcceptOf(key)}\r\nSec-WebSocket-Protocol: prefect\r\n\r\n"));
                unread.RemoveRange(0, end + 4);
            }

            // Heads of two bytes and four of mask.
            while (unread.Count >= 6 && unread.Count >= 6 + (unread[1] & 0x7F) && (unread[1] & 0x7F) < 126)
            {
                var (opcode, length) = (unread[0] & 0x0F, unread[1] & 0x7F);
                var payload = Enumerable.Range(0, length).Select(i => (byte)(unread[6 + i] ^ unread[2 + (i & 3)])).ToArray();
                unread.RemoveRange(0, 6 + length);
                if (opcode == 9)
                {
                    socket.Send([0x8A, (byte)length, .. payload]);
                }
                else if (opcode == 1 && payload.AsSpan().StartsWith("{\"type\":\"auth\""u8))
                {
                    var success = "{\"type\":\"auth_success\"}"u8;
                    socket.Send([0x81, (byte)success.Length, .. success]);
                }
            }

            unread.Capacity = unread.Count;
        }
    }
}
