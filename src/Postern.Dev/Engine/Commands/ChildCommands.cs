using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.TaskQueue.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>Starting children.</summary>
internal static class ChildCommands
{
    public static void Start(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.StartChildWorkflowExecutionCommandAttributes;
#pragma warning disable CS0612 // Deprecated, but workers may still fill it in, and the server looks at it.
        var target = CommandTarget.Of(state, run, attributes.Namespace);
#pragma warning restore CS0612
        var queue = attributes.TaskQueue?.Name is { Length: > 0 } named ? named : run.Start.TaskQueue;
        var taskTimeout = Retry.Of(attributes.WorkflowTaskTimeout) is { } task && task > TimeSpan.Zero ? task : TimeSpan.FromSeconds(10);
        var policy = attributes.RetryPolicy is null ? null : Retry.Complete(attributes.RetryPolicy);
        var initiated = new StartChildWorkflowExecutionInitiatedEventAttributes
        {
            Namespace = target.Name,
            NamespaceId = target.Id,
            WorkflowId = attributes.WorkflowId,
            WorkflowType = attributes.WorkflowType,
            TaskQueue = new TaskQueue { Name = queue, Kind = TaskQueueKind.Normal },
            Input = attributes.Input,
            WorkflowExecutionTimeout = attributes.WorkflowExecutionTimeout,
            WorkflowRunTimeout = attributes.WorkflowRunTimeout ?? new Duration(),
            WorkflowTaskTimeout = Duration.FromTimeSpan(taskTimeout),
            ParentClosePolicy = attributes.ParentClosePolicy == ParentClosePolicy.Unspecified ? ParentClosePolicy.Terminate : attributes.ParentClosePolicy,
            WorkflowTaskCompletedEventId = completedId,
            WorkflowIdReusePolicy = attributes.WorkflowIdReusePolicy == WorkflowIdReusePolicy.Unspecified
                ? WorkflowIdReusePolicy.AllowDuplicate
                : attributes.WorkflowIdReusePolicy,
            RetryPolicy = policy,
            CronSchedule = attributes.CronSchedule,
            Header = attributes.Header,
            Memo = attributes.Memo,
            SearchAttributes = attributes.SearchAttributes,
            Priority = attributes.Priority,
        };
        var written = run.Log.Append(
            EventType.StartChildWorkflowExecutionInitiated, command, e => e.StartChildWorkflowExecutionInitiatedEventAttributes = initiated);
        run.Children.Initiate(written.EventId, initiated, target.Space is not { } space ? null : () =>
        {
            var executionTimeout = Retry.Of(initiated.WorkflowExecutionTimeout);
            return new RunStart
            {
                Namespace = space,
                WorkflowId = initiated.WorkflowId,
                RunId = Guid.CreateVersion7(state.Now).ToString(),
                Type = initiated.WorkflowType.Name,
                TaskQueue = queue,
                Input = initiated.Input,
                Header = initiated.Header,
                Memo = initiated.Memo,
                SearchAttributes = space.SearchAttributes.Typed(initiated.SearchAttributes, space.Name),
                UserMetadata = command.UserMetadata,
                Priority = initiated.Priority,
                ExecutionTimeout = initiated.WorkflowExecutionTimeout,
                RunTimeout = initiated.WorkflowRunTimeout,
                TaskTimeout = taskTimeout,
                RetryPolicy = policy,
                Cron = initiated.CronSchedule,
                RequestId = Guid.NewGuid().ToString(),
                ExecutionExpiration = executionTimeout > TimeSpan.Zero ? state.Now + executionTimeout : null,
                Backoff = CronSchedule.Parse(initiated.CronSchedule) is { } cron ? cron.Next(state.Now, state.Now) - state.Now : TimeSpan.Zero,
                Parent = new ParentLink(run, written.EventId),
                Root = run.Start.Root ?? run.Execution,
            };
        });
    }
}
