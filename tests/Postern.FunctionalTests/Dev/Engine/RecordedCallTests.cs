using System.Text;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Common.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Calls that need no worker, sent byte for byte as they were recorded: hand-made oddities, mistakes and refusals get the server's own answers.</summary>
public sealed class RecordedCallTests
{
    [Fact]
    public async Task EdgeCases_SentVerbatim_AreAnsweredAsRecorded()
    {
        // Reflection and AdminService are not part of this engine; the others end by the client's or the connection's end, not by an answer.
        var calls = Recording.Read("raw/edge_cases")
            .Where(c => c.IsWhole && !c.Path.Contains("reflection", StringComparison.Ordinal) && !c.Path.Contains("adminservice", StringComparison.Ordinal))
            .ToList();

        Assert.True(calls.Count >= 48, calls.Count.ToString());
        await AssertSameAsync(calls);
    }

    [Theory]
    [InlineData("python/errors")]
    [InlineData("go/errors")]
    [InlineData("typescript/errors")]
    [InlineData("python/default_server_raw_api_rest")]
    [InlineData("python/visibility")]
    [InlineData("python/lifecycle")]
    [InlineData("cli/operator-namespace")]
    public async Task Refusals_SentVerbatim_AreAnsweredAsRecorded(string name)
    {
        // Only what is refused for what the request itself says; answers that hang on earlier calls belong to the sessions.
        var calls = Recording.Read(name).Where(c => c.IsWhole && IsRefusedForItself(c)).ToList();

        Assert.NotEmpty(calls);
        await AssertSameAsync(calls);
    }

    private static bool IsRefusedForItself(RecordedCall call)
    {
        var all = call.Trailers.Concat(call.ResponseHeaders).ToList();
        var message = RawAnswer.Find(all, "grpc-message") ?? "";
        return RawAnswer.Find(all, "grpc-status") is not (null or "0")
            && !message.Contains("already", StringComparison.Ordinal)
            // The next two hang on what the recorded server had in store, the operations on that or on clusters, which this engine doesn't have.
            && !message.Contains("something went wrong", StringComparison.Ordinal)
            && !message.Contains("task not found", StringComparison.Ordinal)
            && call.Operation is not ("AddOrUpdateRemoteCluster" or "RemoveRemoteCluster" or "UpdateNamespace");
    }

    private static async Task AssertSameAsync(IReadOnlyList<RecordedCall> calls)
    {
        await using var engine = await EngineCalls.StartAsync();
        using (var client = new GrpcClient(engine.Address.ToString()))
        {
            // The recorded server had some: an answer of zero would be an empty message.
            await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", new StartWorkflowExecutionRequest
            {
                Namespace = "payments",
                WorkflowId = "to-be-counted",
                WorkflowType = new WorkflowType { Name = "T" },
                TaskQueue = new TaskQueue { Name = "q" },
            });
        }

        var differences = new List<string>();
        foreach (var call in calls)
        {
            // A connection each: some of these requests are the last that a server would take on theirs.
            await using var client = await RawHttp2.ConnectAsync(engine.Address.ToString());
            var answer = await client.CallAsync(call.RequestHeaders.Select(h => (h.Name, h.Value)), call.RequestBody);
            if (Difference(call, answer) is { } difference)
            {
                differences.Add($"{call} ({call.Note}): {difference}");
            }
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    private static string? Difference(RecordedCall call, RawAnswer answer)
    {
        var recorded = Shape(call.ResponseHeaders, call.Trailers, call.ResponseBody, call.TrailersOnly);
        var ours = Shape(answer.Headers, answer.Trailers, answer.Body, answer.TrailersOnly);
        return recorded == ours ? null : $"recorded {recorded}\n    ours {ours}";
    }

    // Status, words, details, compression and framing; the message itself where it is the same for every server.
    private static string Shape(
        IReadOnlyList<(string Name, string Value)> headers, IReadOnlyList<(string Name, string Value)> trailers, byte[] body, bool trailersOnly)
    {
        var all = trailers.Concat(headers).ToList();
        var shape = new StringBuilder();
        foreach (var name in (string[])[":status", "content-type", "grpc-encoding", "grpc-status", "grpc-message", "grpc-status-details-bin"])
        {
            shape.Append(name).Append('=').Append(Plain(RawAnswer.Find(all, name))).Append(' ');
        }

        shape.Append(trailersOnly ? "trailers only" : "headers and trailers");
        foreach (var (flag, _) in GrpcFrame.Split(body))
        {
            shape.Append(" frame flag ").Append(flag);
        }

        return shape.ToString();
    }

    // Go's protobuf library puts a hard space into its errors, at random: nobody is to rely on their text.
    private static string Plain(string? value) => value is null ? "none" : Uri.UnescapeDataString(value).Replace('\u00a0', ' ');
}
