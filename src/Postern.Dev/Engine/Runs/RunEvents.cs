using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.TaskQueue.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>Attributes of the events that more than one place writes.</summary>
internal static class RunEvents
{
    public static Action<HistoryEvent> Started(WorkflowRun run) => e =>
    {
        var start = run.Start;
        e.UserMetadata = start.UserMetadata;
        // The links that a callback holds aren't written twice.
        e.Links.Add(start.Links.Except(start.Callbacks.SelectMany(c => c.Links)));
        e.WorkflowExecutionStartedEventAttributes = new WorkflowExecutionStartedEventAttributes
        {
            WorkflowType = new WorkflowType { Name = start.Type },
            TaskQueue = new TaskQueue { Name = start.TaskQueue, Kind = TaskQueueKind.Normal },
            Input = start.Input,
            WorkflowExecutionTimeout = start.ExecutionTimeout,
            WorkflowRunTimeout = start.RunTimeout,
            WorkflowTaskTimeout = Duration.FromTimeSpan(start.TaskTimeout),
            ContinuedExecutionRunId = start.ContinuedRunId,
            Initiator = start.Initiator,
            ContinuedFailure = start.ContinuedFailure,
            LastCompletionResult = start.LastResult,
            OriginalExecutionRunId = start.OriginalRunId,
            Identity = start.Identity,
            FirstExecutionRunId = start.FirstRunId,
            RetryPolicy = start.RetryPolicy,
            Attempt = start.Attempt,
            WorkflowExecutionExpirationTime = start.ExecutionExpiration is { } expiration ? Timestamp.FromDateTimeOffset(expiration) : null,
            CronSchedule = start.Cron,
            FirstWorkflowTaskBackoff = Duration.FromTimeSpan(start.Backoff),
            Memo = start.Memo,
            SearchAttributes = start.SearchAttributes,
            Header = start.Header,
            WorkflowId = start.WorkflowId,
            Priority = start.Priority,
            EagerExecutionAccepted = start.EagerAccepted,
            CompletionCallbacks = { start.Callbacks },
        };
        if (start.Parent is { } parent)
        {
            var attributes = e.WorkflowExecutionStartedEventAttributes;
            attributes.ParentWorkflowNamespace = parent.Run.Start.Namespace.Name;
            attributes.ParentWorkflowNamespaceId = parent.Run.Start.Namespace.Id;
            attributes.ParentWorkflowExecution = parent.Run.Execution;
            attributes.ParentInitiatedEventId = parent.InitiatedEventId;
            attributes.RootWorkflowExecution = start.Root;
        }
    };

    public static Action<HistoryEvent> Signaled(WorkflowExecutionSignaledEventAttributes attributes, IReadOnlyCollection<Link>? links) => e =>
    {
        e.Links.Add(links ?? []);
        e.WorkflowExecutionSignaledEventAttributes = attributes;
    };

    public static Action<HistoryEvent> TaskScheduled(WorkflowRun run, PendingWorkflowTask task) => e =>
        e.WorkflowTaskScheduledEventAttributes = new WorkflowTaskScheduledEventAttributes
        {
            TaskQueue = task.Queue,
            StartToCloseTimeout = Duration.FromTimeSpan(run.Start.TaskTimeout),
            Attempt = task.Attempt,
        };

    public static Action<HistoryEvent> TaskStarted(WorkflowRun run, PendingWorkflowTask task) => e =>
        e.WorkflowTaskStartedEventAttributes = new WorkflowTaskStartedEventAttributes
        {
            ScheduledEventId = task.ScheduledId,
            Identity = task.Identity,
            RequestId = task.RequestId,
            HistorySizeBytes = run.Log.SizeBytes,
            SuggestContinueAsNew = run.Log.Events.Count > 4096,
        };

    public static Action<HistoryEvent> TaskFailed(PendingWorkflowTask task, WorkflowTaskFailedCause cause, Failure? failure, string identity) => e =>
        e.WorkflowTaskFailedEventAttributes = new WorkflowTaskFailedEventAttributes
        {
            ScheduledEventId = task.ScheduledId,
            StartedEventId = task.StartedId,
            Cause = cause,
            Failure = failure,
            Identity = identity,
        };
}
