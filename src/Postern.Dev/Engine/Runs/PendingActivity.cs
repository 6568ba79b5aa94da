using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Queues;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>An activity between its schedule and its end.</summary>
internal sealed class PendingActivity(long scheduledId, ActivityTaskScheduledEventAttributes scheduled, DateTimeOffset now)
{
    public long ScheduledId { get; } = scheduledId;

    public ActivityTaskScheduledEventAttributes Scheduled { get; } = scheduled;

    public string Id => Scheduled.ActivityId;

    public DateTimeOffset FirstScheduledAt { get; } = now;

    public DateTimeOffset ScheduledAt { get; set; } = now;

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? LastStartedAt { get; set; }

    public DateTimeOffset? LastHeartbeatAt { get; set; }

    public DateTimeOffset? LastEndedAt { get; set; }

    public Payloads? HeartbeatDetails { get; set; }

    public Failure? LastFailure { get; set; }

    public string Identity { get; set; } = "";

    public string RequestId { get; set; } = "";

    public int Attempt { get; set; } = 1;

    public bool CancelRequested { get; set; }

    public long CancelRequestedId { get; set; }

    /// <summary>Number of its start event, known when that is written: at its end.</summary>
    public long StartedId { get; set; }

    public EngineTimers.Entry? AttemptTimer { get; set; }

    public EngineTimers.Entry? HeartbeatTimer { get; set; }

    public EngineTimers.Entry? TotalTimer { get; set; }

    public EngineTimers.Entry? RetryTimer { get; set; }

    public bool Started => StartedAt is not null;

    public DateTimeOffset? Deadline => Retry.Of(Scheduled.ScheduleToCloseTimeout) is { } total && total > TimeSpan.Zero ? FirstScheduledAt + total : null;

    public void EndAttempt()
    {
        AttemptTimer?.Cancel();
        HeartbeatTimer?.Cancel();
        RetryTimer?.Cancel();
    }

    public void End()
    {
        EndAttempt();
        TotalTimer?.Cancel();
    }
}

/// <summary>An activity's attempt in a queue.</summary>
internal sealed class ActivityWork(ActivityBook book, PendingActivity activity, int attempt) : IQueuedWork<PollActivityTaskQueueResponse>
{
    public bool Alive => book.Holds(activity) && activity.Attempt == attempt && !activity.Started;

    public PollActivityTaskQueueResponse Start(Poller poller) => book.Begin(activity, poller);
}
