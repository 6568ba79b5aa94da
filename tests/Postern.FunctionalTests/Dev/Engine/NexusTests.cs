using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.WorkflowService.V1;
using Failure = Temporalio.Api.Failure.V1.Failure;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Nexus operations between two namespaces, beyond what was recorded: a workflow in payments calls what a worker in payroll handles.</summary>
public sealed class NexusTests
{
    [Theory]
    [InlineData(false, nameof(EventType.NexusOperationFailed))]
    [InlineData(true, nameof(EventType.NexusOperationCanceled))]
    public async Task Operation_ThatItsHandlerEndsBadly_SaysSo(bool canceled, string expected)
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        var failure = new Failure { Message = "overdrawn" };
        if (canceled)
        {
            failure.CanceledFailureInfo = new CanceledFailureInfo();
        }
        else
        {
            failure.ApplicationFailureInfo = new ApplicationFailureInfo { Type = "Overdrawn" };
        }

        await setup.Client.CompleteAsync(await setup.Handler.NexusAsync(), new StartOperationResponse { Failure = failure });

        var ended = Assert.Single(await setup.Caller.HistoryAsync("caller"), e => e.EventType.ToString() == expected);
        var seen = ended.NexusOperationFailedEventAttributes?.Failure ?? ended.NexusOperationCanceledEventAttributes.Failure;
        Assert.Equal(("ledger", "books", "post", 5L, "overdrawn"), (
            seen.NexusOperationExecutionFailureInfo.Endpoint, seen.NexusOperationExecutionFailureInfo.Service, seen.NexusOperationExecutionFailureInfo.Operation,
            seen.NexusOperationExecutionFailureInfo.ScheduledEventId, seen.Cause.Message));
    }

    [Fact]
    public async Task Handler_ThatIsUnavailable_IsAskedAgain_WithTheSameRequest()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule(a => a.NexusHeader["Trace"] = "t-1"));
        var first = await setup.Handler.NexusAsync();
        await setup.Client.FailAsync(first, "UNAVAILABLE");
        var pending = Assert.Single((await setup.DescribeAsync("payments", "caller")).PendingNexusOperations);
        Assert.Equal((PendingNexusOperationState.BackingOff, 1, "no luck"), (pending.State, pending.Attempt, pending.LastAttemptFailure.Message));

        var second = await setup.Handler.NexusAsync();
        await setup.Client.CompleteAsync(second, new StartOperationResponse { SyncSuccess = new StartOperationResponse.Types.Sync { Payload = EngineWorker.Json("2") } });

        Assert.NotEqual(first.TaskToken, second.TaskToken);
        Assert.Equal(first.Request.StartOperation.RequestId, second.Request.StartOperation.RequestId);
        Assert.Equal(("t-1", "temporal://system"), (second.Request.Header["trace"], second.Request.StartOperation.Callback));
        Assert.Single(await setup.Caller.HistoryAsync("caller"), e => e.EventType == EventType.NexusOperationCompleted);
    }

    [Theory]
    [InlineData(nameof(EventType.WorkflowExecutionCompleted), nameof(EventType.NexusOperationCompleted))]
    [InlineData(nameof(EventType.WorkflowExecutionFailed), nameof(EventType.NexusOperationFailed))]
    [InlineData(nameof(EventType.WorkflowExecutionTerminated), nameof(EventType.NexusOperationFailed))]
    [InlineData(nameof(EventType.WorkflowExecutionCanceled), nameof(EventType.NexusOperationCanceled))]
    public async Task AsyncOperation_EndsAsItsWorkflowDoes(string end, string expected)
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        var task = await setup.Handler.NexusAsync();
        await NexusCalls.StartAsync(setup.Handler, "handling", task.Request.StartOperation);
        await setup.Client.CompleteAsync(task, NexusCalls.Async("token-of-handling"));
        Assert.Equal(CallbackState.Standby, Assert.Single((await setup.DescribeAsync("payroll", "handling")).Callbacks).State);

        await setup.EndAsync("handling", end);

        var history = await setup.Caller.HistoryAsync("caller");
        Assert.Equal("token-of-handling", Assert.Single(history, e => e.EventType == EventType.NexusOperationStarted).NexusOperationStartedEventAttributes.OperationToken);
        Assert.Single(history, e => e.EventType.ToString() == expected);
        Assert.Equal(CallbackState.Succeeded, Assert.Single((await setup.DescribeAsync("payroll", "handling")).Callbacks).State);
    }

    [Fact]
    public async Task AsyncOperation_FollowsItsWorkflowThroughItsRuns()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        var task = await setup.Handler.NexusAsync();
        await NexusCalls.StartAsync(setup.Handler, "handling", task.Request.StartOperation);
        await setup.Client.CompleteAsync(task, NexusCalls.Async("t"));

        await setup.Handler.AnswerAsync(new Command
        {
            CommandType = CommandType.ContinueAsNewWorkflowExecution,
            ContinueAsNewWorkflowExecutionCommandAttributes = new ContinueAsNewWorkflowExecutionCommandAttributes(),
        });
        Assert.DoesNotContain(await setup.Caller.HistoryAsync("caller"), e => e.EventType == EventType.NexusOperationCompleted);
        await setup.Handler.AnswerAsync(EngineWorker.Complete(EngineWorker.Json("3")));

        var completed = Assert.Single(await setup.Caller.HistoryAsync("caller"), e => e.EventType == EventType.NexusOperationCompleted);
        Assert.Equal("3", completed.NexusOperationCompletedEventAttributes.Result.Data.ToStringUtf8());
    }

    [Fact]
    public async Task AsyncOperation_ThatEndsBeforeItsStartIsAnswered_IsStartedFirst()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        var task = await setup.Handler.NexusAsync();
        await NexusCalls.StartAsync(setup.Handler, "quick", task.Request.StartOperation);
        await setup.Handler.AnswerAsync(EngineWorker.Complete());

        await setup.Client.CompleteAsync(task, NexusCalls.Async("token-of-quick"));

        var events = (await setup.Caller.HistoryAsync("caller")).Where(e => e.EventType.ToString().StartsWith("Nexus", StringComparison.Ordinal)).ToList();
        Assert.Equal([EventType.NexusOperationScheduled, EventType.NexusOperationStarted, EventType.NexusOperationCompleted], events.Select(e => e.EventType));
        Assert.Equal("token-of-quick", events[1].NexusOperationStartedEventAttributes.OperationToken);
    }

    [Fact]
    public async Task SecondCaller_OfTheSameWorkflow_HearsOfItsEndToo()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule(), NexusCalls.Schedule());
        foreach (var task in new[] { await setup.Handler.NexusAsync(), await setup.Handler.NexusAsync() })
        {
            await NexusCalls.StartAsync(setup.Handler, "shared", task.Request.StartOperation, start =>
            {
                start.WorkflowIdConflictPolicy = WorkflowIdConflictPolicy.UseExisting;
                start.OnConflictOptions = new Temporalio.Api.Workflow.V1.OnConflictOptions { AttachRequestId = true, AttachCompletionCallbacks = true };
            });
            await setup.Client.CompleteAsync(task, NexusCalls.Async("t"));
        }

        await setup.Handler.AnswerAsync(EngineWorker.Complete());

        Assert.Equal(2, (await setup.Caller.HistoryAsync("caller")).Count(e => e.EventType == EventType.NexusOperationCompleted));
    }

    [Fact]
    public async Task Cancel_ReachesTheHandler_OnceItHasStarted()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        var start = await setup.Handler.NexusAsync();
        await setup.WakeAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Cancel(5));
        await NexusCalls.StartAsync(setup.Handler, "handling", start.Request.StartOperation);
        await setup.Client.CompleteAsync(start, NexusCalls.Async("token-of-handling"));

        var cancel = await setup.Handler.NexusAsync();
        Assert.Equal(("books", "post", "token-of-handling"), (
            cancel.Request.CancelOperation.Service, cancel.Request.CancelOperation.Operation, cancel.Request.CancelOperation.OperationToken));
        await setup.Client.OkAsync<RespondNexusTaskCompletedResponse>("RespondNexusTaskCompleted", new RespondNexusTaskCompletedRequest
        {
            Namespace = "payroll", TaskToken = cancel.TaskToken, Response = new Response { CancelOperation = new CancelOperationResponse() },
        });
        await setup.EndAsync("handling", nameof(EventType.WorkflowExecutionCanceled));

        var history = await setup.Caller.HistoryAsync("caller");
        var requested = Assert.Single(history, e => e.EventType == EventType.NexusOperationCancelRequested);
        Assert.Equal(requested.EventId, Assert.Single(history, e => e.EventType == EventType.NexusOperationCancelRequestCompleted).NexusOperationCancelRequestCompletedEventAttributes.RequestedEventId);
        Assert.Single(history, e => e.EventType == EventType.NexusOperationCanceled);
    }

    [Fact]
    public async Task Cancel_ThatTheHandlerRefuses_IsWrittenDown()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        await setup.Client.CompleteAsync(await setup.Handler.NexusAsync(), NexusCalls.Async("t"));
        await setup.Caller.AnswerAsync(NexusCalls.Cancel(5));

        await setup.Client.FailAsync(await setup.Handler.NexusAsync(), "NOT_IMPLEMENTED");

        var failed = Assert.Single(await setup.Caller.HistoryAsync("caller"), e => e.EventType == EventType.NexusOperationCancelRequestFailed);
        Assert.Equal("NOT_IMPLEMENTED", failed.NexusOperationCancelRequestFailedEventAttributes.Failure.Cause.NexusHandlerFailureInfo.Type);
    }

    [Theory]
    [InlineData(nameof(TimeoutType.ScheduleToClose))]
    [InlineData(nameof(TimeoutType.ScheduleToStart))]
    [InlineData(nameof(TimeoutType.StartToClose))]
    public async Task Operation_WithoutEnd_TimesOut(string which)
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule(a =>
        {
            a.ScheduleToCloseTimeout = which == nameof(TimeoutType.ScheduleToClose) ? NexusCalls.Seconds(1) : null;
            a.ScheduleToStartTimeout = which == nameof(TimeoutType.ScheduleToStart) ? NexusCalls.Seconds(1) : null;
            a.StartToCloseTimeout = which == nameof(TimeoutType.StartToClose) ? NexusCalls.Seconds(1) : null;
        }));
        if (which == nameof(TimeoutType.StartToClose))
        {
            await setup.Client.CompleteAsync(await setup.Handler.NexusAsync(), NexusCalls.Async("t"));
            await setup.Caller.AnswerAsync();
        }

        // The next workflow task comes with the time-out.
        var history = (await setup.Caller.TaskAsync()).History.Events;

        var failure = Assert.Single(history, e => e.EventType == EventType.NexusOperationTimedOut).NexusOperationTimedOutEventAttributes.Failure;
        Assert.Equal(which, failure.Cause.TimeoutFailureInfo.TimeoutType.ToString());
        // A request that nobody took is not given out any more.
        Assert.True((await setup.Handler.NexusAsync("4S")).TaskToken.IsEmpty);
    }

    [Fact]
    public async Task Task_AnsweredTwice_OrWithAnothersNamespace_IsRefused()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        var task = await setup.Handler.NexusAsync();
        var answer = NexusCalls.Completed(task, NexusCalls.Async("t"));
        var stolen = answer.Clone();
        stolen.Namespace = "payments";

        var foreign = await setup.Client.AskAsync("RespondNexusTaskCompleted", stolen);
        var first = await setup.Client.AskAsync("RespondNexusTaskCompleted", answer);
        var second = await setup.Client.AskAsync("RespondNexusTaskCompleted", answer);

        Assert.Equal((3, "Operation requested with a token from a different namespace."), (foreign.Status, foreign.Message));
        Assert.Equal((0, 5), (first.Status, second.Status));
    }

    [Fact]
    public async Task Callback_ThatNamesNoOperation_ChangesNothing()
    {
        await using var setup = await Setup.StartAsync();
        await setup.Caller.AnswerAsync(NexusCalls.Schedule());
        var operation = (await setup.Handler.NexusAsync()).Request.StartOperation;
        var other = operation.Clone();
        other.CallbackHeader["temporal-callback-token"] = "{\"v\":1,\"d\":\"AAAA\"}";
        await NexusCalls.StartAsync(setup.Handler, "forger", other);

        await setup.Handler.AnswerAsync(EngineWorker.Complete());

        Assert.DoesNotContain(await setup.Caller.HistoryAsync("caller"), e => e.EventType == EventType.NexusOperationCompleted);
        Assert.Equal(CallbackState.Failed, Assert.Single((await setup.DescribeAsync("payroll", "forger")).Callbacks).State);
    }

    [Fact]
    public async Task Callback_ToElsewhere_IsRefusedAtTheStart()
    {
        await using var setup = await Setup.StartAsync();
        var request = new StartWorkflowExecutionRequest
        {
            Namespace = "payroll",
            WorkflowId = "w",
            WorkflowType = new WorkflowType { Name = "Work" },
            TaskQueue = new Temporalio.Api.TaskQueue.V1.TaskQueue { Name = "q" },
            CompletionCallbacks = { new Callback { Nexus = new Callback.Types.Nexus { Url = "http://127.0.0.1:9/" } } },
        };

        Assert.Equal(3, (await setup.Client.AskAsync("StartWorkflowExecution", request)).Status);
    }

    [Fact]
    public async Task Command_ThatMakesNoSense_FailsTheTask()
    {
        await using var setup = await Setup.StartAsync();

        var header = await setup.Caller.AnswerRefusedAsync(NexusCalls.Schedule(a => a.NexusHeader["Temporal-Principal-Name"] = "eve"));
        var many = await setup.Caller.AnswerRefusedAsync([.. Enumerable.Range(0, 31).Select(_ => NexusCalls.Schedule())]);
        var cancel = await setup.Caller.AnswerRefusedAsync(NexusCalls.Cancel(5));

        Assert.Contains("contains a disallowed header key", header.Message, StringComparison.Ordinal);
        Assert.StartsWith("PendingNexusOperationsLimitExceeded: ", many.Message, StringComparison.Ordinal);
        Assert.StartsWith("BadRequestCancelNexusOperationAttributes: ", cancel.Message, StringComparison.Ordinal);
        Assert.All([header, many, cancel], refused => Assert.Equal(3, refused.Status));
        Assert.DoesNotContain(await setup.Caller.HistoryAsync("caller"), e => e.EventType == EventType.NexusOperationScheduled);
    }

    [Fact]
    public async Task SystemEndpoint_ByDefault_IsRefusedWithoutATrace()
    {
        await using var setup = await Setup.StartAsync();

        var refused = await setup.Caller.AnswerRefusedAsync(NexusCalls.Schedule(a =>
        {
            a.Endpoint = "__temporal_system";
            a.Service = "temporal.api.workflowservice.v1.WorkflowService";
            a.Operation = "SignalWithStartWorkflowExecution";
        }));

        Assert.Equal((12, "SignalWithStart operation is disabled"), (refused.Status, refused.Message));
        Assert.Equal(EventType.WorkflowTaskStarted, (await setup.Caller.HistoryAsync("caller"))[^1].EventType);
    }

    private sealed class Setup : IAsyncDisposable
    {
        private readonly Postern.Dev.Engine.DevEngine engine;

        private Setup(Postern.Dev.Engine.DevEngine engine)
        {
            this.engine = engine;
            Client = new GrpcClient(engine.Address.ToString());
            Caller = new EngineWorker(Client, "payments");
            Handler = new EngineWorker(Client, "payroll", "books");
        }

        public GrpcClient Client { get; }

        public EngineWorker Caller { get; }

        public EngineWorker Handler { get; }

        public static async Task<Setup> StartAsync()
        {
            var setup = new Setup(await EngineCalls.StartAsync());
            await NexusCalls.EndpointAsync(setup.Client, "ledger", "payroll", "books");
            await setup.Caller.StartAsync("caller");
            return setup;
        }

        public Task<DescribeWorkflowExecutionResponse> DescribeAsync(string space, string workflowId) => Client.OkAsync<DescribeWorkflowExecutionResponse>(
            "DescribeWorkflowExecution", new DescribeWorkflowExecutionRequest { Namespace = space, Execution = new WorkflowExecution { WorkflowId = workflowId } });

        /// <summary>Something for the caller to have a workflow task for.</summary>
        public Task<SignalWorkflowExecutionResponse> WakeAsync() => Client.OkAsync<SignalWorkflowExecutionResponse>(
            "SignalWorkflowExecution", new SignalWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = new WorkflowExecution { WorkflowId = "caller" }, SignalName = "s" });

        public async Task EndAsync(string workflowId, string end)
        {
            switch (end)
            {
                case nameof(EventType.WorkflowExecutionTerminated):
                    await Client.OkAsync<TerminateWorkflowExecutionResponse>(
                        "TerminateWorkflowExecution", new TerminateWorkflowExecutionRequest { Namespace = "payroll", WorkflowExecution = new WorkflowExecution { WorkflowId = workflowId } });
                    break;
                case nameof(EventType.WorkflowExecutionFailed):
                    await Handler.AnswerAsync(new Command
                    {
                        CommandType = CommandType.FailWorkflowExecution,
                        FailWorkflowExecutionCommandAttributes = new FailWorkflowExecutionCommandAttributes { Failure = new Failure { Message = "overdrawn" } },
                    });
                    break;
                case nameof(EventType.WorkflowExecutionCanceled):
                    await Handler.AnswerAsync(new Command
                    {
                        CommandType = CommandType.CancelWorkflowExecution,
                        CancelWorkflowExecutionCommandAttributes = new CancelWorkflowExecutionCommandAttributes(),
                    });
                    break;
                default:
                    await Handler.AnswerAsync(EngineWorker.Complete());
                    break;
            }
        }

        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            await engine.DisposeAsync();
        }
    }
}
