using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>What a parent's history says about its children.</summary>
internal static class ChildEvents
{
    public static Action<HistoryEvent> Started(PendingChild child) => e =>
    {
        child.StartedId = e.EventId;
        e.ChildWorkflowExecutionStartedEventAttributes = new ChildWorkflowExecutionStartedEventAttributes
        {
            Namespace = child.Attributes.Namespace,
            NamespaceId = child.Attributes.NamespaceId,
            InitiatedEventId = child.InitiatedId,
            WorkflowExecution = child.Execution,
            WorkflowType = child.Attributes.WorkflowType,
            Header = child.Attributes.Header,
        };
    };

    public static Action<HistoryEvent> StartFailed(PendingChild child, StartChildWorkflowExecutionFailedCause cause) => e =>
        e.StartChildWorkflowExecutionFailedEventAttributes = new StartChildWorkflowExecutionFailedEventAttributes
        {
            Namespace = child.Attributes.Namespace,
            NamespaceId = child.Attributes.NamespaceId,
            WorkflowId = child.Attributes.WorkflowId,
            WorkflowType = child.Attributes.WorkflowType,
            Cause = cause,
            InitiatedEventId = child.InitiatedId,
            WorkflowTaskCompletedEventId = child.Attributes.WorkflowTaskCompletedEventId,
        };

    public static (EventType Type, Action<HistoryEvent> Fill) Closed(PendingChild child, WorkflowRun ended, HistoryEvent last)
    {
        var name = child.Attributes.Namespace;
        var id = child.Attributes.NamespaceId;
        var execution = ended.Execution;
        var type = child.Attributes.WorkflowType;
        return ended.Status switch
        {
            WorkflowExecutionStatus.Completed => (EventType.ChildWorkflowExecutionCompleted, e =>
                e.ChildWorkflowExecutionCompletedEventAttributes = new ChildWorkflowExecutionCompletedEventAttributes
                {
                    Result = last.WorkflowExecutionCompletedEventAttributes.Result,
                    Namespace = name,
                    NamespaceId = id,
                    WorkflowExecution = execution,
                    WorkflowType = type,
                    InitiatedEventId = child.InitiatedId,
                    StartedEventId = child.StartedId,
                }),
            WorkflowExecutionStatus.Failed => (EventType.ChildWorkflowExecutionFailed, e =>
                e.ChildWorkflowExecutionFailedEventAttributes = new ChildWorkflowExecutionFailedEventAttributes
                {
                    Failure = last.WorkflowExecutionFailedEventAttributes.Failure,
                    Namespace = name,
                    NamespaceId = id,
                    WorkflowExecution = execution,
                    WorkflowType = type,
                    InitiatedEventId = child.InitiatedId,
                    StartedEventId = child.StartedId,
                    RetryState = last.WorkflowExecutionFailedEventAttributes.RetryState,
                }),
            WorkflowExecutionStatus.Canceled => (EventType.ChildWorkflowExecutionCanceled, e =>
                e.ChildWorkflowExecutionCanceledEventAttributes = new ChildWorkflowExecutionCanceledEventAttributes
                {
                    Details = last.WorkflowExecutionCanceledEventAttributes.Details,
                    Namespace = name,
                    NamespaceId = id,
                    WorkflowExecution = execution,
                    WorkflowType = type,
                    InitiatedEventId = child.InitiatedId,
                    StartedEventId = child.StartedId,
                }),
            WorkflowExecutionStatus.TimedOut => (EventType.ChildWorkflowExecutionTimedOut, e =>
                e.ChildWorkflowExecutionTimedOutEventAttributes = new ChildWorkflowExecutionTimedOutEventAttributes
                {
                    Namespace = name,
                    NamespaceId = id,
                    WorkflowExecution = execution,
                    WorkflowType = type,
                    InitiatedEventId = child.InitiatedId,
                    StartedEventId = child.StartedId,
                    RetryState = last.WorkflowExecutionTimedOutEventAttributes.RetryState,
                }),
            _ => (EventType.ChildWorkflowExecutionTerminated, e =>
                e.ChildWorkflowExecutionTerminatedEventAttributes = new ChildWorkflowExecutionTerminatedEventAttributes
                {
                    Namespace = name,
                    NamespaceId = id,
                    WorkflowExecution = execution,
                    WorkflowType = type,
                    InitiatedEventId = child.InitiatedId,
                    StartedEventId = child.StartedId,
                }),
        };
    }
}
