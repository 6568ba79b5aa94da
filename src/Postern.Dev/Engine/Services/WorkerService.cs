using Postern.Dev.Engine.Grpc;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Worker.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Workers themselves: heartbeats, and their end.</summary>
internal sealed class WorkerService(EngineState state)
{
    public RecordWorkerHeartbeatResponse Heartbeat(RecordWorkerHeartbeatRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            foreach (var heartbeat in request.WorkerHeartbeat)
            {
                state.Workers.Note(space.Id, heartbeat);
            }

            return new RecordWorkerHeartbeatResponse();
        });
    }

    public ShutdownWorkerResponse Shutdown(ShutdownWorkerRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            if (request.WorkerHeartbeat is { } heartbeat)
            {
                state.Workers.Note(space.Id, heartbeat);
            }

            if (request.StickyTaskQueue.Length > 0)
            {
                var sticky = state.Queues.Workflow(space.Id, request.StickyTaskQueue);
                if (state.Options.CompletePollsOnShutdown)
                {
                    sticky.End(null);
                }
                else
                {
                    sticky.ShutDown();
                }
            }

            if (state.Options.CompletePollsOnShutdown && request.TaskQueue.Length > 0 && request.WorkerInstanceKey.Length > 0)
            {
                state.Queues.EndFor(space.Id, request.TaskQueue, request.TaskQueueTypes, request.WorkerInstanceKey);
            }

            return new ShutdownWorkerResponse();
        });
    }

    public ListWorkersResponse List(ListWorkersRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var answer = new ListWorkersResponse();
            foreach (var heartbeat in state.Workers.In(space.Id))
            {
                answer.Workers.Add(new WorkerListInfo
                {
                    WorkerInstanceKey = heartbeat.WorkerInstanceKey,
                    WorkerIdentity = heartbeat.WorkerIdentity,
                    TaskQueue = heartbeat.TaskQueue,
                    SdkName = heartbeat.SdkName,
                    SdkVersion = heartbeat.SdkVersion,
                    Status = heartbeat.Status,
                    StartTime = heartbeat.StartTime,
                    DeploymentVersion = heartbeat.DeploymentVersion,
                });
            }

            return answer;
        });
    }

    public DescribeWorkerResponse Describe(DescribeWorkerRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () => state.Workers.Find(space.Id, request.WorkerInstanceKey) is { } heartbeat
            ? new DescribeWorkerResponse { WorkerInfo = new WorkerInfo { WorkerHeartbeat = heartbeat } }
            : throw new RpcException(StatusCode.NotFound, $"Worker {request.WorkerInstanceKey} not found", new NotFoundFailure()));
    }

    public CountWorkersResponse Count(CountWorkersRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () => new CountWorkersResponse { Count = state.Workers.In(space.Id).Count() });
    }
}
