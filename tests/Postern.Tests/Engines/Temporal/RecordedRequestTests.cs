using System.Buffers;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Framing;
using Postern.Model;
using Postern.Tests.Engines.Temporal.Lens;

namespace Postern.Tests.Engines.Temporal;

/// <summary>Every recorded request of every client, read by the lens and by Google.Protobuf. What isn't compared is listed, not skipped.</summary>
public sealed class RecordedRequestTests
{
    private const int Limit = 4 * 1024 * 1024;

    // Streams, and what the server offers beside the API.
    private static readonly string[] s_elsewhere = ["/grpc.health.v1.Health/", "/grpc.reflection.", "/temporal.server.api.adminservice.v1.AdminService/"];

    [Fact]
    public void Read_EveryRecordedRequest_AgreesWithTheParser()
    {
        var (compared, packed) = (0, 0);
        var ofCluster = new List<string>();
        foreach (var (name, call) in Calls())
        {
            var where = $"{name}#{call.GetProperty("seq").GetInt32()} {call.GetProperty("path").GetString()}";
            var (method, body) = (ParserCheck.Catalogue.Find(call.GetProperty("path").GetString()!), Body(call, "req"));
            if (method is null || name.StartsWith("raw/", StringComparison.Ordinal) || IsUnfinished(call))
            {
                Assert.True(method is not null || name.StartsWith("raw/", StringComparison.Ordinal) || Array.Exists(s_elsewhere, e => call.GetProperty("path").GetString()!.StartsWith(e, StringComparison.Ordinal)), where);
                continue;
            }

            using var message = GrpcMessage.Parse(new ReadOnlySequence<byte>(body), Encoding(call), Limit, Limit, out var refusal);
            if (refusal is { Reason: RefusalReason.TooLarge })
            {
                Assert.True(ServerSaid(call, "larger than max"), where);
                continue;
            }

            Assert.True(refusal is null, $"{where}: {refusal?.Text} {refusal?.Detail}");
            var bytes = message.Message.ToArray();
            Assert.Equal(Reference(body), bytes);
            var difference = ParserCheck.Difference(method, bytes, out var isRead);
            Assert.True(isRead && difference is null, $"{where}: {difference}");
            CheckOperation(where, method, bytes, ofCluster);
            compared++;
            packed += message.WasCompressed ? 1 : 0;
        }

        Assert.InRange(compared, 3000, int.MaxValue);
        Assert.InRange(packed, 1000, int.MaxValue);
        // The one scenario that asks for a partition of the server's own on purpose.
        Assert.Equal(["python/errors.jsonl.gz#16 /temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution"], ofCluster);
    }

    // What was sent by hand to see how the server takes it: the gate refuses all that the server's parser refuses.
    [Fact]
    public void Read_EveryHandMadeRequest_IsRefusedWhereTheServerCouldNotReadIt()
    {
        var seen = 0;
        foreach (var (name, call) in Calls().Where(c => c.Name.StartsWith("raw/", StringComparison.Ordinal)))
        {
            if (ParserCheck.Catalogue.Find(call.GetProperty("path").GetString()!) is not { } method || IsUnfinished(call))
            {
                continue;
            }

            using var message = GrpcMessage.Parse(new ReadOnlySequence<byte>(Body(call, "req")), Encoding(call), Limit, Limit, out var refusal);
            if (refusal is null)
            {
                TemporalReader.Read(method, message.Message.ToArray(), out refusal);
            }

            var unreadable = ServerCouldNotRead(call);
            Assert.True(!unreadable || refusal is not null, $"{name}#{call.GetProperty("seq").GetInt32()} {call.GetProperty("note")}");
            seen++;
        }

        Assert.InRange(seen, 10, int.MaxValue);
    }

    [Fact]
    public void Read_EveryRecordedAnswer_FindsTheRunIdThatTheParserFinds()
    {
        var found = 0;
        foreach (var (name, call) in Calls())
        {
            if (call.GetProperty("path").GetString()!.EndsWith("/StartWorkflowExecution", StringComparison.Ordinal) && call.GetProperty("res").ValueKind == JsonValueKind.Object
                && !call.GetProperty("res").TryGetProperty("body_truncated", out _) && Body(call, "res") is { Length: > 5 } body)
            {
                var bytes = Reference(body);
                Assert.Equal(Temporalio.Api.WorkflowService.V1.StartWorkflowExecutionResponse.Parser.ParseFrom(bytes).RunId, TemporalRunIds.Read(ParserCheck.Method("StartWorkflowExecution"), bytes));
                found++;
            }
        }

        Assert.InRange(found, 100, int.MaxValue);
    }

