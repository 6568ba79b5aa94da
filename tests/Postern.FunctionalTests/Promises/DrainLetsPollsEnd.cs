using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>Told to end, the gate takes no new connection, says GOAWAY, and lets open calls end for its grace; then it says that it is draining.</summary>
public sealed class DrainLetsPollsEnd
{
    private const string Poll = GrpcClient.WorkflowService + "PollWorkflowTaskQueue";

    [Fact]
    public async Task PollsOpenAtTheEnd_AreAnsweredWithinTheGrace()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(new GateSetup { Grace = "30s", Script = _ => StubAnswer.Ok([48, 9]) with { Before = _ => release.Task } });
        await using var client = await gate.ConnectAsync();
        var streams = await OpenAsync(gate, client, 20);
        var stopping = gate.StopAsync();
        Assert.Equal(0, await client.GoAway.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<Exception>(gate.ConnectAsync);
        Assert.False(stopping.IsCompleted);
        release.SetResult();
        foreach (var stream in streams)
        {
            var answer = await client.AnswerAsync(stream);
            Assert.Equal(0, answer.Status);
            Assert.Equal([48, 9], GrpcFrame.Message(answer.Body));
        }

        await stopping.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        Assert.Equal(20, gate.Audit.Records().Count(record => record["status"] == "0"));
    }

    [Fact]
    public async Task PollsThatOutlastTheGrace_AreUnavailable()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Grace = "1s", Script = _ => StubAnswer.Never });
        await using var client = await gate.ConnectAsync();
        var streams = await OpenAsync(gate, client, 5);
        await gate.StopAsync().WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        foreach (var stream in streams)
        {
            var answer = await client.AnswerAsync(stream);
            Assert.Equal(GrpcCode.Unavailable, answer.Status);
        }

        Assert.Equal(5, gate.Audit.Records().Count(record => record["refusal"] == "draining"));
        await Eventually.TrueAsync(() => gate.Engine.Open == 0);
    }

    /// <summary>A task that is on its way when the grace ends would be nobody's if it were cut: the engine takes it for handed out.</summary>
    [Fact]
    public async Task TaskWhoseAnswerHasBegun_ArrivesPastTheGraceToo()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task Hold()
        {
            begun.SetResult();
            return release.Task;
        }

        var script = new Queue<StubAnswer>([StubAnswer.Ok([48, 9]) with { Amid = _ => Hold() }, StubAnswer.Ok(), StubAnswer.Never]);
        await using var gate = await Gate.StartAsync(new GateSetup { Grace = "1s", Script = _ => script.Dequeue() });
        await using var client = await gate.ConnectAsync();
        var task = (await OpenAsync(gate, client, 1))[0];
        await begun.Task.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        // The head of the answer came before the answer to this.
        Assert.Equal(0, (await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), gate.Issuer.Token("root"), TestContext.Current.CancellationToken)).Status);
        var idle = (await OpenAsync(gate, client, 1, already: 1))[0];
        var stopping = gate.StopAsync();
        Assert.Equal(GrpcCode.Unavailable, (await client.AnswerAsync(idle)).Status);
        release.SetResult();

        var answer = await client.AnswerAsync(task);
        Assert.Equal(0, answer.Status);
        Assert.Equal([48, 9], GrpcFrame.Message(answer.Body));
        await stopping.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task WritesUnderWayAtTheEnd_HaveTheirOutcomeOnDisk()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(new GateSetup { Grace = "30s", Script = _ => StubAnswer.Ok() with { Before = _ => release.Task } });
        var call = gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => gate.Engine.Open == 1);
        var stopping = gate.StopAsync();
        release.SetResult();
        Assert.Equal(0, (await call).Status);
        await stopping.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken);
        Assert.Equal("0", Assert.Single(gate.Audit.Records())["status"]);
    }

    private static async Task<List<int>> OpenAsync(Gate gate, RawHttp2 client, int count, int already = 0)
    {
        var streams = new List<int>();
        for (var i = 0; i < count; i++)
        {
            var stream = client.NextStream();
            streams.Add(stream);
            await client.HeadersAsync(stream, RawHttp2.CallHeaders(Poll, gate.Issuer.Token("worker"), ("grpc-timeout", "60S")));
            await client.DataAsync(stream, GrpcFrame.Of(Requests.Poll()));
        }

        await Eventually.TrueAsync(() => gate.Engine.Open == already + count);
        return streams;
    }
}
