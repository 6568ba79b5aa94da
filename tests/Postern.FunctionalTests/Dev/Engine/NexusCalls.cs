using Google.Protobuf.WellKnownTypes;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>What callers and handlers of Nexus operations send.</summary>
internal static class NexusCalls
{
    public static EndpointSpec Spec(string name, string space, string queue) => new()
    {
        Name = name,
        Target = new EndpointTarget { Worker = new EndpointTarget.Types.Worker { Namespace = space, TaskQueue = queue } },
    };

    public static async Task<Endpoint> EndpointAsync(GrpcClient client, string name, string space, string queue) =>
        (await client.OkAsync<CreateNexusEndpointResponse>(
            GrpcClient.OperatorService + "CreateNexusEndpoint", new CreateNexusEndpointRequest { Spec = Spec(name, space, queue) })).Endpoint;

    public static Command Schedule(Action<ScheduleNexusOperationCommandAttributes>? change = null)
    {
        var attributes = new ScheduleNexusOperationCommandAttributes { Endpoint = "ledger", Service = "books", Operation = "post", Input = EngineWorker.Json("1") };
        change?.Invoke(attributes);
        return new Command { CommandType = CommandType.ScheduleNexusOperation, ScheduleNexusOperationCommandAttributes = attributes };
    }

    public static Command Cancel(long scheduledId) => new()
    {
        CommandType = CommandType.RequestCancelNexusOperation,
        RequestCancelNexusOperationCommandAttributes = new RequestCancelNexusOperationCommandAttributes { ScheduledEventId = scheduledId },
    };

    public static Duration Seconds(double seconds) => Duration.FromTimeSpan(TimeSpan.FromSeconds(seconds));

    /// <summary>Starts the workflow that an operation stands for, as SDKs do: with the operation's callback.</summary>
    public static Task<string> StartAsync(EngineWorker handler, string workflowId, StartOperationRequest operation, Action<StartWorkflowExecutionRequest>? change = null) =>
        handler.StartAsync(workflowId, start =>
        {
            start.RequestId = operation.RequestId;
            start.CompletionCallbacks.Add(Callback(operation, "token-of-" + workflowId));
            change?.Invoke(start);
        });

    public static Temporalio.Api.Common.V1.Callback Callback(StartOperationRequest operation, string token)
    {
        var callback = new Temporalio.Api.Common.V1.Callback.Types.Nexus { Url = operation.Callback };
        callback.Header.Add(operation.CallbackHeader);
        callback.Header["Nexus-Operation-Token"] = token;
        return new Temporalio.Api.Common.V1.Callback { Nexus = callback };
    }

    public static StartOperationResponse Async(string token) =>
        new() { AsyncSuccess = new StartOperationResponse.Types.Async { OperationToken = token } };

    public static Task<RespondNexusTaskCompletedResponse> CompleteAsync(this GrpcClient client, PollNexusTaskQueueResponse task, StartOperationResponse start) =>
        client.OkAsync<RespondNexusTaskCompletedResponse>("RespondNexusTaskCompleted", Completed(task, start));

    public static RespondNexusTaskCompletedRequest Completed(PollNexusTaskQueueResponse task, StartOperationResponse start) =>
        new() { Namespace = "payroll", TaskToken = task.TaskToken, Identity = "handler", Response = new Response { StartOperation = start } };

    public static Task<RespondNexusTaskFailedResponse> FailAsync(this GrpcClient client, PollNexusTaskQueueResponse task, string type) =>
        client.OkAsync<RespondNexusTaskFailedResponse>("RespondNexusTaskFailed", new RespondNexusTaskFailedRequest
        {
            Namespace = "payroll",
            TaskToken = task.TaskToken,
            Failure = new Temporalio.Api.Failure.V1.Failure
            {
                Message = "no luck",
                Source = "test",
                NexusHandlerFailureInfo = new Temporalio.Api.Failure.V1.NexusHandlerFailureInfo { Type = type },
            },
        });
}