    private static void CheckOperation(string where, TemporalMethod method, byte[] bytes, List<string> ofCluster)
    {
        var operation = TemporalReader.Read(method, bytes, out var refusal);
        var parsed = ParserCheck.Parse(method, bytes)!;
        var field = parsed.Descriptor.FindFieldByName("namespace");
        var ns = (string?)field?.Accessor.GetValue(parsed) ?? "";
        if (operation is null)
        {
            // Real clients send these too: the server refuses them in the same words.
            Assert.True(ns.Length == 0 && refusal?.Reason == RefusalReason.Unreadable, $"{where}: {refusal?.Text}");
            return;
        }

        Assert.True(field is null || string.Equals(ns, operation.First.Namespace ?? "", StringComparison.Ordinal), where);
        Assert.DoesNotContain(Enumerable.Range(0, operation.Count), i => operation[i].Permission is Permission.None);
        if (Enumerable.Range(0, operation.Count).Any(i => operation[i].Permission is Permission.ClusterAdmin))
        {
            ofCluster.Add(where);
        }

        if (method.Row.IsTaskPoll)
        {
            // No real worker's sticky queue looks like a normal one.
            Assert.DoesNotContain(Enumerable.Range(1, operation.Count - 1), i => operation[i].Permission == Permission.WorkerPoll);
        }
    }

    private static bool IsUnfinished(JsonElement call) => call.GetProperty("req").ValueKind != JsonValueKind.Object || call.GetProperty("req").TryGetProperty("body_truncated", out _) || Body(call, "req").Length == 0;

    private static bool ServerCouldNotRead(JsonElement call) => ServerSaid(call, "unmarshalling") || ServerSaid(call, "compressed flag") || ServerSaid(call, "ecompress");

    private static bool ServerSaid(JsonElement call, string words)
    {
        var answer = call.GetProperty("res");
        var pairs = answer.GetProperty("headers").EnumerateArray().Concat(answer.TryGetProperty("trailers", out var trailers) ? trailers.EnumerateArray() : default);
        return pairs.Any(p => p[0].GetString() is "grpc-message" && p[1].GetString()!.Contains(words, StringComparison.Ordinal));
    }

    private static string? Encoding(JsonElement call) =>
        call.GetProperty("req").GetProperty("headers").EnumerateArray().Where(h => h[0].GetString() is "grpc-encoding").Select(h => h[1].GetString()).FirstOrDefault();

    private static byte[] Body(JsonElement call, string side) => call.GetProperty(side).ValueKind == JsonValueKind.Object ? call.GetProperty(side).GetProperty("body").GetBytesFromBase64() : [];

    private static byte[] Reference(byte[] body)
    {
        if (body[0] == 0)
        {
            return body[5..];
        }

        var inflated = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(body, 5, body.Length - 5), CompressionMode.Decompress);
        gzip.CopyTo(inflated);
        return inflated.ToArray();
    }

    private static IEnumerable<(string Name, JsonElement Call)> Calls()
    {
        var folder = Path.GetFullPath(Path.Combine(Here(), "../../../captures/temporal"));
        foreach (var file in Directory.EnumerateFiles(folder, "*.jsonl.gz", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var name = Path.GetRelativePath(folder, file).Replace('\\', '/');
            if (name.StartsWith("connections/", StringComparison.Ordinal))
            {
                continue;
            }

            using var lines = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress));
            while (lines.ReadLine() is { } line)
            {
                using var call = JsonDocument.Parse(line);
                // A command line that made no call has no path.
                if (call.RootElement.TryGetProperty("path", out var path) && path is { ValueKind: JsonValueKind.String } && path.GetString() is { Length: > 0 })
                {
                    yield return (name, call.RootElement.Clone());
                }
            }
        }
    }

    private static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
