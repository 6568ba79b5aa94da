using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Queues;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Starting workflows.</summary>
internal sealed class StartService(EngineState state)
{
    public StartWorkflowExecutionResponse Start(StartWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var (run, started) = StartOrUse(space, request, request.WorkflowIdConflictPolicy);
            var answer = Answer(run, started);
            if (started)
            {
                var eager = run.Start.EagerAccepted;
                run.Go(dispatch: !eager);
                if (eager)
                {
                    answer.EagerWorkflowTask = run.Task.Begin(new Poller(request.Identity, call.Principal) { RequestId = request.RequestId });
                }
            }

            return answer;
        });
    }

    public SignalWithStartWorkflowExecutionResponse SignalWithStart(SignalWithStartWorkflowExecutionRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () => SignalWithStart(space, request));
    }

    /// <summary>The same for who is under the lock already.</summary>
    public SignalWithStartWorkflowExecutionResponse SignalWithStart(NamespaceEntry space, SignalWithStartWorkflowExecutionRequest request)
    {
        if (request.SignalName.Length == 0)
        {
            throw StartRequests.Invalid("SignalName is not set on request.");
        }

        var conflict = request.WorkflowIdConflictPolicy == WorkflowIdConflictPolicy.Unspecified
            ? WorkflowIdConflictPolicy.UseExisting
            : request.WorkflowIdConflictPolicy;
        var (run, started) = StartOrUse(space, StartRequests.StartOf(request), conflict, Guid.NewGuid().ToString());
        if (started || run.SeenRequests.Add(request.RequestId))
        {
            run.SeenRequests.Add(request.RequestId);
            var signal = new WorkflowExecutionSignaledEventAttributes
            {
                SignalName = request.SignalName,
                Input = request.SignalInput,
                Identity = request.Identity,
                Header = request.Header,
                RequestId = request.RequestId,
            };
            if (started)
            {
                run.Log.Arrive(EventType.WorkflowExecutionSignaled, RunEvents.Signaled(signal, request.Links));
                run.Go();
            }
            else
            {
                run.Signal(signal, request.Links);
                if (run.Start is { Cron: "", Initiator: ContinueAsNewInitiator.Unspecified })
                {
                    // A second signal-with-start cuts a start delay short; a plain signal doesn't.
                    run.EndBackoff();
                }
            }
        }

        return new SignalWithStartWorkflowExecutionResponse
        {
            RunId = run.RunId,
            FirstExecutionRunId = run.Start.FirstRunId,
            Started = started,
            SignalLink = Links.Request(run, request.RequestId, EventType.WorkflowExecutionSignaled),
        };
    }

    /// <summary>A new run, or the one that the policies say to use; under the lock.</summary>
    public (WorkflowRun Run, bool Started) StartOrUse(
        NamespaceEntry space, StartWorkflowExecutionRequest request, WorkflowIdConflictPolicy conflict, string? runId = null)
    {
        var start = StartRequests.From(state, space, request, runId ?? Guid.CreateVersion7(state.Now).ToString());
        if (state.Runs.Current(space.Id, request.WorkflowId) is { } current)
        {
            if (request.RequestId.Length > 0 && current.Start.RequestId == request.RequestId)
            {
                return (current, false);
            }

            if (RunStarter.Allow(state, start, current, request.WorkflowIdReusePolicy, conflict) is { } existing)
            {
                Attach(existing, request);
                return (existing, false);
            }
        }

        return (RunStarter.Start(state, start with { EagerAccepted = request.RequestEagerExecution && start.Backoff == TimeSpan.Zero }), true);
    }

    public static StartWorkflowExecutionResponse Answer(WorkflowRun run, bool started) => new()
    {
        RunId = run.RunId,
        FirstExecutionRunId = run.Start.FirstRunId,
        Started = started,
        Status = run.Status,
        Link = Links.Event(run, 1, EventType.WorkflowExecutionStarted),
    };

    private static void Attach(WorkflowRun run, StartWorkflowExecutionRequest request)
    {
        if (request.OnConflictOptions is not { AttachRequestId: true } options)
        {
            return;
        }

        IReadOnlyList<Callback> callbacks = options.AttachCompletionCallbacks ? [.. request.CompletionCallbacks] : [];
        IReadOnlyList<Link> links = options.AttachLinks ? [.. request.Links] : [];
        run.Callbacks.Add(callbacks);
        run.Log.Arrive(EventType.WorkflowExecutionOptionsUpdated, e =>
        {
            e.Links.Add(links.Except(callbacks.SelectMany(c => c.Links)));
            e.WorkflowExecutionOptionsUpdatedEventAttributes = new WorkflowExecutionOptionsUpdatedEventAttributes
            {
                AttachedRequestId = request.RequestId,
                Identity = request.Identity,
                AttachedCompletionCallbacks = { callbacks },
            };
        });
    }
}

/// <summary>The links that answers carry.</summary>
internal static class Links
{
    public static Link Event(WorkflowRun run, long eventId, EventType type)
    {
        var link = Of(run);
        link.WorkflowEvent.EventRef = new Link.Types.WorkflowEvent.Types.EventReference { EventId = eventId, EventType = type };
        return link;
    }

    public static Link Request(WorkflowRun run, string requestId, EventType type)
    {
        var link = Of(run);
        link.WorkflowEvent.RequestIdRef = new Link.Types.WorkflowEvent.Types.RequestIdReference { RequestId = requestId, EventType = type };
        return link;
    }

    public static Link Run(WorkflowRun run, string reason) => new()
    {
        Workflow = new Link.Types.Workflow { Namespace = run.Start.Namespace.Name, WorkflowId = run.WorkflowId, RunId = run.RunId, Reason = reason },
    };

    private static Link Of(WorkflowRun run) => new()
    {
        WorkflowEvent = new Link.Types.WorkflowEvent { Namespace = run.Start.Namespace.Name, WorkflowId = run.WorkflowId, RunId = run.RunId },
    };
}
