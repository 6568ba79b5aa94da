using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>A flow run's whole story is one search of the record by its id: who made it, which worker got it, each state that was asked for, and who ended it.</summary>
public sealed class PrefectStoryIsOneSearch
{
    [Fact]
    public async Task RecordedWorker_AndItsRun()
    {
        await using var gate = await PrefectGate.StartAsync(credential: "{ authString: \"admin:pass\" }");
        string? run = null;
        var states = new List<string>();
        foreach (var recorded in RecordedPrefect.Read("worker/auth-worker").OfType<RecordedRequest>().Where(request => request.Header("upgrade") is null && request.Answer is not null))
        {
            gate.Server.Script = _ => AtTheGate.AnswerOf(recorded);
            var makes = recorded.Target.EndsWith("/create_flow_run", StringComparison.Ordinal);
            var user = makes ? "alice" : recorded.Target.StartsWith("/api/work_pools/", StringComparison.Ordinal) || recorded.Target.Contains("/flow_runs/", StringComparison.Ordinal) ? "worker" : "root";
            using var connection = await PrefectConnection.OpenAsync(gate.Address);
            await connection.SendAsync(AtTheGate.RequestOf(recorded, "Bearer " + gate.Gate.Issuer.Token(user)));
            await connection.AnswerAsync(recorded.Method);
            if (makes)
            {
                using var made = System.Text.Json.JsonDocument.Parse(Plain(recorded.Answer!));
                run = made.RootElement.GetProperty("id").GetString();
            }

            if (recorded.Target == $"/api/flow_runs/{run}/set_state")
            {
                using var asked = System.Text.Json.JsonDocument.Parse(recorded.Body);
                states.Add(asked.RootElement.GetProperty("state").GetProperty("type").GetString()!);
            }
        }

        Assert.NotNull(run);
        gate.Server.Script = _ => PrefectAnswer.Json(201, """{"state":null,"status":"ACCEPT","details":{} }""");
        await gate.SendAsync("POST", $"/api/flow_runs/{run}/set_state", "alice", """{"state":{"type":"CANCELLING","name":"Cancelling"} }""");
        await gate.Gate.StopAsync();

        var story = gate.Gate.Audit.Records().Where(line => line.Text.Contains(run!, StringComparison.Ordinal)).OrderBy(line => line["time"], StringComparer.Ordinal).ToList();
        var first = story[0];
        Assert.Equal(("create_flow_run_from_deployment", "test/alice", run), (first["operation"], first["caller"], first["flowRunId"]));
        Assert.NotNull(first["deploymentId"]);
        var got = Assert.Single(story, line => line["operation"] == "get_scheduled_flow_runs");
        Assert.Equal("test/worker", got["caller"]);
        Assert.NotNull(got["workPool"]);
        var asks = story.Where(line => line["operation"] == "set_flow_run_state").ToList();
        Assert.NotEmpty(states);
        Assert.Equal([.. states, "CANCELLING"], asks.Select(line => line["state"]!.Split(' ')[0]));
        Assert.All(asks.SkipLast(1), line => Assert.Equal(("test/worker", "flow-run.report"), (line["caller"], line["permission"])));
        Assert.Equal(("test/alice", "flow-run.cancel", "write"), (asks[^1]["caller"], asks[^1]["permission"], asks[^1]["class"]));
        Assert.All(asks, line => Assert.Equal(run, line["flowRunId"]));
    }

    private static Stream Plain(WireMessage answer) => answer.Header("content-encoding") == "gzip"
        ? new System.IO.Compression.GZipStream(new MemoryStream(answer.Body), System.IO.Compression.CompressionMode.Decompress)
        : new MemoryStream(answer.Body);
}
