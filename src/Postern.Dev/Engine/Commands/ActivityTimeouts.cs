using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.TaskQueue.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>An activity's timeouts and retry policy, with what the worker left out filled in as the server does.</summary>
internal static class ActivityTimeouts
{
    public static ActivityTaskScheduledEventAttributes Complete(WorkflowRun run, ScheduleActivityTaskCommandAttributes command)
    {
        var run_ = Retry.Of(run.Start.RunTimeout);
        var total = Cap(Retry.Of(command.ScheduleToCloseTimeout), run_);
        var toStart = Cap(Retry.Of(command.ScheduleToStartTimeout), run_);
        var toClose = Cap(Retry.Of(command.StartToCloseTimeout), run_);
        if (total > TimeSpan.Zero)
        {
            toStart = toStart > TimeSpan.Zero ? Cap(toStart, total) : total;
            toClose = toClose > TimeSpan.Zero ? Cap(toClose, total) : total;
        }
        else
        {
            total = run_;
            toStart = toStart > TimeSpan.Zero ? toStart : run_;
        }

        var queue = command.TaskQueue?.Name is { Length: > 0 } named ? named : run.Start.TaskQueue;
        return new ActivityTaskScheduledEventAttributes
        {
            ActivityId = command.ActivityId,
            ActivityType = command.ActivityType,
            TaskQueue = new TaskQueue { Name = queue, Kind = TaskQueueKind.Normal },
            Header = command.Header,
            Input = command.Input,
            ScheduleToCloseTimeout = Duration.FromTimeSpan(total),
            ScheduleToStartTimeout = Duration.FromTimeSpan(toStart),
            StartToCloseTimeout = Duration.FromTimeSpan(toClose),
            HeartbeatTimeout = Duration.FromTimeSpan(Cap(Retry.Of(command.HeartbeatTimeout), toClose)),
            RetryPolicy = Retry.Complete(command.RetryPolicy),
            Priority = command.Priority,
        };
    }

    // Zero means without limit, on both sides.
    private static TimeSpan Cap(TimeSpan value, TimeSpan limit) => limit > TimeSpan.Zero && value > limit ? limit : value;
}
