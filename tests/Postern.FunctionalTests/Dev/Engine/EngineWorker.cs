using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>A client and a worker of one namespace and one task queue, a call at a time: tests say what the worker answers.</summary>
internal sealed class EngineWorker(GrpcClient client, string space, string queue = "q")
{
    public string Space => space;

    public async Task<string> StartAsync(string workflowId, Action<StartWorkflowExecutionRequest>? change = null)
    {
        var request = new StartWorkflowExecutionRequest
        {
            Namespace = space,
            WorkflowId = workflowId,
            WorkflowType = new WorkflowType { Name = "Work" },
            TaskQueue = new TaskQueue { Name = queue },
            RequestId = Guid.NewGuid().ToString(),
        };
        change?.Invoke(request);
        return (await client.OkAsync<StartWorkflowExecutionResponse>("StartWorkflowExecution", request)).RunId;
    }

    public async Task<PollWorkflowTaskQueueResponse> TaskAsync()
    {
        var task = await client.OkAsync<PollWorkflowTaskQueueResponse>(
            "PollWorkflowTaskQueue", new PollWorkflowTaskQueueRequest { Namespace = space, TaskQueue = new TaskQueue { Name = queue }, Identity = "worker" });
        Assert.False(task.TaskToken.IsEmpty, "no workflow task came");
        return task;
    }

    public async Task<PollActivityTaskQueueResponse> ActivityAsync()
    {
        var task = await client.OkAsync<PollActivityTaskQueueResponse>(
            "PollActivityTaskQueue", new PollActivityTaskQueueRequest { Namespace = space, TaskQueue = new TaskQueue { Name = queue }, Identity = "worker" });
        Assert.False(task.TaskToken.IsEmpty, "no activity task came");
        return task;
    }

    public async Task<PollNexusTaskQueueResponse> NexusAsync(string timeout = "30S") => await client.OkAsync<PollNexusTaskQueueResponse>(
        "PollNexusTaskQueue", new PollNexusTaskQueueRequest { Namespace = space, TaskQueue = new TaskQueue { Name = queue }, Identity = "worker" }, timeout);

    /// <summary>Takes the next workflow task and answers it.</summary>
    public async Task<PollWorkflowTaskQueueResponse> AnswerAsync(params Command[] commands)
    {
        var task = await TaskAsync();
        await client.OkAsync<RespondWorkflowTaskCompletedResponse>("RespondWorkflowTaskCompleted", Answer(task, commands));
        return task;
    }

    /// <summary>Takes the next workflow task and answers it with what the engine refuses.</summary>
    public async Task<GrpcResult> AnswerRefusedAsync(params Command[] commands) =>
        await client.AskAsync("RespondWorkflowTaskCompleted", Answer(await TaskAsync(), commands));

    public async Task<IReadOnlyList<HistoryEvent>> HistoryAsync(string workflowId) =>
        (await client.OkAsync<GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", new GetWorkflowExecutionHistoryRequest
        {
            Namespace = space,
            Execution = new WorkflowExecution { WorkflowId = workflowId },
        })).History.Events;

    public static Command Complete(Payload? result = null) => new()
    {
        CommandType = CommandType.CompleteWorkflowExecution,
        CompleteWorkflowExecutionCommandAttributes = new CompleteWorkflowExecutionCommandAttributes
        {
            Result = result is null ? null : new Payloads { Payloads_ = { result } },
        },
    };

    public static Payload Json(string json)
    {
        var payload = new Payload { Data = Google.Protobuf.ByteString.CopyFromUtf8(json) };
        payload.Metadata["encoding"] = Google.Protobuf.ByteString.CopyFromUtf8("json/plain");
        return payload;
    }

    private RespondWorkflowTaskCompletedRequest Answer(PollWorkflowTaskQueueResponse task, Command[] commands) =>
        new() { Namespace = space, TaskToken = task.TaskToken, Identity = "worker", Commands = { commands } };
}
