using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>Signalling and cancelling other workflows. What becomes of it is written after the transaction, when the other has been reached.</summary>
internal static class ExternalCommands
{
    private const string Identity = "history-service";

    public static void Signal(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.SignalExternalWorkflowExecutionCommandAttributes;
        var initiated = run.Log.Append(EventType.SignalExternalWorkflowExecutionInitiated, command, e =>
        {
            e.SignalExternalWorkflowExecutionInitiatedEventAttributes = new SignalExternalWorkflowExecutionInitiatedEventAttributes
            {
                WorkflowTaskCompletedEventId = completedId,
                Namespace = run.Start.Namespace.Name,
                NamespaceId = run.Start.Namespace.Id,
                WorkflowExecution = attributes.Execution,
                SignalName = attributes.SignalName,
                Input = attributes.Input,
                ChildWorkflowOnly = attributes.ChildWorkflowOnly,
                Header = attributes.Header,
            };
        });
        state.Defer(() =>
        {
            var target = Reach(state, run, attributes.Execution, attributes.ChildWorkflowOnly);
            target?.Signal(new WorkflowExecutionSignaledEventAttributes
            {
                SignalName = attributes.SignalName,
                Input = attributes.Input,
                Identity = Identity,
                Header = attributes.Header,
                ExternalWorkflowExecution = run.Execution,
                RequestId = Guid.NewGuid().ToString(),
            });
            Tell(run, SignalOutcome(run, initiated.EventId, attributes.Execution, target is not null));
        });
    }

    public static void Cancel(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.RequestCancelExternalWorkflowExecutionCommandAttributes;
        var execution = new WorkflowExecution { WorkflowId = attributes.WorkflowId, RunId = attributes.RunId };
        var initiated = run.Log.Append(EventType.RequestCancelExternalWorkflowExecutionInitiated, command, e =>
        {
            e.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes = new RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
            {
                WorkflowTaskCompletedEventId = completedId,
                Namespace = run.Start.Namespace.Name,
                NamespaceId = run.Start.Namespace.Id,
                WorkflowExecution = execution,
                ChildWorkflowOnly = attributes.ChildWorkflowOnly,
                Reason = attributes.Reason,
            };
        });
        state.Defer(() =>
        {
            var target = Reach(state, run, execution, attributes.ChildWorkflowOnly);
            if (target is { CancelRequested: false })
            {
                target.RequestCancel(new WorkflowExecutionCancelRequestedEventAttributes
                {
                    Cause = attributes.Reason,
                    ExternalInitiatedEventId = initiated.EventId,
                    ExternalWorkflowExecution = run.Execution,
                    Identity = Identity,
                });
            }

            Tell(run, CancelOutcome(run, initiated.EventId, execution, target is not null));
        });
    }

    private static (EventType Type, Action<HistoryEvent> Fill) SignalOutcome(
        WorkflowRun run, long initiatedId, WorkflowExecution execution, bool reached) => reached
        ? (EventType.ExternalWorkflowExecutionSignaled, e => e.ExternalWorkflowExecutionSignaledEventAttributes =
            new ExternalWorkflowExecutionSignaledEventAttributes
            {
                InitiatedEventId = initiatedId,
                Namespace = run.Start.Namespace.Name,
                NamespaceId = run.Start.Namespace.Id,
                WorkflowExecution = execution,
            })
        : (EventType.SignalExternalWorkflowExecutionFailed, e => e.SignalExternalWorkflowExecutionFailedEventAttributes =
            new SignalExternalWorkflowExecutionFailedEventAttributes
            {
                Cause = SignalExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound,
                Namespace = run.Start.Namespace.Name,
                NamespaceId = run.Start.Namespace.Id,
                WorkflowExecution = execution,
                InitiatedEventId = initiatedId,
            });

    private static (EventType Type, Action<HistoryEvent> Fill) CancelOutcome(
        WorkflowRun run, long initiatedId, WorkflowExecution execution, bool reached) => reached
        ? (EventType.ExternalWorkflowExecutionCancelRequested, e => e.ExternalWorkflowExecutionCancelRequestedEventAttributes =
            new ExternalWorkflowExecutionCancelRequestedEventAttributes
            {
                InitiatedEventId = initiatedId,
                Namespace = run.Start.Namespace.Name,
                NamespaceId = run.Start.Namespace.Id,
                WorkflowExecution = execution,
            })
        : (EventType.RequestCancelExternalWorkflowExecutionFailed, e => e.RequestCancelExternalWorkflowExecutionFailedEventAttributes =
            new RequestCancelExternalWorkflowExecutionFailedEventAttributes
            {
                Cause = CancelExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound,
                Namespace = run.Start.Namespace.Name,
                NamespaceId = run.Start.Namespace.Id,
                WorkflowExecution = execution,
                InitiatedEventId = initiatedId,
            });

    private static WorkflowRun? Reach(EngineState state, WorkflowRun run, WorkflowExecution execution, bool childOnly)
    {
        var found = state.Runs.Find(run.Start.Namespace.Id, execution.WorkflowId, execution.RunId);
        if (found is not { Running: true })
        {
            return null;
        }

        return !childOnly || found.Start.Parent?.Run == run ? found : null;
    }

    private static void Tell(WorkflowRun run, (EventType Type, Action<HistoryEvent> Fill) outcome)
    {
        if (run.Running)
        {
            run.Log.Arrive(outcome.Type, outcome.Fill);
            run.StateTransitions++;
            run.Task.EnsureScheduled();
        }
    }
}
