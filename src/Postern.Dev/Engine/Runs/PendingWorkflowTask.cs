using Temporalio.Api.TaskQueue.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>What of a workflow task stands in the history.</summary>
internal enum WorkflowTaskKind
{
    /// <summary>Scheduled and started are events like any other.</summary>
    Normal,

    /// <summary>A further attempt after a failure: nothing is written until it succeeds.</summary>
    Transient,

    /// <summary>Made for an update only: leaves no trace if the worker rejects it.</summary>
    Speculative,
}

/// <summary>A workflow task that waits for a worker or is with one.</summary>
internal sealed class PendingWorkflowTask
{
    public required WorkflowTaskKind Kind { get; set; }

    public required long ScheduledId { get; set; }

    public required int Attempt { get; set; }

    public required DateTimeOffset ScheduledAt { get; init; }

    public required TaskQueue Queue { get; init; }

    public required bool Sticky { get; init; }

    public long StartedId { get; set; }

    public DateTimeOffset? StartedAt { get; set; }

    public string Identity { get; set; } = "";

    public string RequestId { get; set; } = "";

    public EngineTimers.Entry? Timer { get; set; }

    public bool Started => StartedAt is not null;
}
