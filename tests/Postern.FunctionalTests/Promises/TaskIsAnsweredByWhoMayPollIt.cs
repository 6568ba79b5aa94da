using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>A task's answer comes from who may poll that task: the engine's tokens are neither signed nor do they name a queue, so the gate seals what it hands out.</summary>
public sealed class TaskIsAnsweredByWhoMayPollIt : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["user:refunds"], role: worker, where: { temporal: payments, taskQueue: refunds } }
          - { who: ["user:payouts"], role: worker, where: { temporal: payments, taskQueue: payouts } }
          - { who: ["user:books"], role: worker, where: { temporal: ledger } }
        """;

    private readonly Dictionary<string, IMessage> _answers = new(StringComparer.Ordinal);
    private Gate _gate = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _gate = await Gate.StartAsync(new GateSetup
    {
        PolicyText = Policy,
        Script = call => StubAnswer.Ok(_answers.GetValueOrDefault(call.Operation)?.ToByteArray()),
    });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Fact]
    public async Task ActivityTask_IsAnsweredByItsWorker_AndTheEngineSeesItsOwnToken()
    {
        var token = await PollActivityAsync("refunds", "refunds");

        Assert.NotEqual("engine", token.ToStringUtf8());
        Assert.Equal(0, (await CompleteAsync("refunds", token)).Status);
        var arrived = RespondActivityTaskCompletedRequest.Parser.ParseFrom(_gate.Engine.Calls[^1].Message);
        Assert.Equal(("engine", "payments", "77@worker"), (arrived.TaskToken.ToStringUtf8(), arrived.Namespace, arrived.Identity));
    }

    [Fact]
    public async Task StolenToken_IsRefusedToWhoMayNotPollItsQueue()
    {
        var token = await PollActivityAsync("refunds", "refunds");
        var watch = new Watch(_gate);
        var answer = await CompleteAsync("payouts", token);

        Assert.Equal(GrpcCode.PermissionDenied, answer.Status);
        await watch.RefusedAsync(answer.Message, "not-allowed", GrpcCode.PermissionDenied);
    }

    [Fact]
    public async Task CompletionByAnotherCaller_WhoMayPollTheQueue_Goes()
    {
        await _gate.SetPolicyAsync(Policy + "\n  - { who: [\"user:webhook\"], role: worker, where: { temporal: payments, taskQueue: refunds } }\n");
        Assert.Equal(0, (await CompleteAsync("webhook", await PollActivityAsync("refunds", "refunds"))).Status);
    }

    [Fact]
    public async Task HeartbeatAndFailure_AreHeldToTheSealToo()
    {
        var token = await PollActivityAsync("refunds", "refunds");
        foreach (var (method, message) in new (string, IMessage)[]
                 {
                     ("RecordActivityTaskHeartbeat", new RecordActivityTaskHeartbeatRequest { Namespace = "payments", TaskToken = token }),
                     ("RespondActivityTaskFailed", new RespondActivityTaskFailedRequest { Namespace = "payments", TaskToken = token }),
                     ("RespondActivityTaskCanceled", new RespondActivityTaskCanceledRequest { Namespace = "payments", TaskToken = token }),
                 })
        {
            Assert.Equal(GrpcCode.PermissionDenied, (await CallAsync(method, message, "payouts")).Status);
            Assert.Equal(0, (await CallAsync(method, message, "refunds")).Status);
        }
    }

    [Fact]
    public async Task TokenInAnotherNamespace_OrForAnotherKindOfTask_IsInvalid()
    {
        var token = await PollActivityAsync("refunds", "refunds");
        var watch = new Watch(_gate);

        Assert.Equal(GrpcCode.InvalidArgument, (await CallAsync("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { Namespace = "ledger", TaskToken = token }, "books")).Status);
        Assert.Equal(GrpcCode.InvalidArgument, (await CallAsync("RespondWorkflowTaskCompleted", new RespondWorkflowTaskCompletedRequest { Namespace = "payments", TaskToken = token }, "refunds")).Status);
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task EmptyNamespace_IsTheSealsNamespace()
    {
        var token = await PollActivityAsync("refunds", "refunds");

        Assert.Equal(0, (await CallAsync("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { TaskToken = token }, "refunds")).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await CallAsync("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { TaskToken = token }, "payouts")).Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    public async Task TokenThatNobodySealed_OrThatWasChanged_IsInvalid(string behind)
    {
        var watch = new Watch(_gate);
        var bare = await CompleteAsync("refunds", ByteString.CopyFromUtf8("engine" + behind));
        var changed = await CompleteAsync("refunds", ByteString.CopyFrom([.. _gate.SealedToken(TaskKind.Activity, queue: "refunds").Span, (byte)'x']));

        Assert.Equal((GrpcCode.InvalidArgument, GrpcCode.InvalidArgument), (bare.Status, changed.Status));
        await watch.RefusedAsync(bare.Message, "unreadable", GrpcCode.InvalidArgument);
    }

    [Fact]
    public async Task PackedPoll_GoesOutUnpacked_AndItsTaskIsSealed()
    {
        _answers["PollWorkflowTaskQueue"] = new PollWorkflowTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("engine"), Attempt = 1, History = new() { Events = { new Temporalio.Api.History.V1.HistoryEvent { EventId = 1 } } } };
        await using var client = await _gate.ConnectAsync();
        var answer = await client.CallAsync(
            RawHttp2.CallHeaders(GrpcClient.WorkflowService + "PollWorkflowTaskQueue", _gate.Issuer.Token("refunds"), ("grpc-timeout", "20S"), ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")),
            GrpcFrame.GzipOf(Requests.Poll(queue: "refunds")));

        var arrived = _gate.Engine.Calls.Single();
        Assert.Equal((null, null, (byte)0), (arrived.Header("grpc-encoding"), arrived.Header("grpc-accept-encoding"), arrived.Body[0]));
        Assert.Equal(Requests.Poll(queue: "refunds"), arrived.Message);
        var task = PollWorkflowTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body));
        Assert.Equal((1, 1L), (task.Attempt, task.History.Events.Single().EventId));
        Assert.Equal(new TaskFacts(TaskKind.Workflow, "payments", "refunds"), _gate.Sealing.Open(task.TaskToken.Span, out _));
    }

    [Fact]
    public async Task LongHistory_FlowsBehindItsSealedToken()
    {
        var history = new Temporalio.Api.History.V1.History();
        history.Events.AddRange(Enumerable.Range(1, 3000).Select(i => new Temporalio.Api.History.V1.HistoryEvent { EventId = i, Links = { new Link { WorkflowEvent = new() { WorkflowId = new string('w', 300) } } } }));
        _answers["PollWorkflowTaskQueue"] = new PollWorkflowTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("engine"), History = history };
        var task = PollWorkflowTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message((await CallAsync("PollWorkflowTaskQueue", PollWorkflowTaskQueueRequest.Parser.ParseFrom(Requests.Poll(queue: "refunds")), "refunds")).Body));

        Assert.Equal(history, task.History);
        Assert.Equal("refunds", _gate.Sealing.Open(task.TaskToken.Span, out _)!.TaskQueue);
    }

    [Fact]
    public async Task TasksThatComeWithAnAnswer_AreOfItsQueue()
    {
        _answers["RespondWorkflowTaskCompleted"] = new RespondWorkflowTaskCompletedResponse
        {
            WorkflowTask = new PollWorkflowTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("w"), WorkflowExecutionTaskQueue = new TaskQueue { Name = "refunds" } },
            ActivityTasks = { new PollActivityTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("a"), ActivityId = "7" }, new PollActivityTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("b") } },
        };
        var result = await CallAsync("RespondWorkflowTaskCompleted", new RespondWorkflowTaskCompletedRequest { Namespace = "payments", TaskToken = _gate.SealedToken(TaskKind.Workflow, queue: "refunds") }, "refunds");
        var answer = RespondWorkflowTaskCompletedResponse.Parser.ParseFrom(GrpcFrame.Message(result.Body));

        Assert.Equal(new TaskFacts(TaskKind.Workflow, "payments", "refunds"), _gate.Sealing.Open(answer.WorkflowTask.TaskToken.Span, out _));
        Assert.All(answer.ActivityTasks, task => Assert.Equal(new TaskFacts(TaskKind.Activity, "payments", "refunds"), _gate.Sealing.Open(task.TaskToken.Span, out _)));
        Assert.Equal("7", answer.ActivityTasks[0].ActivityId);
    }

    [Fact]
    public async Task StickyQueue_BelongsToWhoPolledItFirst()
    {
        await _gate.SetPolicyAsync(Policy + "\n  - { who: [\"user:both\"], role: worker, where: { temporal: payments, taskQueue: [refunds, payouts] } }\n");
        const string sticky = "host:3f6e7a9c1b2d4e5f8a7b6c5d4e3f2a1b";

        Assert.Equal(0, (await PollStickyAsync("refunds", "refunds", sticky)).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await PollStickyAsync("payouts", "payouts", sticky)).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await PollStickyAsync("both", "refunds", sticky)).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await PollStickyAsync("both", "payouts", sticky)).Status);
        Assert.Equal(0, (await PollStickyAsync("refunds", "refunds", sticky)).Status);
    }

    /// <summary>Where a run's next tasks are left is where they are handed out: neither on another worker's sticky queue nor on a queue that the worker may not poll.</summary>
    [Fact]
    public async Task NextTasksOfARun_AreLeftOnNoOtherWorkersQueue()
    {
        const string mine = "host:3f6e7a9c1b2d4e5f8a7b6c5d4e3f2a1c";
        const string theirs = "host:3f6e7a9c1b2d4e5f8a7b6c5d4e3f2a1d";
        await PollStickyAsync("refunds", "refunds", mine);
        await PollStickyAsync("payouts", "payouts", theirs);

        foreach (var (sticky, status) in new[] { (mine, 0), ("host:3f6e7a9c1b2d4e5f8a7b6c5d4e3f2a1e", 0), ("refunds", 0), (theirs, GrpcCode.PermissionDenied), ("payouts", GrpcCode.PermissionDenied) })
        {
            var message = new RespondWorkflowTaskCompletedRequest
            {
                Namespace = "payments",
                TaskToken = _gate.SealedToken(TaskKind.Workflow, queue: "refunds"),
                StickyAttributes = new() { WorkerTaskQueue = new TaskQueue { Name = sticky, Kind = TaskQueueKind.Sticky, NormalName = "refunds" } },
            };
            Assert.Equal((sticky, status), (sticky, (await CallAsync("RespondWorkflowTaskCompleted", message, "refunds")).Status));
        }
    }

    [Fact]
    public async Task ControlQueue_BelongsToWhoNamedItFirst()
    {
        await _gate.SetPolicyAsync(Policy + "\n  - { who: [\"user:thief\"], role: worker, where: { temporal: payments } }\n");
        const string announced = "temporal-sys/worker-commands/payments/3f6e7a9c-1b2d-4e5f-8a7b-6c5d4e3f2a1b";
        const string polled = "temporal-sys/worker-commands/payments/4f6e7a9c-1b2d-4e5f-8a7b-6c5d4e3f2a1b";
        // worker_control_task_queue, a field that the SDK's messages may be too old for.
        Task<GrpcResult> Announce(string caller, string queue) => _gate.Client.CallAsync(
            "PollWorkflowTaskQueue", (byte[])[.. Requests.Poll(queue: "refunds"), .. Requests.Field(9, queue)], _gate.Issuer.Token(caller), Cancellation, ("grpc-timeout", "20S"));
        Task<GrpcResult> Poll(string caller, string queue) => CallAsync("PollNexusTaskQueue", new PollNexusTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = queue } }, caller);

        Assert.Equal(0, (await Announce("refunds", announced)).Status);
        Assert.Equal(0, (await Poll("refunds", announced)).Status);
        Assert.Equal(0, (await Poll("refunds", polled)).Status);
        var watch = new Watch(_gate);
        foreach (var queue in new[] { announced, polled })
        {
            await watch.RefusedAsync((await Poll("thief", queue)).Message, "not-allowed", GrpcCode.PermissionDenied);
            await watch.RefusedAsync((await Announce("thief", queue)).Message, "not-allowed", GrpcCode.PermissionDenied);
            await watch.RefusedAsync((await CallAsync("ShutdownWorker", new ShutdownWorkerRequest { Namespace = "payments", TaskQueue = queue }, "thief")).Message, "not-allowed", GrpcCode.PermissionDenied);
            Assert.Equal(0, (await Poll("refunds", queue)).Status);
            watch = new Watch(_gate);
        }

        Assert.Equal(0, (await CallAsync("ShutdownWorker", new ShutdownWorkerRequest { Namespace = "payments", TaskQueue = polled }, "refunds")).Status);
    }

    [Fact]
    public async Task TaskOfAnotherNormalQueue_IsNotHandedOutByAStickyPoll()
    {
        _answers["PollWorkflowTaskQueue"] = new PollWorkflowTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("engine"), WorkflowExecutionTaskQueue = new TaskQueue { Name = "payouts" } };
        var answer = await PollStickyAsync("refunds", "refunds", "host:0f6e7a9c1b2d4e5f8a7b6c5d4e3f2a1b");

        Assert.Equal(GrpcCode.PermissionDenied, answer.Status);
        Assert.Empty(answer.Body);
    }

    private Task<GrpcResult> PollStickyAsync(string caller, string normal, string sticky) => CallAsync(
        "PollWorkflowTaskQueue",
        new PollWorkflowTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = sticky, Kind = TaskQueueKind.Sticky, NormalName = normal }, Identity = "77@worker" },
        caller);

    private async Task<ByteString> PollActivityAsync(string caller, string queue)
    {
        _answers["PollActivityTaskQueue"] = new PollActivityTaskQueueResponse { TaskToken = ByteString.CopyFromUtf8("engine"), ActivityId = "1" };
        var result = await CallAsync("PollActivityTaskQueue", new PollActivityTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = queue }, Identity = "77@worker" }, caller);
        Assert.Equal(0, result.Status);
        return PollActivityTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(result.Body)).TaskToken;
    }

    private Task<GrpcResult> CompleteAsync(string caller, ByteString token) =>
        _gate.Client.CallAsync("RespondActivityTaskCompleted", Requests.CompleteActivity(token), _gate.Issuer.Token(caller), Cancellation);

    private Task<GrpcResult> CallAsync(string method, IMessage message, string caller) =>
        _gate.Client.CallAsync(method, message.ToByteArray(), _gate.Issuer.Token(caller), Cancellation, ("grpc-timeout", "20S"));
}
