using Google.Protobuf;
using Postern.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>What a worker and a client see of the engine over the wire, beyond what was recorded.</summary>
public sealed class WorkTests
{
    private const string Space = "payments";

    [Fact]
    public async Task Workflows_AThousandAtOnce_AllComplete()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        Task[] worker = [.. Enumerable.Range(0, 20).Select(_ => WorkAsync(client, stop.Token)), .. Enumerable.Range(0, 20).Select(_ => ActAsync(client, stop.Token))];
        var workflows = Enumerable.Range(0, 1000).Select(i => ExecuteAsync(client, "w" + i)).ToArray();

        var ends = await Task.WhenAll(workflows);

        Assert.All(ends, end => Assert.Equal(EventType.WorkflowExecutionCompleted, end));
        var counted = await client.OkAsync<CountWorkflowExecutionsResponse>(
            "CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = Space, Query = "ExecutionStatus='Completed'" });
        Assert.Equal(1000, counted.Count);
        await stop.CancelAsync();
        await Task.WhenAll(worker);
    }

    [Fact]
    public async Task Poll_WhenWorkerIsGone_DoesNotLoseTheTask()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        using (var gone = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken))
        {
            var poll = client.CallAsync("PollWorkflowTaskQueue", Poll().ToByteArray(), null, gone.Token, ("grpc-timeout", "60S"));
            await Eventually.AnswersAsync(() => PollersAsync(client), pollers => pollers == 1);
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => poll);
        }

        // The engine hears of the reset on its own time; a task started after that goes to whoever polls next.
        await client.AskAsync("GetSystemInfo");
        await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", Start("lonely"));
        var task = await client.OkAsync<PollWorkflowTaskQueueResponse>("PollWorkflowTaskQueue", Poll());

        Assert.Equal("lonely", task.WorkflowExecution.WorkflowId);
    }

    [Fact]
    public async Task Connection_OfAge_IsToldToGoAndKeepsItsOpenCall()
    {
        await using var engine = await EngineCalls.StartAsync(new DevEngineOptions { MaxConnectionAge = TimeSpan.FromMilliseconds(300) });
        await using var connection = await RawHttp2.ConnectAsync(engine.Address.ToString());
        var poll = connection.CallAsync(
            RawHttp2.CallHeaders(GrpcClient.WorkflowService + "PollWorkflowTaskQueue", null, ("grpc-timeout", "20S")), GrpcFrame.Of(Poll().ToByteArray()));

        Assert.Equal(0, await connection.GoAway.WaitAsync(RawHttp2.Deadline, TestContext.Current.CancellationToken));
        using var client = new GrpcClient(engine.Address.ToString());
        await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", Start("late"));
        var answer = await poll;

        Assert.Equal(0, answer.Status);
        Assert.Equal("late", PollWorkflowTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body)).WorkflowExecution.WorkflowId);
    }

    [Fact]
    public async Task History_InPages_IsWhole()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", Start("long"));
        for (var i = 0; i < 10; i++)
        {
            await client.OkAsync<SignalWorkflowExecutionResponse>("SignalWorkflowExecution", Signal("long", i));
        }

        var forward = new List<long>();
        var token = ByteString.Empty;
        do
        {
            var page = await client.OkAsync<GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", new GetWorkflowExecutionHistoryRequest
            {
                Namespace = Space, Execution = new WorkflowExecution { WorkflowId = "long" }, MaximumPageSize = 5, NextPageToken = token,
            });
            Assert.InRange(page.History.Events.Count, 1, 5);
            forward.AddRange(page.History.Events.Select(e => e.EventId));
            token = page.NextPageToken;
        }
        while (!token.IsEmpty);

        var backward = new List<long>();
        do
        {
            var page = await client.OkAsync<GetWorkflowExecutionHistoryReverseResponse>("GetWorkflowExecutionHistoryReverse", new GetWorkflowExecutionHistoryReverseRequest
            {
                Namespace = Space, Execution = new WorkflowExecution { WorkflowId = "long" }, MaximumPageSize = 5, NextPageToken = token,
            });
            backward.AddRange(page.History.Events.Select(e => e.EventId));
            token = page.NextPageToken;
        }
        while (!token.IsEmpty);

        Assert.Equal(Enumerable.Range(1, 12).Select(i => (long)i), forward);
        Assert.Equal(forward, Enumerable.Reverse(backward));
    }

    [Fact]
    public async Task History_Waiting_AnswersWithWhatComes()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", Start("awaited"));
        var request = new GetWorkflowExecutionHistoryRequest { Namespace = Space, Execution = new WorkflowExecution { WorkflowId = "awaited" }, WaitNewEvent = true };
        var first = await client.OkAsync<GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", request);
        Assert.Equal(2, first.History.Events.Count);
        request.NextPageToken = first.NextPageToken;
        var second = client.OkAsync<GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", request);
        await client.OkAsync<SignalWorkflowExecutionResponse>("SignalWorkflowExecution", Signal("awaited", 1));

        Assert.Equal(EventType.WorkflowExecutionSignaled, Assert.Single((await second).History.Events).EventType);
        // With nothing new, an empty page comes before the client's deadline, and the token stays good.
        request.NextPageToken = (await second).NextPageToken;
        var none = await client.OkAsync<GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", request, "2S");
        Assert.Empty(none.History.Events);
        Assert.Equal(request.NextPageToken, none.NextPageToken);
    }

    [Fact]
    public async Task Signal_WhileAWorkerHoldsTheTask_ComesAfterIt_AndAnEndMustWait()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", Start("busy"));
        var task = await client.OkAsync<PollWorkflowTaskQueueResponse>("PollWorkflowTaskQueue", Poll());
        await client.OkAsync<SignalWorkflowExecutionResponse>("SignalWorkflowExecution", Signal("busy", 1));

        var refused = await client.AskAsync("RespondWorkflowTaskCompleted", Complete(task));
        Assert.Equal((3, "UnhandledCommand"), (refused.Status, refused.Message));
        var again = await client.OkAsync<PollWorkflowTaskQueueResponse>("PollWorkflowTaskQueue", Poll());
        await client.OkAsync<RespondWorkflowTaskCompletedResponse>("RespondWorkflowTaskCompleted", Complete(again));

        Assert.Equal(
            [EventType.WorkflowExecutionStarted, EventType.WorkflowTaskScheduled, EventType.WorkflowTaskStarted, EventType.WorkflowTaskFailed,
                EventType.WorkflowExecutionSignaled, EventType.WorkflowTaskScheduled, EventType.WorkflowTaskStarted, EventType.WorkflowTaskCompleted,
                EventType.WorkflowExecutionCompleted],
            (await HistoryAsync(client, "busy")).Select(e => e.EventType));
    }

    [Fact]
    public async Task Requests_Repeated_AreOne()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var start = Start("once");
        start.RequestId = "r1";
        var first = await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", start);
        var second = await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", start);
        var signal = Signal("once", 1);
        signal.RequestId = "r2";
        await client.OkAsync<SignalWorkflowExecutionResponse>("SignalWorkflowExecution", signal);
        await client.OkAsync<SignalWorkflowExecutionResponse>("SignalWorkflowExecution", signal);

        Assert.Equal(first.RunId, second.RunId);
        Assert.Single(await HistoryAsync(client, "once"), e => e.EventType == EventType.WorkflowExecutionSignaled);
    }

    private static StartWorkflowExecutionRequest Start(string id) => new()
    {
        Namespace = Space,
        WorkflowId = id,
        WorkflowType = new WorkflowType { Name = "Work" },
        TaskQueue = new TaskQueue { Name = "q" },
    };

    private static SignalWorkflowExecutionRequest Signal(string id, int number) => new()
    {
        Namespace = Space,
        WorkflowExecution = new WorkflowExecution { WorkflowId = id },
        SignalName = "s" + number,
    };

    private static PollWorkflowTaskQueueRequest Poll() => new() { Namespace = Space, TaskQueue = new TaskQueue { Name = "q" }, Identity = "worker" };

    private static RespondWorkflowTaskCompletedRequest Complete(PollWorkflowTaskQueueResponse task) => new()
    {
        TaskToken = task.TaskToken,
        Commands =
        {
            new Command
            {
                CommandType = CommandType.CompleteWorkflowExecution,
                CompleteWorkflowExecutionCommandAttributes = new CompleteWorkflowExecutionCommandAttributes(),
            },
        },
    };

    private static async Task<int> PollersAsync(GrpcClient client) =>
        (await client.OkAsync<DescribeTaskQueueResponse>("DescribeTaskQueue", new DescribeTaskQueueRequest { Namespace = Space, TaskQueue = new TaskQueue { Name = "q" } })).Pollers.Count;

    private static async Task<IEnumerable<HistoryEvent>> HistoryAsync(GrpcClient client, string id) =>
        (await client.OkAsync<GetWorkflowExecutionHistoryResponse>(
            "GetWorkflowExecutionHistory", new GetWorkflowExecutionHistoryRequest { Namespace = Space, Execution = new WorkflowExecution { WorkflowId = id } })).History.Events;

    private static async Task<EventType> ExecuteAsync(GrpcClient client, string id)
    {
        var run = await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", Start(id));
        while (true)
        {
            var history = await client.OkAsync<GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", new GetWorkflowExecutionHistoryRequest
            {
                Namespace = Space,
                Execution = new WorkflowExecution { WorkflowId = id, RunId = run.RunId },
                WaitNewEvent = true,
                HistoryEventFilterType = HistoryEventFilterType.CloseEvent,
            });
            if (history.History.Events.Count > 0)
            {
                return history.History.Events[^1].EventType;
            }
        }
    }

    // A worker in a few lines: an activity first, then the end.
    private static async Task WorkAsync(GrpcClient client, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var polled = await client.CallAsync("PollWorkflowTaskQueue", Poll().ToByteArray(), null, stop, ("grpc-timeout", "20S"));
                var task = PollWorkflowTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(polled.Body));
                if (task.TaskToken.IsEmpty)
                {
                    continue;
                }

                var answer = Complete(task);
                if (task.History.Events.All(e => e.EventType != EventType.ActivityTaskCompleted))
                {
                    answer.Commands.Clear();
                    answer.Commands.Add(new Command
                    {
                        CommandType = CommandType.ScheduleActivityTask,
                        ScheduleActivityTaskCommandAttributes = new ScheduleActivityTaskCommandAttributes
                        {
                            ActivityId = "1",
                            ActivityType = new ActivityType { Name = "Act" },
                            TaskQueue = new TaskQueue { Name = "q" },
                            StartToCloseTimeout = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromMinutes(1)),
                        },
                    });
                }

                await client.OkAsync<RespondWorkflowTaskCompletedResponse>("RespondWorkflowTaskCompleted", answer);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private static async Task ActAsync(GrpcClient client, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var request = new PollActivityTaskQueueRequest { Namespace = Space, TaskQueue = new TaskQueue { Name = "q" }, Identity = "worker" };
                var polled = await client.CallAsync("PollActivityTaskQueue", request.ToByteArray(), null, stop, ("grpc-timeout", "20S"));
                var task = PollActivityTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(polled.Body));
                if (!task.TaskToken.IsEmpty)
                {
                    await client.OkAsync<RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { TaskToken = task.TaskToken });
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }
}
