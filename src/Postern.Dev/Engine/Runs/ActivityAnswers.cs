using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>What a worker is told with an activity task.</summary>
internal static class ActivityAnswers
{
    public static PollActivityTaskQueueResponse Task(WorkflowRun run, PendingActivity activity)
    {
        var scheduled = activity.Scheduled;
        return new PollActivityTaskQueueResponse
        {
            TaskToken = new TaskToken
            {
                NamespaceId = run.Start.Namespace.Id,
                WorkflowId = run.WorkflowId,
                RunId = run.RunId,
                ScheduledEventId = activity.ScheduledId,
                Attempt = activity.Attempt,
                ActivityId = activity.Id,
                ActivityType = scheduled.ActivityType.Name,
            }.ToBytes(),
            WorkflowNamespace = run.Start.Namespace.Name,
            WorkflowType = new WorkflowType { Name = run.Start.Type },
            WorkflowExecution = run.Execution,
            ActivityType = scheduled.ActivityType,
            ActivityId = activity.Id,
            Header = scheduled.Header,
            Input = scheduled.Input,
            HeartbeatDetails = activity.HeartbeatDetails,
            ScheduledTime = Timestamp.FromDateTimeOffset(activity.FirstScheduledAt),
            CurrentAttemptScheduledTime = Timestamp.FromDateTimeOffset(activity.ScheduledAt),
            StartedTime = Timestamp.FromDateTimeOffset(activity.StartedAt!.Value),
            Attempt = activity.Attempt,
            ScheduleToCloseTimeout = scheduled.ScheduleToCloseTimeout,
            StartToCloseTimeout = scheduled.StartToCloseTimeout,
            HeartbeatTimeout = scheduled.HeartbeatTimeout,
            RetryPolicy = scheduled.RetryPolicy,
            Priority = scheduled.Priority,
        };
    }
}
