using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Update.V1;
using Temporalio.Api.WorkflowService.V1;
using Stage = Temporalio.Api.Enums.V1.UpdateWorkflowExecutionLifecycleStage;

namespace Postern.Dev.Engine.Services;

/// <summary>Updates, and waiting for what becomes of them.</summary>
internal sealed class UpdateService(EngineState state)
{
    public async Task<UpdateWorkflowExecutionResponse> UpdateAsync(UpdateWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        Check(request);
        var update = state.Enter(call.Principal, () => Admit(space, request));
        return await AnswerAsync(update, request, call);
    }

    public async Task<PollWorkflowExecutionUpdateResponse> PollAsync(PollWorkflowExecutionUpdateRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        var id = request.UpdateRef?.UpdateId ?? "";
        var update = state.Enter(call.Principal, () =>
        {
            var run = state.Runs.Get(space.Id, request.UpdateRef?.WorkflowExecution);
            return run.Updates.Find(id) ?? throw new RpcException(StatusCode.NotFound, $"update \"{id}\" not found", new NotFoundFailure());
        });
        var stage = request.WaitPolicy?.LifecycleStage ?? Stage.Unspecified;
        if (stage != Stage.Unspecified)
        {
            await WaitAsync(update, stage, call);
        }

        return new PollWorkflowExecutionUpdateResponse { Outcome = update.Outcome, Stage = update.Stage, UpdateRef = Ref(update) };
    }

    /// <summary>Checks what the server checks before it looks for the workflow.</summary>
    public static void Check(UpdateWorkflowExecutionRequest request)
    {
        if (request.Request?.Meta is not { } meta)
        {
            throw StartRequests.Invalid("Update meta is not set on request.");
        }

        if (request.Request.Input is null)
        {
            throw StartRequests.Invalid("Update input is not set on request.");
        }

        if (request.Request.Input.Name.Length == 0)
        {
            throw StartRequests.Invalid("Update name is not set on request.");
        }

        if (request.WaitPolicy?.LifecycleStage == Stage.Admitted)
        {
            throw new RpcException(StatusCode.Unimplemented, "wait policy lifecycle stage Admitted is not implemented");
        }

        if (meta.UpdateId.Length == 0)
        {
            meta.UpdateId = Guid.NewGuid().ToString();
        }
    }

    /// <summary>Hands the update to its run; under the lock.</summary>
    public WorkflowUpdate Admit(NamespaceEntry space, UpdateWorkflowExecutionRequest request)
    {
        var run = state.Runs.Get(space.Id, request.WorkflowExecution);
        if (request.FirstExecutionRunId.Length > 0 && run.Start.FirstRunId != request.FirstExecutionRunId)
        {
            throw RunStore.NotFound(run.WorkflowId);
        }

        if (run.Updates.Find(request.Request.Meta.UpdateId) is { } known)
        {
            return known;
        }

        return run.Running ? run.Updates.Admit(request.Request) : throw RunStore.Completed();
    }

    public async Task<UpdateWorkflowExecutionResponse> AnswerAsync(WorkflowUpdate update, UpdateWorkflowExecutionRequest request, CallContext call)
    {
        var stage = request.WaitPolicy?.LifecycleStage ?? Stage.Unspecified;
        await WaitAsync(update, stage == Stage.Unspecified ? Stage.Accepted : stage, call);
        return new UpdateWorkflowExecutionResponse
        {
            UpdateRef = Ref(update),
            Outcome = update.Outcome,
            Stage = update.Stage,
            Link = LinkOf(update),
        };
    }

    private static UpdateRef Ref(WorkflowUpdate update) => new() { WorkflowExecution = update.Run.Execution, UpdateId = update.Id };

    private static Link? LinkOf(WorkflowUpdate update) => update switch
    {
        // The server calls a failed update rejected too, accepted or not.
        { Outcome.Failure: not null } => Links.Run(update.Run, "Update rejected"),
        { Stage: Stage.Accepted or Stage.Completed } => Links.Request(update.Run, update.Request.RequestId, EventType.WorkflowExecutionUpdateAccepted),
        _ => null,
    };

    // Until the stage is reached, or time is up: then the answer says how far it came, and the client asks again.
    private async Task WaitAsync(WorkflowUpdate update, Stage stage, CallContext call)
    {
        var until = LongPoll.Wait(state, call);
        while (true)
        {
            var (done, change) = state.Enter(call.Principal, () => (update.Aborted is not null || update.Stage >= stage, update.Changed));
            if (update.Aborted is { } aborted)
            {
                throw aborted;
            }

            if (done || !await LongPoll.For(state, change, until, call.Gone))
            {
                return;
            }
        }
    }
}
