using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.WorkflowService.V1;
using Operation = Temporalio.Api.WorkflowService.V1.ExecuteMultiOperationRequest.Types.Operation;

namespace Postern.Dev.Engine.Services;

/// <summary>Update-with-start: both or neither.</summary>
internal sealed class MultiOperationService(EngineState state, StartService starts, UpdateService updates)
{
    private const string Failed = "Update-with-Start could not be executed.";

    public async Task<ExecuteMultiOperationResponse> ExecuteAsync(ExecuteMultiOperationRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        var (start, update) = Read(request);
        // The start is answered as it was then: by the time of the update's answer the workflow may have ended.
        var (startAnswer, admitted) = state.Enter(call.Principal, () =>
        {
            var (run, started, begun) = Begin(space, start, update);
            var answered = StartService.Answer(run, started);
            if (!started)
            {
                answered.FirstExecutionRunId = "";
            }

            return (answered, begun);
        });
        UpdateWorkflowExecutionResponse updated;
        try
        {
            updated = await updates.AnswerAsync(admitted, update, call);
        }
        catch (RpcException error)
        {
            throw Failure(error, startFailed: false);
        }

        var answer = new ExecuteMultiOperationResponse();
        answer.Responses.Add(new ExecuteMultiOperationResponse.Types.Response { StartWorkflow = startAnswer });
        answer.Responses.Add(new ExecuteMultiOperationResponse.Types.Response { UpdateWorkflow = updated });
        return answer;
    }

    private static (StartWorkflowExecutionRequest Start, UpdateWorkflowExecutionRequest Update) Read(ExecuteMultiOperationRequest request)
    {
        if (request.Operations is not [{ OperationCase: Operation.OperationOneofCase.StartWorkflow }, { OperationCase: Operation.OperationOneofCase.UpdateWorkflow }])
        {
            throw StartRequests.Invalid("Operations have to be exactly [Start, Update].");
        }

        var (start, update) = (request.Operations[0].StartWorkflow, request.Operations[1].UpdateWorkflow);
        if (start.Namespace != request.Namespace)
        {
            throw Failure(StartRequests.Invalid("Operation namespace did not match request's namespace."), startFailed: true);
        }

        if (update.Namespace != request.Namespace)
        {
            throw Failure(StartRequests.Invalid("Operation namespace did not match request's namespace."), startFailed: false);
        }

        if (Restricted(start) is { } why)
        {
            throw Failure(StartRequests.Invalid(why), startFailed: true);
        }

        if (update.WorkflowExecution?.RunId.Length > 0)
        {
            throw Failure(StartRequests.Invalid("RunId is not allowed."), startFailed: false);
        }

        if (update.FirstExecutionRunId.Length > 0)
        {
            throw Failure(StartRequests.Invalid("FirstExecutionRunId is not allowed."), startFailed: false);
        }

        try
        {
            UpdateService.Check(update);
        }
        catch (RpcException error)
        {
            throw Failure(error, startFailed: false);
        }

        if (start.WorkflowId != update.WorkflowExecution?.WorkflowId)
        {
            throw Failure(StartRequests.Invalid("WorkflowId is not consistent with previous operation(s)"), startFailed: false);
        }

        return (start, update);
    }

    // What a start can't have when an update waits for its first task.
    private static string? Restricted(StartWorkflowExecutionRequest start) =>
        start.CronSchedule.Length > 0 ? "CronSchedule is not allowed."
        : start.RequestEagerExecution ? "RequestEagerExecution is not supported."
        : Retry.Of(start.WorkflowStartDelay) > TimeSpan.Zero ? "WorkflowStartDelay is not supported."
        : null;

    private static RpcException Failure(RpcException cause, bool startFailed)
    {
        var aborted = new MultiOperationExecutionFailure.Types.OperationStatus { Code = (int)StatusCode.Aborted, Message = "Operation was aborted." };
        aborted.Details.Add(Any.Pack(new MultiOperationExecutionAborted()));
        var failing = new MultiOperationExecutionFailure.Types.OperationStatus { Code = (int)cause.Code, Message = cause.Message };
        if (cause.PackedDetail() is { } detail)
        {
            failing.Details.Add(detail);
        }

        var failure = new MultiOperationExecutionFailure();
        failure.Statuses.Add(startFailed ? failing : aborted);
        failure.Statuses.Add(startFailed ? aborted : failing);
        return new RpcException(cause.Code, Failed, failure);
    }

    private (WorkflowRun Run, bool Started, WorkflowUpdate Update) Begin(NamespaceEntry space, StartWorkflowExecutionRequest start, UpdateWorkflowExecutionRequest update)
    {
        WorkflowRun run;
        bool started;
        try
        {
            // An update that is known already is the answer, whatever the start's policies say.
            if (state.Runs.Current(space.Id, start.WorkflowId) is { } current && current.Updates.Find(update.Request.Meta.UpdateId) is { } known)
            {
                return (current, false, known);
            }

            (run, started) = starts.StartOrUse(space, start, start.WorkflowIdConflictPolicy);
        }
        catch (RpcException error)
        {
            throw Failure(error, startFailed: true);
        }

        try
        {
            if (started)
            {
                run.Go(dispatch: false);
            }

            var admitted = updates.Admit(space, update);
            if (started && run.Task.Pending is { } task)
            {
                state.Queues.Workflow(space.Id, task.Queue.Name).Offer(new WorkflowTaskWork(run, task));
            }

            return (run, started, admitted);
        }
        catch (RpcException error)
        {
            throw Failure(error, startFailed: false);
        }
    }
}
