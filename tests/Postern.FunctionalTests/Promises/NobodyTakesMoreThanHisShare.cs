using Postern.FunctionalTests.Infrastructure;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>Limits bound each caller by itself, in each engine's own words, and never what a worker needs to live.</summary>
public sealed class NobodyTakesMoreThanHisShare
{
    private const string OfReads = """
        limits:
          rates:
            - { perSecond: 1, burst: 2, calls: [read, write] }
        """;

    [Fact]
    public async Task Prefect_CallerPastItsRate_Is429WithRetryAfter_AndOthersArent()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "[]"), setup => setup with { Extra = OfReads });

        var replies = new List<PrefectReply>();
        for (var i = 0; i < 4; i++)
        {
            replies.Add(await gate.SendAsync("POST", "/api/flows/filter", "bob", "{}"));
        }

        var other = await gate.SendAsync("POST", "/api/flows/filter", "alice", "{}");
        var refused = replies.Where(reply => reply.Status == 429).ToList();
        Assert.NotEmpty(refused);
        Assert.Equal([200, 200], replies[..2].Select(reply => reply.Status));
        Assert.All(refused, reply => Assert.True(int.Parse(reply.Headers["Retry-After"]) >= 1));
        Assert.Equal(200, other.Status);
        await Eventually.TrueAsync(() => gate.Gate.Audit.Records().Any(record => record["refusal"] == "limited" && record["detail"] == "limits.rates[0]"));
    }

    [Fact]
    public async Task Prefect_WorkersPoll_IsntRefusedByWhatItsCallerReads()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "[]"), setup => setup with { Extra = OfReads });
        for (var i = 0; i < 4; i++)
        {
            await gate.SendAsync("POST", "/api/flows/filter", "worker", "{}");
        }

        var poll = await gate.SendAsync("POST", "/api/work_pools/procs/get_scheduled_flow_runs", "worker", "{}");

        Assert.Equal(200, poll.Status);
    }

    [Fact]
    public async Task Prefect_PollPastItsOwnLimit_WaitsAndIsThen503()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Never, setup => setup with { Extra = "limits: { rates: [{ open: 1, calls: [poll] }] }" });
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var first = gate.SendAsync("POST", "/api/work_pools/procs/get_scheduled_flow_runs", "worker", "{}", cancellation: leaving.Token);
        await Eventually.TrueAsync(() => gate.Server.Requests.Count == 1);

        var second = await gate.SendAsync("POST", "/api/work_pools/procs/get_scheduled_flow_runs", "worker", "{}");

        Assert.Equal(503, second.Status);
        Assert.True(int.Parse(second.Headers["Retry-After"]) is >= 1 and <= 5);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
    }

    [Fact]
    public async Task Temporal_CallerPastItsRate_IsResourceExhaustedWithCauseAndScope()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Extra = OfReads });

        var answers = new List<RawAnswer>();
        await using var connection = await gate.ConnectAsync();
        for (var i = 0; i < 4; i++)
        {
            answers.Add(await connection.CallAsync(
                RawHttp2.CallHeaders(GrpcClient.WorkflowService + "DescribeWorkflowExecution", gate.Issuer.Token("alice", "payments")), GrpcFrame.Of(Requests.Describe())));
        }

        var refused = answers.Where(answer => answer.Status == 8).ToList();
        Assert.NotEmpty(refused);
        Assert.All(refused, answer => Assert.Equal(("RpsLimit", "Namespace"), (RawAnswer.Find(answer.Headers, "x-resource-exhausted-cause"), RawAnswer.Find(answer.Headers, "x-resource-exhausted-scope"))));
    }
}
