using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Nexus;
using Postern.Dev.Engine.Queues;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Nexus tasks: handlers poll for them and answer them.</summary>
internal sealed class NexusTaskService(EngineState state)
{
    public async Task<PollNexusTaskQueueResponse> PollAsync(PollNexusTaskQueueRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        var until = LongPoll.TaskPoll(state, call);
        if (string.IsNullOrEmpty(request.TaskQueue?.Name))
        {
            throw StartRequests.Invalid("taskQueue is not set");
        }

        var poller = new Poller(request.Identity, call.Principal) { InstanceKey = request.WorkerInstanceKey };
        return await state.Enter(null, () => state.Queues.Nexus(space.Id, request.TaskQueue.Name).Poll(poller, until, call.Gone))
            ?? new PollNexusTaskQueueResponse();
    }

    public RespondNexusTaskCompletedResponse Complete(RespondNexusTaskCompletedRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        Find(request.TaskToken).Answer(state, request.Response ?? new Temporalio.Api.Nexus.V1.Response());
        return new RespondNexusTaskCompletedResponse();
    });

    public RespondNexusTaskFailedResponse Fail(RespondNexusTaskFailedRequest request, CallContext call)
    {
#pragma warning disable CS0612 // Deprecated, but what handlers of before send.
        var failure = request.Failure ?? NexusFailures.FromHandler(request.Error ?? new Temporalio.Api.Nexus.V1.HandlerError());
#pragma warning restore CS0612
        if (failure.NexusHandlerFailureInfo is null)
        {
            throw StartRequests.Invalid("request Failure must contain a NexusHandlerFailureInfo object");
        }

        return state.Enter(call.Principal, () =>
        {
            Find(request.TaskToken).Fail(state, failure);
            return new RespondNexusTaskFailedResponse();
        });
    }

    private NexusTask Find(ByteString token) => state.NexusTasks.GetValueOrDefault(NexusToken.Parse(token).TaskId)
        ?? throw new RpcException(StatusCode.NotFound, "Nexus task not found or already expired", new NotFoundFailure());
}
