using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>What a caller's history says about its Nexus operations.</summary>
internal static class NexusEvents
{
#pragma warning disable CS0612 // The operation's id is deprecated, and still written by the server.
    public static Action<HistoryEvent> Started(NexusOperation operation, IEnumerable<Link> links) => e =>
    {
        e.Links.Add(links);
        e.NexusOperationStartedEventAttributes = new NexusOperationStartedEventAttributes
        {
            ScheduledEventId = operation.ScheduledId,
            OperationId = operation.Token,
            OperationToken = operation.Token,
            RequestId = operation.Scheduled.RequestId,
        };
    };

    public static Action<HistoryEvent> Completed(NexusOperation operation, Payload? result, IEnumerable<Link> links) => e =>
    {
        e.Links.Add(links);
        e.NexusOperationCompletedEventAttributes = new NexusOperationCompletedEventAttributes
        {
            ScheduledEventId = operation.ScheduledId,
            Result = result,
            RequestId = operation.Scheduled.RequestId,
        };
    };

    /// <summary>Failed, cancelled or timed out, as the failure says.</summary>
    public static (EventType Type, Action<HistoryEvent> Fill) Ended(NexusOperation operation, Failure cause)
    {
        var failure = Wrapped(operation, cause);
        var (id, request) = (operation.ScheduledId, operation.Scheduled.RequestId);
        return cause.FailureInfoCase == Failure.FailureInfoOneofCase.CanceledFailureInfo
            ? (EventType.NexusOperationCanceled, e => e.NexusOperationCanceledEventAttributes =
                new NexusOperationCanceledEventAttributes { ScheduledEventId = id, Failure = failure, RequestId = request })
            : (EventType.NexusOperationFailed, e => e.NexusOperationFailedEventAttributes =
                new NexusOperationFailedEventAttributes { ScheduledEventId = id, Failure = failure, RequestId = request });
    }

    public static Action<HistoryEvent> TimedOut(NexusOperation operation, TimeoutType type) => e =>
        e.NexusOperationTimedOutEventAttributes = new NexusOperationTimedOutEventAttributes
        {
            ScheduledEventId = operation.ScheduledId,
            RequestId = operation.Scheduled.RequestId,
            Failure = Wrapped(operation, new Failure { Message = "operation timed out", TimeoutFailureInfo = new TimeoutFailureInfo { TimeoutType = type } }),
        };

    public static Action<HistoryEvent> CancelDelivered(NexusOperation operation) => e =>
        e.NexusOperationCancelRequestCompletedEventAttributes = new NexusOperationCancelRequestCompletedEventAttributes
        {
            RequestedEventId = operation.CancelRequestedId,
            WorkflowTaskCompletedEventId = operation.CancelCompletedId,
            ScheduledEventId = operation.ScheduledId,
        };

    public static Action<HistoryEvent> CancelFailed(NexusOperation operation, Failure cause) => e =>
        e.NexusOperationCancelRequestFailedEventAttributes = new NexusOperationCancelRequestFailedEventAttributes
        {
            RequestedEventId = operation.CancelRequestedId,
            WorkflowTaskCompletedEventId = operation.CancelCompletedId,
            ScheduledEventId = operation.ScheduledId,
            Failure = Wrapped(operation, cause),
        };

    private static Failure Wrapped(NexusOperation operation, Failure cause) => new()
    {
        Message = "nexus operation completed unsuccessfully",
        Cause = cause,
        NexusOperationExecutionFailureInfo = new NexusOperationFailureInfo
        {
            ScheduledEventId = operation.ScheduledId,
            Endpoint = operation.Scheduled.Endpoint,
            Service = operation.Scheduled.Service,
            Operation = operation.Scheduled.Operation,
            OperationId = operation.Token,
            OperationToken = operation.Token,
        },
    };
#pragma warning restore CS0612
}
