using Google.Protobuf;
using Postern.Dev.Engine.Runs;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Activities that another caller than the worker ends: by the task's token, or by the activity's id.</summary>
public sealed class CompletionFromOutsideTests
{
    private static readonly Payloads Seven = new() { Payloads_ = { EngineWorker.Json("7") } };

    [Theory]
    [InlineData("RespondActivityTaskCompleted", nameof(EventType.ActivityTaskCompleted))]
    [InlineData("RespondActivityTaskFailed", nameof(EventType.ActivityTaskFailed))]
    [InlineData("RespondActivityTaskCanceled", nameof(EventType.ActivityTaskCanceled))]
    [InlineData("RespondActivityTaskCompletedById", nameof(EventType.ActivityTaskCompleted))]
    [InlineData("RespondActivityTaskFailedById", nameof(EventType.ActivityTaskFailed))]
    [InlineData("RespondActivityTaskCanceledById", nameof(EventType.ActivityTaskCanceled))]
    public async Task Activity_EndedByAnotherCaller_IsOver(string method, string end)
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        using var other = new GrpcClient(engine.Address.ToString());
        var worker = new EngineWorker(client, "payments");
        var task = await BegunAsync(worker);
        var beat = await other.OkAsync<RecordActivityTaskHeartbeatByIdResponse>("RecordActivityTaskHeartbeatById", new RecordActivityTaskHeartbeatByIdRequest
        {
            Namespace = "payments", WorkflowId = "w", ActivityId = "a", Details = Seven, Identity = "other",
        });
        Assert.False(beat.CancelRequested);
        if (end == nameof(EventType.ActivityTaskCanceled))
        {
            await CancelAsync(client, worker);
            Assert.True((await other.OkAsync<RecordActivityTaskHeartbeatResponse>(
                "RecordActivityTaskHeartbeat", new RecordActivityTaskHeartbeatRequest { TaskToken = task.TaskToken })).CancelRequested);
        }

        var request = Request(method, task);
        var ended = await other.AskAsync(method, request);
        var again = await other.AskAsync(method, request);

        Assert.True(ended.Status == 0, ended.Message);
        Assert.Equal(GrpcCode.NotFound, again.Status);
        var history = await worker.HistoryAsync("w");
        Assert.Single(history, e => e.EventType == EventType.ActivityTaskStarted);
        Assert.Single(history, e => e.EventType.ToString() == end);
    }

    [Fact]
    public async Task Token_HasTheServersFields_AndUnknownOnesAreIgnored()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var worker = new EngineWorker(client, "payments");
        var task = await BegunAsync(worker);
        var id = (await client.OkAsync<DescribeNamespaceResponse>("DescribeNamespace", new DescribeNamespaceRequest { Namespace = "payments" })).NamespaceInfo.Id;
        var token = TaskToken.Parse(task.TaskToken);
        Assert.Equal((id, "w", task.WorkflowExecution.RunId, 5L, 1, "a"), (token.NamespaceId, token.WorkflowId, token.RunId, token.ScheduledEventId, token.Attempt, token.ActivityId));

        // Field 1000, bytes: what a gate may seal the token with.
        var sealedToken = ByteString.CopyFrom([.. task.TaskToken, 0xc2, 0x3e, 3, 1, 2, 3]);
        await client.OkAsync<RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { TaskToken = sealedToken, Result = Seven });

        Assert.Single(await worker.HistoryAsync("w"), e => e.EventType == EventType.ActivityTaskCompleted);
    }

    [Fact]
    public async Task Token_OfAnotherNamespace_IsRefused_AndOneWithoutTheMessagesIsItsOwn()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var task = await BegunAsync(new EngineWorker(client, "payments"));

        var swapped = await client.AskAsync("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { Namespace = "payroll", TaskToken = task.TaskToken });
        var empty = await client.AskAsync("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { TaskToken = task.TaskToken });

        Assert.Equal((3, "Operation requested with a token from a different namespace."), (swapped.Status, swapped.Message));
        Assert.Equal(0, empty.Status);
    }

    private static async Task<PollActivityTaskQueueResponse> BegunAsync(EngineWorker worker)
    {
        await worker.StartAsync("w");
        await worker.AnswerAsync(new Command
        {
            CommandType = CommandType.ScheduleActivityTask,
            ScheduleActivityTaskCommandAttributes = new ScheduleActivityTaskCommandAttributes
            {
                ActivityId = "a",
                ActivityType = new ActivityType { Name = "Act" },
                TaskQueue = new TaskQueue { Name = "q" },
                StartToCloseTimeout = Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(TimeSpan.FromMinutes(1)),
            },
        });
        return await worker.ActivityAsync();
    }

    private static async Task CancelAsync(GrpcClient client, EngineWorker worker)
    {
        await client.OkAsync<SignalWorkflowExecutionResponse>("SignalWorkflowExecution", new SignalWorkflowExecutionRequest
        {
            Namespace = "payments", WorkflowExecution = new WorkflowExecution { WorkflowId = "w" }, SignalName = "stop",
        });
        await worker.AnswerAsync(new Command
        {
            CommandType = CommandType.RequestCancelActivityTask,
            RequestCancelActivityTaskCommandAttributes = new RequestCancelActivityTaskCommandAttributes { ScheduledEventId = 5 },
        });
    }

    private static IMessage Request(string method, PollActivityTaskQueueResponse task)
    {
        var failure = new Failure { Message = "no", ApplicationFailureInfo = new ApplicationFailureInfo { NonRetryable = true } };
        return method switch
        {
            "RespondActivityTaskCompleted" => new RespondActivityTaskCompletedRequest { Namespace = "payments", TaskToken = task.TaskToken, Result = Seven, Identity = "other" },
            "RespondActivityTaskFailed" => new RespondActivityTaskFailedRequest { Namespace = "payments", TaskToken = task.TaskToken, Failure = failure, Identity = "other" },
            "RespondActivityTaskCanceled" => new RespondActivityTaskCanceledRequest { Namespace = "payments", TaskToken = task.TaskToken, Identity = "other" },
            "RespondActivityTaskCompletedById" => new RespondActivityTaskCompletedByIdRequest { Namespace = "payments", WorkflowId = "w", ActivityId = "a", Result = Seven },
            "RespondActivityTaskFailedById" => new RespondActivityTaskFailedByIdRequest { Namespace = "payments", WorkflowId = "w", ActivityId = "a", Failure = failure },
            _ => new RespondActivityTaskCanceledByIdRequest { Namespace = "payments", WorkflowId = "w", ActivityId = "a" },
        };
    }
}
