using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Queues;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Activity tasks: workers poll for them, report on them and answer them, by token or by id.</summary>
internal sealed class ActivityTaskService(EngineState state)
{
    public async Task<PollActivityTaskQueueResponse> PollAsync(PollActivityTaskQueueRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        var until = LongPoll.TaskPoll(state, call);
        if (string.IsNullOrEmpty(request.TaskQueue?.Name))
        {
            throw StartRequests.Invalid("taskQueue is not set");
        }

        var poller = new Poller(request.Identity, call.Principal)
        {
            Capabilities = Capabilities(request),
            InstanceKey = request.WorkerInstanceKey,
        };
        return await state.Enter(null, () => state.Queues.Activity(space.Id, request.TaskQueue.Name).Poll(poller, until, call.Gone))
            ?? new PollActivityTaskQueueResponse();
    }

    public RecordActivityTaskHeartbeatResponse Heartbeat(RecordActivityTaskHeartbeatRequest request, CallContext call) =>
        ByToken(request.TaskToken, call, (run, activity) =>
        {
            run.Activities.Heartbeat(activity, request.Details);
            return new RecordActivityTaskHeartbeatResponse { CancelRequested = activity.CancelRequested };
        });

    public RecordActivityTaskHeartbeatByIdResponse HeartbeatById(RecordActivityTaskHeartbeatByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, call, (run, activity) =>
        {
            run.Activities.Heartbeat(activity, request.Details);
            return new RecordActivityTaskHeartbeatByIdResponse { CancelRequested = activity.CancelRequested };
        });

    public RespondActivityTaskCompletedResponse Complete(RespondActivityTaskCompletedRequest request, CallContext call) =>
        ByToken(request.TaskToken, call, (run, activity) =>
        {
            run.Activities.Complete(activity, request.Result, request.Identity);
            return new RespondActivityTaskCompletedResponse();
        });

    public RespondActivityTaskCompletedByIdResponse CompleteById(RespondActivityTaskCompletedByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, call, (run, activity) =>
        {
            run.Activities.Complete(activity, request.Result, request.Identity);
            return new RespondActivityTaskCompletedByIdResponse();
        });

    public RespondActivityTaskFailedResponse Fail(RespondActivityTaskFailedRequest request, CallContext call) =>
        ByToken(request.TaskToken, call, (run, activity) =>
        {
            run.Activities.Fail(activity, request.Failure, request.LastHeartbeatDetails, request.Identity);
            return new RespondActivityTaskFailedResponse();
        });

    public RespondActivityTaskFailedByIdResponse FailById(RespondActivityTaskFailedByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, call, (run, activity) =>
        {
            run.Activities.Fail(activity, request.Failure, request.LastHeartbeatDetails, request.Identity);
            return new RespondActivityTaskFailedByIdResponse();
        });

    public RespondActivityTaskCanceledResponse Cancel(RespondActivityTaskCanceledRequest request, CallContext call) =>
        ByToken(request.TaskToken, call, (run, activity) =>
        {
            run.Activities.Cancel(activity, request.Details, request.Identity);
            return new RespondActivityTaskCanceledResponse();
        });

    public RespondActivityTaskCanceledByIdResponse CancelById(RespondActivityTaskCanceledByIdRequest request, CallContext call) =>
        ById(request.Namespace, request.WorkflowId, request.RunId, request.ActivityId, call, (run, activity) =>
        {
            run.Activities.Cancel(activity, request.Details, request.Identity);
            return new RespondActivityTaskCanceledByIdResponse();
        });

#pragma warning disable CS0612 // Deprecated, but what unversioned workers of today send.
    private static WorkerVersionCapabilities? Capabilities(PollActivityTaskQueueRequest request) => request.WorkerVersionCapabilities;
#pragma warning restore CS0612

    private T ByToken<T>(Google.Protobuf.ByteString bytes, CallContext call, Func<WorkflowRun, PendingActivity, T> work)
    {
        var token = TaskToken.Parse(bytes);
        return state.Enter(call.Principal, () =>
        {
            var run = state.Runs.Find(token.NamespaceId, token.WorkflowId, token.RunId) ?? throw RunStore.NotFound(token.WorkflowId);
            return run.Running ? work(run, run.Activities.Of(token)) : throw RunStore.Completed();
        });
    }

    private T ById<T>(string namespaceName, string workflowId, string runId, string activityId, CallContext call, Func<WorkflowRun, PendingActivity, T> work)
    {
        var space = state.Namespaces.Get(namespaceName);
        if (activityId.Length == 0)
        {
            throw StartRequests.Invalid("ActivityId is not set on request.");
        }

        return state.Enter(call.Principal, () =>
        {
            var run = state.Runs.GetRunning(space.Id, new WorkflowExecution { WorkflowId = workflowId, RunId = runId });
            return work(run, run.Activities.ById(activityId));
        });
    }
}
