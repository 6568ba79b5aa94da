using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace Postern.FunctionalTests.Prefect;

/// <summary>One recorded exchange of a file: a <see cref="RecordedRequest"/> or a <see cref="RecordedSocket"/>.</summary>
internal abstract record RecordedExchange(string File, int Seq, int Connection, string Method, string Target, string? Route, IReadOnlyList<(string Name, string Value)> Headers)
{
    /// <summary>A request header of any case; null where there is none.</summary>
    public string? Header(string name) => WireMessage.Find(Headers, name);

    public override string ToString() => $"{File}#{Seq} {Method} {Target}";
}

/// <summary>A request and its answer; no answer where the client went away or the connection was dropped.</summary>
internal sealed record RecordedRequest(
    string File, int Seq, int Connection, string Method, string Target, string? Route, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body, WireMessage? Answer, string? Fault)
    : RecordedExchange(File, Seq, Connection, Method, Target, Route, Headers)
{
    /// <summary>The client went away before its answer.</summary>
    public bool GivenUp => Answer is null && Fault is null;

    public override string ToString() => base.ToString();
}

/// <summary>A socket: its handshake, and its frames in the order in which they passed.</summary>
internal sealed record RecordedSocket(
    string File, int Seq, int Connection, string Target, string? Route, IReadOnlyList<(string Name, string Value)> Headers, WireMessage Handshake, IReadOnlyList<RecordedFrame> Frames, bool ClosedByClient)
    : RecordedExchange(File, Seq, Connection, "GET", Target, Route, Headers)
{
    public override string ToString() => base.ToString();
}

/// <summary>A frame of a socket, with what a message says once unpacked.</summary>
internal sealed record RecordedFrame(bool FromClient, SocketFrame Frame);

/// <summary>Reads the Prefect recordings in <c>tests/captures</c>.</summary>
internal static class RecordedPrefect
{
    public static string Folder { get; } = Path.GetFullPath(Path.Combine(Here(), "../../captures/prefect"));

    /// <summary>Every file, as <c>cli/api</c>, in order of names.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Directory.EnumerateFiles(Folder, "*.jsonl.gz", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Folder, file).Replace('\\', '/')[..^".jsonl.gz".Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The configuration of the server that answered: <c>open</c>, <c>basic-auth</c>, <c>csrf</c>.</summary>
    public static string ConfigurationOf(string name)
    {
        using var lines = Open(name);
        using var head = JsonDocument.Parse(lines.ReadLine()!);
        return head.RootElement.GetProperty("config").GetString()!.Split(' ')[0];
    }

    public static IEnumerable<RecordedExchange> Read(string name)
    {
        using var lines = Open(name);
        while (lines.ReadLine() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            var entry = document.RootElement;
            if (entry.TryGetProperty("ws", out _))
            {
                yield return Socket(name, entry);
            }
            else if (entry.TryGetProperty("method", out _))
            {
                yield return Request(name, entry);
            }
        }
    }

    private static RecordedRequest Request(string name, JsonElement entry)
    {
        var (request, answer) = (entry.GetProperty("req"), entry.GetProperty("res"));
        return new RecordedRequest(
            name, Number(entry, "seq"), Number(entry, "conn"), Text(entry, "method")!, Text(entry, "target")!, Text(entry, "route"), Pairs(request), Whole(request),
            answer.ValueKind == JsonValueKind.Null ? null : new WireMessage($"HTTP/1.1 {Number(answer, "status")} {Text(answer, "reason")}", Pairs(answer), Whole(answer)),
            Text(entry, "fault"));
    }

    private static RecordedSocket Socket(string name, JsonElement entry)
    {
        var (request, answer) = (entry.GetProperty("handshake").GetProperty("req"), entry.GetProperty("handshake").GetProperty("res"));
        return new RecordedSocket(
            name, Number(entry, "seq"), Number(entry, "conn"), Text(entry, "target")!, Text(entry, "route"), Pairs(request),
            new WireMessage($"HTTP/1.1 {Number(answer, "status")} {Text(answer, "reason")}", Pairs(answer), []),
            [.. entry.GetProperty("frames").EnumerateArray().Select(Frame)],
            Text(entry.GetProperty("close"), "by") == "c");
    }

    private static RecordedFrame Frame(JsonElement frame) =>
        new(Text(frame, "dir") == "c", new SocketFrame(Enum.Parse<SocketOpcode>(Text(frame, "op")!, ignoreCase: true), frame.GetProperty("data").GetBytesFromBase64()));

    // What the recording left out is made up again: of the same length, and readable where it was cut inside JSON.
    private static byte[] Whole(JsonElement side)
    {
        var kept = side.GetProperty("body") is { ValueKind: JsonValueKind.String } body ? body.GetBytesFromBase64() : [];
        var length = side.TryGetProperty("len", out var len) ? len.GetInt32() : kept.Length;
        var whole = new byte[length];
        whole.AsSpan().Fill((byte)'m');
        kept.AsSpan().CopyTo(whole);
        if (kept.Length < length && kept.Length > 0 && kept[0] is (byte)'{' or (byte)'[')
        {
            var text = Encoding.Latin1.GetString(kept);
            var open = text.Where(character => character is '{' or '[').Select(character => character == '{' ? '}' : ']').Reverse();
            // The cut is inside a string in each of them.
            Encoding.Latin1.GetBytes('"' + string.Concat(open)).CopyTo(whole.AsSpan(length - 1 - open.Count()));
        }

        return whole;
    }

    private static StreamReader Open(string name) => new(new GZipStream(File.OpenRead(Path.Combine(Folder, name + ".jsonl.gz")), CompressionMode.Decompress));

    private static int Number(JsonElement of, string name) => of.GetProperty(name).GetInt32();

    private static string? Text(JsonElement of, string name) => of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static IReadOnlyList<(string, string)> Pairs(JsonElement side) => [.. side.GetProperty("headers").EnumerateArray().Select(pair => (pair[0].GetString()!, pair[1].GetString()!))];

    private static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
