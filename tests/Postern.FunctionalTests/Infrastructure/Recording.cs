using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>One recorded call: what a real client sent and what a real server answered.</summary>
internal sealed record RecordedCall(
    string File, int Seq, string Path, IReadOnlyList<(string Name, string Value)> RequestHeaders, byte[] RequestBody, bool RequestTruncated,
    IReadOnlyList<(string Name, string Value)> ResponseHeaders, byte[] ResponseBody, bool ResponseTruncated,
    IReadOnlyList<(string Name, string Value)> Trailers, bool TrailersOnly, string End, bool ResetAfterEnd, string? Note)
{
    public string Operation => Path[(Path.LastIndexOf('/') + 1)..];

    /// <summary>Both directions are complete: the call can be played.</summary>
    public bool IsWhole => End == "ok" && !RequestTruncated && !ResponseTruncated;

    public override string ToString() => $"{File}#{Seq} {Operation}";
}

/// <summary>Reads the recordings in <c>tests/captures</c>.</summary>
internal static class Recording
{
    public static string Folder { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(Here(), "../../captures/temporal"));

    /// <summary>Every gRPC recording, as <c>go/basics</c>, in order of names.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Directory.EnumerateFiles(Folder, "*.jsonl.gz", SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Folder, file).Replace('\\', '/')[..^".jsonl.gz".Length])
            .Where(name => !name.StartsWith("connections/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    public static IEnumerable<RecordedCall> Read(string name)
    {
        using var file = new StreamReader(new GZipStream(File.OpenRead(System.IO.Path.Combine(Folder, name + ".jsonl.gz")), CompressionMode.Decompress));
        while (file.ReadLine() is { } line)
        {
            using var document = JsonDocument.Parse(line);
            var call = document.RootElement;
            // A command that made no call has neither path nor sides.
            if (!call.TryGetProperty("path", out var path) || path.ValueKind != JsonValueKind.String)
            {
                continue;
            }

            var (request, response) = (call.GetProperty("req"), call.GetProperty("res"));
            yield return new RecordedCall(
                name, call.GetProperty("seq").GetInt32(), path.GetString()!, Pairs(request, "headers"), Bytes(request), Truncated(request),
                Pairs(response, "headers"), Bytes(response), Truncated(response), Pairs(response, "trailers"),
                Flag(call, "trailers_only"), call.GetProperty("end").GetString()!, Flag(call, "rst_after_end"),
                call.TryGetProperty("note", out var note) ? note.GetString() : null);
        }
    }

    private static bool Truncated(JsonElement side) => side.ValueKind == JsonValueKind.Object && side.TryGetProperty("body_truncated", out _);

    private static bool Flag(JsonElement call, string name) => call.TryGetProperty(name, out var flag) && flag.ValueKind == JsonValueKind.True;

    private static byte[] Bytes(JsonElement side) =>
        side.ValueKind == JsonValueKind.Object && side.TryGetProperty("body", out var body) && body.ValueKind == JsonValueKind.String ? body.GetBytesFromBase64() : [];

    private static IReadOnlyList<(string, string)> Pairs(JsonElement side, string name) =>
        side.ValueKind == JsonValueKind.Object && side.TryGetProperty(name, out var pairs) && pairs.ValueKind == JsonValueKind.Array
            ? [.. pairs.EnumerateArray().Select(pair => (pair[0].GetString()!, pair[1].GetString()!))]
            : [];

    private static string Here([CallerFilePath] string file = "") => System.IO.Path.GetDirectoryName(file)!;
}
