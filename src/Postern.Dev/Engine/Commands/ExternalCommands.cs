using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Commands;

#pragma warning disable CS0612 // The API deprecates the namespace of commands; workers may still fill it in, and the server looks at it.
/// <summary>Signalling and cancelling other workflows. What becomes of it is written after the transaction, when the other has been reached.</summary>
internal static class ExternalCommands
{
    private const string Identity = "history-service";

    public static void Signal(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.SignalExternalWorkflowExecutionCommandAttributes;
        var target = CommandTarget.Of(state, run, attributes.Namespace);
        var initiated = run.Log.Append(EventType.SignalExternalWorkflowExecutionInitiated, command, e =>
        {
            e.SignalExternalWorkflowExecutionInitiatedEventAttributes = new SignalExternalWorkflowExecutionInitiatedEventAttributes
            {
                WorkflowTaskCompletedEventId = completedId,
                Namespace = target.Name,
                NamespaceId = target.Id,
                WorkflowExecution = attributes.Execution,
                SignalName = attributes.SignalName,
                Input = attributes.Input,
                ChildWorkflowOnly = attributes.ChildWorkflowOnly,
                Header = attributes.Header,
            };
        });
        state.Defer(() =>
        {
            var found = Reach(state, run, target, attributes.Execution, attributes.ChildWorkflowOnly);
            found?.Signal(new WorkflowExecutionSignaledEventAttributes
            {
                SignalName = attributes.SignalName,
                Input = attributes.Input,
                Identity = Identity,
                Header = attributes.Header,
                ExternalWorkflowExecution = run.Execution,
                RequestId = Guid.NewGuid().ToString(),
            });
            Tell(run, SignalOutcome(target, initiated.EventId, attributes.Execution, found is not null));
        });
    }

    public static void Cancel(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.RequestCancelExternalWorkflowExecutionCommandAttributes;
        var target = CommandTarget.Of(state, run, attributes.Namespace);
        var execution = new WorkflowExecution { WorkflowId = attributes.WorkflowId, RunId = attributes.RunId };
        var initiated = run.Log.Append(EventType.RequestCancelExternalWorkflowExecutionInitiated, command, e =>
        {
            e.RequestCancelExternalWorkflowExecutionInitiatedEventAttributes = new RequestCancelExternalWorkflowExecutionInitiatedEventAttributes
            {
                WorkflowTaskCompletedEventId = completedId,
                Namespace = target.Name,
                NamespaceId = target.Id,
                WorkflowExecution = execution,
                ChildWorkflowOnly = attributes.ChildWorkflowOnly,
                Reason = attributes.Reason,
            };
        });
        state.Defer(() =>
        {
            var found = Reach(state, run, target, execution, attributes.ChildWorkflowOnly);
            if (found is { CancelRequested: false })
            {
                found.RequestCancel(new WorkflowExecutionCancelRequestedEventAttributes
                {
                    Cause = attributes.Reason,
                    ExternalInitiatedEventId = initiated.EventId,
                    ExternalWorkflowExecution = run.Execution,
                    Identity = Identity,
                });
            }

            Tell(run, CancelOutcome(target, initiated.EventId, execution, found is not null));
        });
    }

    private static (EventType Type, Action<HistoryEvent> Fill) SignalOutcome(
        CommandTarget target, long initiatedId, WorkflowExecution execution, bool reached) => reached
        ? (EventType.ExternalWorkflowExecutionSignaled, e => e.ExternalWorkflowExecutionSignaledEventAttributes =
            new ExternalWorkflowExecutionSignaledEventAttributes
            {
                InitiatedEventId = initiatedId,
                Namespace = target.Name,
                NamespaceId = target.Id,
                WorkflowExecution = execution,
            })
        : (EventType.SignalExternalWorkflowExecutionFailed, e => e.SignalExternalWorkflowExecutionFailedEventAttributes =
            new SignalExternalWorkflowExecutionFailedEventAttributes
            {
                Cause = target.Space is null
                    ? SignalExternalWorkflowExecutionFailedCause.NamespaceNotFound
                    : SignalExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound,
                Namespace = target.Name,
                NamespaceId = target.Id,
                WorkflowExecution = execution,
                InitiatedEventId = initiatedId,
            });

    private static (EventType Type, Action<HistoryEvent> Fill) CancelOutcome(
        CommandTarget target, long initiatedId, WorkflowExecution execution, bool reached) => reached
        ? (EventType.ExternalWorkflowExecutionCancelRequested, e => e.ExternalWorkflowExecutionCancelRequestedEventAttributes =
            new ExternalWorkflowExecutionCancelRequestedEventAttributes
            {
                InitiatedEventId = initiatedId,
                Namespace = target.Name,
                NamespaceId = target.Id,
                WorkflowExecution = execution,
            })
        : (EventType.RequestCancelExternalWorkflowExecutionFailed, e => e.RequestCancelExternalWorkflowExecutionFailedEventAttributes =
            new RequestCancelExternalWorkflowExecutionFailedEventAttributes
            {
                Cause = target.Space is null
                    ? CancelExternalWorkflowExecutionFailedCause.NamespaceNotFound
                    : CancelExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound,
                Namespace = target.Name,
                NamespaceId = target.Id,
                WorkflowExecution = execution,
                InitiatedEventId = initiatedId,
            });

    private static WorkflowRun? Reach(EngineState state, WorkflowRun run, CommandTarget target, WorkflowExecution execution, bool childOnly)
    {
        var found = state.Runs.Find(target.Id, execution.WorkflowId, execution.RunId);
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
#pragma warning restore CS0612
