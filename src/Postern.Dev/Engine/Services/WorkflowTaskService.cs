using Postern.Dev.Engine.Commands;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Queues;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Update.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Workflow tasks: workers poll for them and answer them.</summary>
internal sealed class WorkflowTaskService(EngineState state)
{
    public async Task<PollWorkflowTaskQueueResponse> PollAsync(PollWorkflowTaskQueueRequest request, CallContext call)
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
        return await state.Enter(null, () => state.Queues.Workflow(space.Id, request.TaskQueue.Name).Poll(poller, until, call.Gone))
            ?? new PollWorkflowTaskQueueResponse();
    }

    public RespondWorkflowTaskCompletedResponse Complete(RespondWorkflowTaskCompletedRequest request, CallContext call)
    {
        var token = TaskToken.Parse(request.TaskToken);
        return state.Enter(call.Principal, () =>
        {
            var run = Find(token);
            var task = run.Task.Answered(token);
            if (CommandChecks.Check(state, run, request.Commands) is { } refusal)
            {
                run.Task.Fail(refusal.Cause, FailureOf(refusal), request.Identity);
                throw new RpcException(StatusCode.InvalidArgument, refusal.Message);
            }

            return OnlyRejects(run, task, request) ? Discard(run, request) : Carry(run, request, call);
        });
    }

    public RespondWorkflowTaskFailedResponse Fail(RespondWorkflowTaskFailedRequest request, CallContext call)
    {
        var token = TaskToken.Parse(request.TaskToken);
        return state.Enter(call.Principal, () =>
        {
            var run = Find(token);
            run.Task.Answered(token);
            run.Task.Fail(request.Cause, request.Failure, request.Identity);
            return new RespondWorkflowTaskFailedResponse();
        });
    }

    private static RespondWorkflowTaskCompletedResponse Discard(WorkflowRun run, RespondWorkflowTaskCompletedRequest request)
    {
        var answer = new RespondWorkflowTaskCompletedResponse { ResetHistoryEventId = run.Task.LastStartedId };
        run.Task.Discard();
        run.Queries.Answered(request.QueryResults);
        foreach (var message in request.Messages)
        {
            run.Updates.Handle(message);
        }

        if (run.Updates.HasUnsent)
        {
            run.Task.Schedule(speculative: true);
        }

        run.Queries.SendWaiting();
        return answer;
    }

    private static bool OnlyRejects(WorkflowRun run, PendingWorkflowTask task, RespondWorkflowTaskCompletedRequest request) =>
        task.Kind == WorkflowTaskKind.Speculative
        && request.Commands.Count == 0
        && request.Messages.Count > 0
        && request.Messages.All(m => m.Body.Is(Rejection.Descriptor))
        && request.Capabilities is { DiscardSpeculativeWorkflowTaskWithEvents: true }
        && !request.ForceCreateNewWorkflowTask
        && !run.Log.HasBuffered;

    // An update that can't be carried out any more says why itself; other refusals are the server's.
    private static Failure? FailureOf(CommandRefusal refusal) => refusal.Cause == WorkflowTaskFailedCause.UnhandledCommand
        ? null
        : new Failure { Message = refusal.Message, ServerFailureInfo = new ServerFailureInfo() };

#pragma warning disable CS0612 // Deprecated, but what unversioned workers of today send.
    private static WorkerVersionCapabilities? Capabilities(PollWorkflowTaskQueueRequest request) => request.WorkerVersionCapabilities;
#pragma warning restore CS0612

    private RespondWorkflowTaskCompletedResponse Carry(WorkflowRun run, RespondWorkflowTaskCompletedRequest request, CallContext call)
    {
        var answer = new RespondWorkflowTaskCompletedResponse();
        var completed = run.Task.Complete(request);
        run.Queries.Answered(request.QueryResults);
        var runner = new CommandRunner(state, run, request, completed.EventId);
        runner.Run();
        answer.ActivityTasks.Add(runner.EagerActivities);
        if (!run.Running)
        {
            return answer;
        }

        var dispatch = !request.ReturnNewWorkflowTask;
        if (run.Log.Flush() || request.ForceCreateNewWorkflowTask || runner.NeedsTask)
        {
            run.Task.Schedule(dispatch);
        }
        else if (run.Updates.HasUnsent)
        {
            run.Task.Schedule(dispatch, speculative: true);
        }

        if (run.Task.Pending is not null && !dispatch)
        {
            answer.WorkflowTask = run.Task.Begin(new Poller(request.Identity, call.Principal) { RequestId = "request-from-RespondWorkflowTaskCompleted" });
        }

        run.Queries.SendWaiting();
        return answer;
    }

    private WorkflowRun Find(TaskToken token) =>
        state.Runs.Find(token.NamespaceId, token.WorkflowId, token.RunId) ?? throw RunStore.NotFound(token.WorkflowId);
}
