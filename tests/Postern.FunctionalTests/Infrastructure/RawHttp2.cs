using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>
/// A client that writes HTTP/2 frame by frame, so that it can say what no well-behaved client would. Reads answers in the background, acknowledges SETTINGS and
/// PING, and opens its own windows wide so that flow control never hides what is tested.
/// </summary>
internal sealed class RawHttp2 : IAsyncDisposable
{
    public const byte Data = 0, HeadersType = 1, Priority = 2, RstStream = 3, Settings = 4, Ping = 6, GoAwayType = 7, WindowUpdate = 8, Continuation = 9;
    public const byte EndStream = 1, EndHeaders = 4, Padded = 8;

    /// <summary>No answer within this time fails the test that waits for it; nothing is measured with it.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static readonly byte[] Preface = Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    private readonly TcpClient _tcp;
    private readonly Stream _stream;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentDictionary<int, (RawAnswer Answer, TaskCompletionSource Headers, TaskCompletionSource Done)> _streams = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<int> _goAway = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _settings = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _reading = Task.CompletedTask;
    private readonly SendWindows _windows = new();
    private int _nextStream = -1;
    private int _pingAcks;

    private RawHttp2(TcpClient tcp, Stream stream)
    {
        _tcp = tcp;
        _stream = stream;
    }

    /// <summary>Done when the peer closed the connection.</summary>
    public Task Closed => _closed.Task;

    /// <summary>The error code of the peer's first GOAWAY.</summary>
    public Task<int> GoAway => _goAway.Task;

    /// <summary>Where this client calls from: an address of its own, since failed attempts are counted by address.</summary>
    public required IPAddress Source { get; init; }

    public int PingAcks => Volatile.Read(ref _pingAcks);

    /// <summary>The peer's settings by their numbers, as it said them.</summary>
    public IReadOnlyDictionary<int, uint> PeerSettings { get; private set; } = new Dictionary<int, uint>();

