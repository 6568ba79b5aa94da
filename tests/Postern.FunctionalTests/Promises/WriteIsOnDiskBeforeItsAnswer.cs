using System.Collections.Concurrent;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>A write's intent stands in the file when the engine receives it; its outcome stands there when the caller has the answer.</summary>
public sealed class WriteIsOnDiskBeforeItsAnswer
{
    [Theory]
    [InlineData("StartWorkflowExecution")]
    [InlineData("SignalWorkflowExecution")]
    [InlineData("TerminateWorkflowExecution")]
    public async Task Intent_BeforeTheEngine_Outcome_BeforeTheCaller(string method)
    {
        var atTheEngine = new ConcurrentQueue<IReadOnlyList<AuditLine>>();
        Gate? gate = null;
        await using var started = gate = await Gate.StartAsync(new GateSetup
        {
            Script = call =>
            {
                atTheEngine.Enqueue(gate!.Audit.Lines());
                return StubAnswer.Ok();
            },
        });
        var token = gate.Issuer.Token("root");
        for (var i = 0; i < 20; i++)
        {
            var id = $"w-{i}";
            var answer = await gate.Client.CallAsync(method, Message(method, id), token, TestContext.Current.CancellationToken);
            var afterTheAnswer = gate.Audit.Lines();
            Assert.Equal(0, answer.Status);
            Assert.True(atTheEngine.TryDequeue(out var seen));
            var intent = Assert.Single(seen, line => line.IsIntent && line["workflowId"] == id);
            Assert.DoesNotContain(seen, line => !line.IsIntent && line.CallId == intent.CallId);
            var outcome = Assert.Single(afterTheAnswer, line => !line.IsIntent && line.CallId == intent.CallId);
            Assert.Equal(("allow", "0", "test/root"), (outcome["decision"], outcome["status"], outcome["caller"]));
        }
    }

    [Fact]
    public async Task ManyWritersAtOnce_EachHasItsIntentFirst()
    {
        var missing = new ConcurrentQueue<string>();
        Gate? gate = null;
        await using var started = gate = await Gate.StartAsync(new GateSetup
        {
            Script = call =>
            {
                var id = Temporalio.Api.WorkflowService.V1.StartWorkflowExecutionRequest.Parser.ParseFrom(call.Message).WorkflowId;
                if (!gate!.Audit.Lines().Any(line => line.IsIntent && line["workflowId"] == id))
                {
                    missing.Enqueue(id);
                }

                return StubAnswer.Ok();
            },
        });
        var token = gate.Issuer.Token("root");
        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = TestContext.Current.CancellationToken }, async (i, cancellation) =>
        {
            var answer = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(id: $"w-{i}"), token, cancellation);
            Assert.Equal(0, answer.Status);
            Assert.Contains(gate.Audit.Records(), record => record["workflowId"] == $"w-{i}");
        });
        Assert.Empty(missing);
    }

    [Fact]
    public async Task OutcomeThatTheEngineRefused_IsRecordedAsSuch()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = _ => StubAnswer.Error(6, "already%20started") });
        var answer = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        Assert.Equal(GrpcCode.AlreadyExists, answer.Status);
        var outcome = Assert.Single(gate.Audit.Records());
        Assert.Equal(("allow", "6"), (outcome["decision"], outcome["status"]));
        Assert.Null(outcome["refusal"]);
    }

    private static byte[] Message(string method, string id) => method switch
    {
        "StartWorkflowExecution" => Requests.Start(id: id),
        "SignalWorkflowExecution" => Requests.Signal(id: id),
        _ => Requests.Terminate(id: id),
    };
}
