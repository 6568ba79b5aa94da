using Postern.Dev.Engine.Nexus;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>A Nexus operation that a workflow waits for.</summary>
internal sealed class NexusOperation(long scheduledId, NexusOperationScheduledEventAttributes scheduled, DateTimeOffset now)
{
    public long ScheduledId { get; } = scheduledId;

    public NexusOperationScheduledEventAttributes Scheduled { get; } = scheduled;

    public DateTimeOffset ScheduledAt { get; } = now;

    /// <summary>When the caller stops waiting; null: when its run ends.</summary>
    public DateTimeOffset? Deadline { get; } = Retry.Of(scheduled.ScheduleToCloseTimeout) is { } total && total > TimeSpan.Zero ? now + total : null;

    /// <summary>The handler answered that it will complete it later; <see cref="Token"/> is its name for it.</summary>
    public bool Started { get; set; }

    public string Token { get; set; } = "";

    public int Attempt { get; set; }

    public bool BackingOff { get; set; }

    public Failure? LastFailure { get; set; }

    /// <summary>The request that is with a handler or waits for one.</summary>
    public NexusTask? Task { get; set; }

    /// <summary>The event by which the workflow cancels it; 0 while it doesn't.</summary>
    public long CancelRequestedId { get; set; }

    public long CancelCompletedId { get; set; }

    public DateTimeOffset CancelRequestedAt { get; set; }

    public int CancelAttempt { get; set; }

    public List<EngineTimers.Entry> Timers { get; } = [];

    public EngineTimers.Entry? StartTimer { get; set; }

    public void End(EngineState state)
    {
        Task?.Withdraw(state);
        StartTimer?.Cancel();
        foreach (var timer in Timers)
        {
            timer.Cancel();
        }
    }
}
