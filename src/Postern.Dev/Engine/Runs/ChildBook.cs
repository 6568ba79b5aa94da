using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>A run's children: started on its behalf, heard of when they end, told when it ends.</summary>
internal sealed class ChildBook(EngineState state, WorkflowRun run)
{
    private readonly Dictionary<long, PendingChild> pending = [];

    public IEnumerable<PendingChild> Pending => pending.Values.OrderBy(c => c.InitiatedId);

    public bool Has(string workflowId, string runId) =>
        pending.Values.Any(c => c.Attributes.WorkflowId == workflowId && (runId.Length == 0 || c.Run?.RunId == runId));

    /// <summary>Starts a child, after the transaction that asked for it.</summary>
    /// <param name="initiatedId">The event that says so.</param>
    /// <param name="attributes">What that event says.</param>
    /// <param name="start">Makes the child's start when it is time; null when its namespace isn't there.</param>
    public void Initiate(long initiatedId, StartChildWorkflowExecutionInitiatedEventAttributes attributes, Func<RunStart>? start)
    {
        var child = new PendingChild(initiatedId, attributes);
        pending.Add(initiatedId, child);
        state.Defer(() => Start(child, start));
    }

    /// <summary>A child ended; its last event says how.</summary>
    public void Closed(long initiatedId, WorkflowRun ended, HistoryEvent last)
    {
        if (!run.Running || !pending.Remove(initiatedId, out var child))
        {
            return;
        }

        var (type, fill) = ChildEvents.Closed(child, ended, last);
        run.Log.Arrive(type, fill);
        run.StateTransitions++;
        run.Task.EnsureScheduled();
    }

    /// <summary>This run ended: what that means for the children that are still running was agreed at their start.</summary>
    public void ParentClosed()
    {
        foreach (var child in pending.Values)
        {
            // A chain of runs: the policy meets whichever is running now.
            if (child.Run is null || state.Runs.Current(child.Run.Start.Namespace.Id, child.Run.WorkflowId) is not { Running: true } now
                || now.Start.FirstRunId != child.Run.Start.FirstRunId)
            {
                continue;
            }

            switch (child.Attributes.ParentClosePolicy)
            {
                case ParentClosePolicy.Abandon:
                    break;
                case ParentClosePolicy.RequestCancel:
                    now.RequestCancel(new WorkflowExecutionCancelRequestedEventAttributes
                    {
                        Identity = "history-service",
                        ExternalWorkflowExecution = run.Execution,
                    });
                    break;
                default:
                    now.Terminate("by parent close policy", null, "history-service");
                    break;
            }
        }

        pending.Clear();
    }

    private void Start(PendingChild child, Func<RunStart>? start)
    {
        if (!run.Running)
        {
            // Abandoned children start all the same; the others would be ended at once.
            if (child.Attributes.ParentClosePolicy == ParentClosePolicy.Abandon && start is not null)
            {
                RunStarter.TryStart(state, start(), child.Attributes.WorkflowIdReusePolicy)?.Go();
            }

            return;
        }

        child.Run = start is null ? null : RunStarter.TryStart(state, start(), child.Attributes.WorkflowIdReusePolicy);
        if (child.Run is null)
        {
            pending.Remove(child.InitiatedId);
            run.Log.Arrive(EventType.StartChildWorkflowExecutionFailed, ChildEvents.StartFailed(
                child, start is null ? StartChildWorkflowExecutionFailedCause.NamespaceNotFound : StartChildWorkflowExecutionFailedCause.WorkflowAlreadyExists));
        }
        else
        {
            run.Log.Arrive(EventType.ChildWorkflowExecutionStarted, ChildEvents.Started(child));
        }

        run.StateTransitions++;
        run.Task.EnsureScheduled();
        child.Run?.Go();
    }
}

/// <summary>A child from its initiation to its end.</summary>
internal sealed class PendingChild(long initiatedId, StartChildWorkflowExecutionInitiatedEventAttributes attributes)
{
    public long InitiatedId { get; } = initiatedId;

    public StartChildWorkflowExecutionInitiatedEventAttributes Attributes { get; } = attributes;

    public WorkflowRun? Run { get; set; }

    public long StartedId { get; set; }

    public WorkflowExecution Execution => Run?.Execution ?? new WorkflowExecution { WorkflowId = Attributes.WorkflowId };
}
