using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>What clients do to workflows that run: signal, cancel, terminate, delete.</summary>
internal sealed class ExecutionService(EngineState state)
{
    public SignalWorkflowExecutionResponse Signal(SignalWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        if (request.SignalName.Length == 0)
        {
            throw StartRequests.Invalid("SignalName is not set on request.");
        }

        return state.Enter(call.Principal, () =>
        {
            var run = state.Runs.GetRunning(space.Id, request.WorkflowExecution);
            if (request.RequestId.Length == 0 || run.SeenRequests.Add(request.RequestId))
            {
                run.Signal(new WorkflowExecutionSignaledEventAttributes
                {
                    SignalName = request.SignalName,
                    Input = request.Input,
                    Identity = request.Identity,
                    Header = request.Header,
                    RequestId = request.RequestId,
                }, request.Links);
            }

            return new SignalWorkflowExecutionResponse { Link = Links.Request(run, request.RequestId, EventType.WorkflowExecutionSignaled) };
        });
    }

    public RequestCancelWorkflowExecutionResponse RequestCancel(RequestCancelWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var run = state.Runs.Get(space.Id, request.WorkflowExecution);
            CheckChain(run, request.FirstExecutionRunId);
            if (!run.Running)
            {
                throw RunStore.Completed();
            }

            // Asked once is asked; a second request is answered alike and writes nothing.
            if (!run.CancelRequested)
            {
                run.RequestCancel(new WorkflowExecutionCancelRequestedEventAttributes { Cause = request.Reason, Identity = request.Identity });
            }

            return new RequestCancelWorkflowExecutionResponse();
        });
    }

    public TerminateWorkflowExecutionResponse Terminate(TerminateWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var run = state.Runs.GetRunning(space.Id, request.WorkflowExecution);
            CheckChain(run, request.FirstExecutionRunId);
            var reason = request.Reason.Length > 0 ? request.Reason : "terminated by user via frontend";
            run.Terminate(reason, request.Details, request.Identity);
            return new TerminateWorkflowExecutionResponse();
        });
    }

    public DeleteWorkflowExecutionResponse Delete(DeleteWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var run = state.Runs.Get(space.Id, request.WorkflowExecution);
            if (run.Running)
            {
                run.Terminate("Delete workflow execution", null, "history-service");
            }

            state.Defer(() => state.Runs.Remove(run));
            return new DeleteWorkflowExecutionResponse();
        });
    }

    public ResetStickyTaskQueueResponse ResetSticky(ResetStickyTaskQueueRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            state.Runs.GetRunning(space.Id, request.Execution).Task.Stick(null);
            return new ResetStickyTaskQueueResponse();
        });
    }

    private static void CheckChain(WorkflowRun run, string firstRunId)
    {
        if (firstRunId.Length > 0 && run.Start.FirstRunId != firstRunId)
        {
            throw RunStore.NotFound(run.WorkflowId);
        }
    }
}
