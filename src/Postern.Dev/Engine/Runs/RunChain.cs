using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>What follows on a run: a retry, the next tick of its cron, or what it continues as.</summary>
internal static class RunChain
{
    /// <summary>After a failure: a retry if the policy has one, else the next cron tick.</summary>
    public static (RetryState State, RunStart? Start) AfterFailure(EngineState state, WorkflowRun run, Failure? failure)
    {
        var (next, wait) = Retry.Next(run.Start.RetryPolicy, run.Start.Attempt, failure, state.Now, run.Start.ExecutionExpiration);
        if (next == RetryState.InProgress)
        {
            return (next, Next(run, ContinueAsNewInitiator.Retry, wait) with { Attempt = run.Start.Attempt + 1, ContinuedFailure = failure });
        }

        return Cron(state, run) is { } tick
            ? (RetryState.InProgress, Next(run, ContinueAsNewInitiator.CronSchedule, tick) with { ContinuedFailure = failure })
            : (next, null);
    }

    public static (RetryState State, RunStart? Start) AfterTimeout(EngineState state, WorkflowRun run)
    {
        if (run.Start.ExecutionExpiration <= state.Now)
        {
            return (RetryState.Timeout, null);
        }

        return AfterFailure(state, run, new Failure
        {
            Message = "workflow timeout",
            Source = "Server",
            TimeoutFailureInfo = new TimeoutFailureInfo { TimeoutType = TimeoutType.StartToClose },
        });
    }

    public static RunStart? AfterSuccess(EngineState state, WorkflowRun run, Payloads? result) =>
        Cron(state, run) is { } tick ? Next(run, ContinueAsNewInitiator.CronSchedule, tick) with { LastResult = result } : null;

    public static RunStart AsNew(EngineState state, WorkflowRun run, ContinueAsNewWorkflowExecutionCommandAttributes command)
    {
        var least = run.ExecutionTime + state.Options.ContinueAsNewInterval - state.Now;
        var wait = Max(Retry.Of(command.BackoffStartInterval), least);
        var initiator = command.Initiator == ContinueAsNewInitiator.Unspecified ? ContinueAsNewInitiator.Workflow : command.Initiator;
        return Next(run, initiator, wait) with
        {
            Type = Or(command.WorkflowType?.Name, run.Start.Type),
            TaskQueue = Or(command.TaskQueue?.Name, run.Start.TaskQueue),
            Input = command.Input,
            Header = command.Header,
            Memo = command.Memo ?? run.Memo,
            SearchAttributes = run.Start.Namespace.SearchAttributes.Typed(command.SearchAttributes, run.Start.Namespace.Name) ?? run.SearchAttributes,
            RunTimeout = command.WorkflowRunTimeout ?? run.Start.RunTimeout,
            TaskTimeout = Retry.Of(command.WorkflowTaskTimeout) is { } task && task > TimeSpan.Zero ? task : run.Start.TaskTimeout,
            RetryPolicy = command.RetryPolicy is null ? run.Start.RetryPolicy : Retry.Complete(command.RetryPolicy),
            Cron = command.CronSchedule.Length > 0 ? command.CronSchedule : run.Start.Cron,
            ContinuedFailure = command.Failure,
            LastResult = command.LastCompletionResult,
        };
    }

    /// <summary>Starts the successor, if there is one.</summary>
    public static void Follow(EngineState state, RunStart? start)
    {
        if (start is not null)
        {
            // Its first event is written at once, with the end of the run before; both are one step.
            var run = RunStarter.Start(state, start);
            run.Go();
        }
    }

    /// <summary>Until the cron's next tick; null without a cron.</summary>
    public static TimeSpan? Cron(EngineState state, WorkflowRun run) =>
        run.Start.Cron.Length == 0 ? null : CronSchedule.Parse(run.Start.Cron)?.Next(run.ExecutionTime, state.Now) - state.Now;

    private static RunStart Next(WorkflowRun run, ContinueAsNewInitiator initiator, TimeSpan backoff) => run.Start with
    {
        RunId = Guid.NewGuid().ToString(),
        OriginalRunId = "",
        // Nobody asked for this run; the chain's first says who began it.
        Identity = "",
        UserMetadata = null,
        ContinuedRunId = run.RunId,
        Initiator = initiator,
        Backoff = Max(backoff, TimeSpan.Zero),
        Attempt = 1,
        ContinuedFailure = null,
        Memo = run.Memo,
        SearchAttributes = run.SearchAttributes,
        EagerAccepted = false,
        Callbacks = run.Callbacks.All,
        Links = [],
    };

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static string Or(string? value, string other) => string.IsNullOrEmpty(value) ? other : value;
}