    public static async Task<RawHttp2> ConnectAsync(string address, SslClientAuthenticationOptions? tls = null)
    {
        var colon = address.LastIndexOf(':');
        var source = Loopback.Next();
        var tcp = new TcpClient(new IPEndPoint(source, 0)) { NoDelay = true };
        await tcp.ConnectAsync(address[..colon], int.Parse(address[(colon + 1)..]));
        Stream stream = tcp.GetStream();
        if (tls is not null)
        {
            var secured = new SslStream(stream);
            await secured.AuthenticateAsClientAsync(tls);
            stream = secured;
        }

        var client = new RawHttp2(tcp, stream) { Source = source };
        // No dynamic table, no push, windows wide open.
        var settings = new byte[18];
        Setting(settings, 0, 1, 0);
        Setting(settings, 6, 2, 0);
        Setting(settings, 12, 4, int.MaxValue);
        var window = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(window, int.MaxValue - 65_535);
        await client.WriteAsync((byte[])[.. Preface, .. Frame(Settings, 0, 0, settings), .. Frame(WindowUpdate, 0, 0, window)]);
        client._reading = client.ReadAsync();
        await client._settings.Task.WaitAsync(Deadline);
        return client;
    }

    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        frame[0] = (byte)(payload.Length >> 16);
        frame[1] = (byte)(payload.Length >> 8);
        frame[2] = (byte)payload.Length;
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>The headers of an ordinary gRPC call, in the order in which SDKs write them.</summary>
    public static List<(string Name, string Value)> CallHeaders(string path, string? token = null, params (string, string)[] more) =>
    [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "gate.test"), ("content-type", "application/grpc"), ("te", "trailers"),
        .. token is null ? [] : new[] { ("authorization", "Bearer " + token) },
        .. more,
    ];

    /// <summary>The same over TLS.</summary>
    public static List<(string Name, string Value)> SecureCallHeaders(string path, string? token = null) =>
        [.. CallHeaders(path, token).Select(header => header.Name == ":scheme" ? (":scheme", "https") : header)];

    public int NextStream() => Interlocked.Add(ref _nextStream, 2);

    public async Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        await _writing.WaitAsync();
        try
        {
            await _stream.WriteAsync(bytes);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Writes although the peer may have closed already: floods end that way.</summary>
    public async Task<bool> TryWriteAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await WriteAsync(bytes);
            return true;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    public Task HeadersAsync(int stream, IEnumerable<(string, string)> headers, bool endStream = false) => WriteAsync(HeaderFrames(stream, headers, endStream));

    public Task DataAsync(int stream, ReadOnlyMemory<byte> bytes, bool endStream = true) =>
        WriteAsync(Frame(Data, endStream ? EndStream : (byte)0, stream, bytes.Span));

    public Task ResetAsync(int stream, int code)
    {
        var payload = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, code);
        return WriteAsync(Frame(RstStream, 0, stream, payload));
    }

    /// <summary>One whole call, the body in DATA frames of at most 16 KiB.</summary>
    public async Task<RawAnswer> CallAsync(IEnumerable<(string, string)> headers, ReadOnlyMemory<byte> body)
    {
        var stream = NextStream();
        Expect(stream);
        if (body.Length == 0)
        {
            await HeadersAsync(stream, headers);
            await DataAsync(stream, body);
            return await AnswerAsync(stream);
        }

        await HeadersAsync(stream, headers);
        for (var from = 0; from < body.Length; from += 16_384)
        {
            var piece = body.Slice(from, Math.Min(16_384, body.Length - from));
            if (!await _windows.TakeAsync(stream, piece.Length) || !await TryWriteAsync(Frame(Data, from + piece.Length == body.Length ? EndStream : (byte)0, stream, piece.Span)))
            {
                break;
            }
        }

        return await AnswerAsync(stream);
    }

    /// <summary>The whole answer on a stream: until its end, its reset or the connection's end.</summary>
    public async Task<RawAnswer> AnswerAsync(int stream)
    {
        var (answer, _, done) = Expect(stream);
        await done.Task.WaitAsync(Deadline);
        return answer;
    }

    /// <summary>The answer as soon as its headers are here.</summary>
    public async Task<RawAnswer> AnswerHeadersAsync(int stream)
    {
        var (answer, headers, _) = Expect(stream);
        await headers.Task.WaitAsync(Deadline);
        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _tcp.Dispose();
        await _reading;
        _writing.Dispose();
    }

    /// <summary>HEADERS and as many CONTINUATION frames as the block needs.</summary>
    public static byte[] HeaderFrames(int stream, IEnumerable<(string, string)> headers, bool endStream)
    {
        var block = Hpack.Write(headers);
        using var frames = new MemoryStream();
        for (var from = 0; from == 0 || from < block.Length; from += 16_384)
        {
            var length = Math.Min(16_384, block.Length - from);
            var flags = (from == 0 && endStream ? EndStream : 0) | (from + length == block.Length ? EndHeaders : 0);
            frames.Write(Frame(from == 0 ? HeadersType : Continuation, (byte)flags, stream, block.AsSpan(from, length)));
        }

        return frames.ToArray();
    }

    private static void Setting(Span<byte> settings, int at, short id, int value)
    {
        BinaryPrimitives.WriteInt16BigEndian(settings[at..], id);
        BinaryPrimitives.WriteInt32BigEndian(settings[(at + 2)..], value);
    }

    private (RawAnswer Answer, TaskCompletionSource Headers, TaskCompletionSource Done) Expect(int stream)
    {
        var expected = _streams.GetOrAdd(stream, static _ =>
            (new RawAnswer(), new(TaskCreationOptions.RunContinuationsAsynchronously), new(TaskCreationOptions.RunContinuationsAsynchronously)));
        if (_closed.Task.IsCompleted)
        {
            Close(expected);
        }

        return expected;
    }

    private static void Close((RawAnswer Answer, TaskCompletionSource Headers, TaskCompletionSource Done) stream)
    {
        stream.Answer.Closed |= !stream.Answer.Ended && stream.Answer.Reset is null;
        stream.Headers.TrySetResult();
        stream.Done.TrySetResult();
    }

    private async Task ReadAsync()
    {
        try
        {
            var head = new byte[9];
            var block = new MemoryStream();
            var endsStream = false;
            while (await _stream.ReadAtLeastAsync(head, 9, throwOnEndOfStream: false) == 9)
            {
                var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
                await _stream.ReadExactlyAsync(payload);
                var (type, flags, stream) = (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue);
                switch (type)
                {
                    case HeadersType or Continuation:
                        endsStream = type == HeadersType ? (flags & EndStream) != 0 : endsStream;
                        block.Write(payload);
                        if ((flags & EndHeaders) != 0)
                        {
                            TakeHeaders(stream, Hpack.Read(block.ToArray()), endsStream);
                            block.SetLength(0);
                        }

                        break;
                    case Data:
                        TakeData(stream, payload, (flags & EndStream) != 0);
                        break;
                    case RstStream:
                        _windows.Close(stream);
                        var reset = Expect(stream);
                        reset.Answer.Reset = BinaryPrimitives.ReadInt32BigEndian(payload);
                        reset.Headers.TrySetResult();
                        reset.Done.TrySetResult();
                        break;
                    case Settings when (flags & 1) == 0:
                        PeerSettings = Enumerable.Range(0, payload.Length / 6).ToDictionary(
                            i => (int)BinaryPrimitives.ReadUInt16BigEndian(payload.AsSpan(i * 6)), i => BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan((i * 6) + 2)));
                        _windows.Initial(PeerSettings.TryGetValue(4, out var initial) ? (int)initial : 65_535);
                        _settings.TrySetResult();
                        await TryWriteAsync(Frame(Settings, 1, 0, []));
                        break;
                    case Ping when (flags & 1) == 0:
                        await TryWriteAsync(Frame(Ping, 1, 0, payload));
                        break;
                    case Ping:
                        Interlocked.Increment(ref _pingAcks);
                        break;
                    case WindowUpdate:
                        _windows.Add(stream, BinaryPrimitives.ReadInt32BigEndian(payload));
                        break;
                    case GoAwayType:
                        _goAway.TrySetResult(BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(4)));
                        break;
                    default:
                        break;
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or EndOfStreamException)
        {
            // The peer, or the test, closed: that is an outcome, told by Closed.
        }

        _closed.TrySetResult();
        _windows.Close();
        _settings.TrySetException(new IOException("The peer closed the connection before it sent SETTINGS."));
        foreach (var stream in _streams.Values)
        {
            Close(stream);
        }
    }

    private void TakeHeaders(int stream, IReadOnlyList<(string Name, string Value)> headers, bool endsStream)
    {
        var expected = Expect(stream);
        var answer = expected.Answer;
        if (answer.Headers.Count == 0)
        {
            answer.Headers = headers;
            answer.TrailersOnly = endsStream;
        }
        else
        {
            answer.Trailers = headers;
        }

        expected.Headers.TrySetResult();
        End(stream, expected, endsStream);
    }

    private void TakeData(int stream, byte[] payload, bool endsStream)
    {
        var expected = Expect(stream);
        expected.Answer.Bytes.Write(payload);
        End(stream, expected, endsStream);
    }

    private void End(int id, (RawAnswer Answer, TaskCompletionSource Headers, TaskCompletionSource Done) stream, bool endsStream)
    {
        if (endsStream)
        {
            stream.Answer.Ended = true;
            _windows.Close(id);
            stream.Done.TrySetResult();
        }
    }
}
