using Google.Protobuf;
using Postern.Dev.Engine;
using Postern.FunctionalTests.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// Task tokens of an engine that believes them, forged, swapped and used again: through the gate each ends a task at most once, by who may poll its queue. Every attack is followed by
/// the rightful answer, which must still go: nothing was used up.
/// </summary>
public sealed class ForgedTaskTokensComeToNothing : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["user:starter"], role: admin, where: { temporal: "*" } }
          - { who: ["user:refunds"], role: worker, where: { temporal: payments, taskQueue: refunds } }
          - { who: ["user:payouts"], role: worker, where: { temporal: payments, taskQueue: payouts } }
          - { who: ["user:payroll"], role: worker, where: { temporal: payroll } }
        """;

    private DevEngine _engine = null!;
    private Gate _gate = null!;

    public async ValueTask InitializeAsync()
    {
        _engine = await DevEngine.StartAsync(new DevEngineOptions(), CancellationToken.None);
        _gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy, EngineAddresses = $"\"{_engine.Address}\"" });
    }

    public async ValueTask DisposeAsync()
    {
        await _gate.DisposeAsync();
        await _engine.DisposeAsync();
    }

    [Fact]
    public async Task OfAnotherQueuesWorker_IsRefused()
    {
        var mine = await TaskAsync("refunds", "w-1");

        Assert.Equal(GrpcCode.PermissionDenied, await CompleteAsync("payouts", mine));
        Assert.Equal(GrpcCode.PermissionDenied, await CompleteAsync("payroll", mine));
        await EndsOnceAsync("refunds", "w-1", mine);
    }

    [Fact]
    public async Task InAnotherNamespace_IsRefused_EvenToWhoMayAnswerThere()
    {
        var mine = await TaskAsync("refunds", "w-1");
        var theirs = await TaskAsync("payroll", "w-1", "payroll");

        Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("payroll", mine, "payroll"));
        Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("refunds", theirs, "payments"));
        Assert.Equal(GrpcCode.PermissionDenied, await CompleteAsync("refunds", theirs, ""));
        await EndsOnceAsync("refunds", "w-1", mine);
        await EndsOnceAsync("payroll", "w-1", theirs, "payroll");
    }

    /// <summary>The engine's part of one token with the seal of another, of another workflow and of another queue.</summary>
    [Fact]
    public async Task WithTheSealOfAnother_IsRefused()
    {
        var first = await TaskAsync("refunds", "w-1");
        var second = await TaskAsync("refunds", "w-2");
        var theirs = await TaskAsync("payouts", "w-3");
        foreach (var (token, seal) in new[] { (first, second), (second, first), (theirs, first) })
        {
            var (own, _) = Split(token);
            Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("refunds", ByteString.CopyFrom([.. own, .. Split(seal).Seal])));
        }

        await EndsOnceAsync("refunds", "w-1", first);
        await EndsOnceAsync("refunds", "w-2", second);
        await EndsOnceAsync("payouts", "w-3", theirs);
    }

    /// <summary>Made to name another workflow, another attempt, anything: whatever is changed of what the engine would read.</summary>
    [Fact]
    public async Task Edited_IsRefused()
    {
        var mine = await TaskAsync("refunds", "w-1");
        await TaskAsync("payouts", "w-2");
        var edited = Requests.Field(2, "w-2");
        Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("refunds", ByteString.CopyFrom([.. Split(mine).Own, .. edited, .. Split(mine).Seal])));
        Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("refunds", ByteString.CopyFrom([.. mine.Span, .. edited])));
        Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("refunds", ByteString.CopyFrom([.. edited, .. mine.Span])));
        Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("refunds", ByteString.CopyFrom(Split(mine).Own)));
        for (var at = 0; at < mine.Length; at++)
        {
            var changed = mine.ToByteArray();
            changed[at] ^= 1;
            Assert.Equal((at, GrpcCode.InvalidArgument), (at, await CompleteAsync("refunds", ByteString.CopyFrom(changed))));
        }

        await EndsOnceAsync("refunds", "w-1", mine);
    }

    [Fact]
    public async Task SealedElsewhere_IsRefused()
    {
        await using var other = await Gate.StartAsync(new GateSetup { PolicyText = Policy });
        var mine = await TaskAsync("refunds", "w-1");
        var foreign = other.Sealing.Seal(Split(mine).Own, new Postern.Engines.Temporal.TaskFacts(Postern.Engines.Temporal.TaskKind.Workflow, "payments", "refunds"));

        Assert.Equal(GrpcCode.InvalidArgument, await CompleteAsync("refunds", ByteString.CopyFrom(foreign)));
        await EndsOnceAsync("refunds", "w-1", mine);
    }

    [Fact]
    public async Task AsAnotherKindOfTask_IsRefused()
    {
        var mine = await TaskAsync("refunds", "w-1");
        // Queries are handed out as workflow tasks are: that this one isn't a query only the engine can tell.
        Assert.Equal(
            GrpcCode.NotFound,
            (await _gate.Client.AskAsync("RespondQueryTaskCompleted", new RespondQueryTaskCompletedRequest { Namespace = "payments", TaskToken = mine }, _gate.Issuer.Token("refunds"))).Status);
        foreach (var (method, message) in new (string, IMessage)[]
                 {
                     ("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { Namespace = "payments", TaskToken = mine }),
                     ("RespondActivityTaskFailed", new RespondActivityTaskFailedRequest { Namespace = "payments", TaskToken = mine }),
                     ("RespondActivityTaskCanceled", new RespondActivityTaskCanceledRequest { Namespace = "payments", TaskToken = mine }),
                     ("RecordActivityTaskHeartbeat", new RecordActivityTaskHeartbeatRequest { Namespace = "payments", TaskToken = mine }),
                     ("RespondNexusTaskCompleted", new RespondNexusTaskCompletedRequest { Namespace = "payments", TaskToken = mine }),
                     ("RespondNexusTaskFailed", new RespondNexusTaskFailedRequest { Namespace = "payments", TaskToken = mine }),
                 })
        {
            Assert.Equal((method, GrpcCode.InvalidArgument), (method, (await _gate.Client.AskAsync(method, message, _gate.Issuer.Token("refunds"))).Status));
        }

        await EndsOnceAsync("refunds", "w-1", mine);
    }

    private async Task<ByteString> TaskAsync(string queue, string id, string ns = "payments")
    {
        var started = await _gate.Client.CallAsync(
            "StartWorkflowExecution", Requests.Start(ns, queue: queue, id: id), _gate.Issuer.Token("starter"), TestContext.Current.CancellationToken, ("grpc-timeout", "20S"));
        Assert.True(started.Status == 0, started.Message);
        var polled = await _gate.Client.AskAsync(
            "PollWorkflowTaskQueue", new PollWorkflowTaskQueueRequest { Namespace = ns, TaskQueue = new TaskQueue { Name = queue, Kind = TaskQueueKind.Normal } }, _gate.Issuer.Token(queue));
        Assert.True(polled.Status == 0, polled.Message);
        return PollWorkflowTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(polled.Body)).TaskToken;
    }

    private async Task<int> CompleteAsync(string caller, ByteString token, string ns = "payments") => (await _gate.Client.AskAsync(
        "RespondWorkflowTaskCompleted",
        new RespondWorkflowTaskCompletedRequest
        {
            Namespace = ns,
            TaskToken = token,
            Commands = { new Command { CommandType = CommandType.CompleteWorkflowExecution, CompleteWorkflowExecutionCommandAttributes = new() } },
        },
        _gate.Issuer.Token(caller))).Status;

    // The rightful answer goes; the same again finds no task, and the workflow ended once.
    private async Task EndsOnceAsync(string caller, string id, ByteString token, string ns = "payments")
    {
        Assert.Equal(0, await CompleteAsync(caller, token, ns));
        Assert.Equal(GrpcCode.NotFound, await CompleteAsync(caller, token, ns));
        var history = await _gate.Client.AskAsync(
            "GetWorkflowExecutionHistory", new GetWorkflowExecutionHistoryRequest { Namespace = ns, Execution = new WorkflowExecution { WorkflowId = id } }, _gate.Issuer.Token("starter"));
        Assert.Single(
            GetWorkflowExecutionHistoryResponse.Parser.ParseFrom(GrpcFrame.Message(history.Body)).History.Events,
            written => written.EventType is EventType.WorkflowExecutionCompleted or EventType.WorkflowTaskFailed);
    }

    private (byte[] Own, byte[] Seal) Split(ByteString token)
    {
        Assert.NotNull(_gate.Sealing.Open(token.Span, out var length));
        return (token.Span[..length].ToArray(), token.Span[length..].ToArray());
    }
}
