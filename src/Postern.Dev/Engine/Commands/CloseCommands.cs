using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.TaskQueue.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>The commands that end a run.</summary>
internal static class CloseCommands
{
    public static void Carry(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        switch (command.CommandType)
        {
            case CommandType.CompleteWorkflowExecution:
                Complete(state, run, command, completedId);
                break;
            case CommandType.FailWorkflowExecution:
                Fail(state, run, command, completedId);
                break;
            case CommandType.CancelWorkflowExecution:
                var details = command.CancelWorkflowExecutionCommandAttributes.Details;
                run.Log.Append(EventType.WorkflowExecutionCanceled, command, e => e.WorkflowExecutionCanceledEventAttributes =
                    new WorkflowExecutionCanceledEventAttributes { WorkflowTaskCompletedEventId = completedId, Details = details });
                run.Close(WorkflowExecutionStatus.Canceled);
                break;
            case CommandType.ContinueAsNewWorkflowExecution:
                ContinueAsNew(state, run, command, completedId);
                break;
            default:
                throw new RpcException(StatusCode.InvalidArgument, $"Unknown command type: {command.CommandType}");
        }
    }

    private static void Complete(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.CompleteWorkflowExecutionCommandAttributes;
        var next = RunChain.AfterSuccess(state, run, attributes.Result);
        run.Log.Append(EventType.WorkflowExecutionCompleted, command, e => e.WorkflowExecutionCompletedEventAttributes = new WorkflowExecutionCompletedEventAttributes
        {
            Result = attributes.Result,
            WorkflowTaskCompletedEventId = completedId,
            NewExecutionRunId = next?.RunId ?? "",
        });
        run.Close(WorkflowExecutionStatus.Completed, next?.RunId ?? "");
        RunChain.Follow(state, next);
    }

    private static void Fail(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.FailWorkflowExecutionCommandAttributes;
        var (why, next) = RunChain.AfterFailure(state, run, attributes.Failure);
        run.Log.Append(EventType.WorkflowExecutionFailed, command, e => e.WorkflowExecutionFailedEventAttributes = new WorkflowExecutionFailedEventAttributes
        {
            Failure = attributes.Failure,
            RetryState = why,
            WorkflowTaskCompletedEventId = completedId,
            NewExecutionRunId = next?.RunId ?? "",
        });
        run.Close(WorkflowExecutionStatus.Failed, next?.RunId ?? "");
        RunChain.Follow(state, next);
    }

    private static void ContinueAsNew(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.ContinueAsNewWorkflowExecutionCommandAttributes;
        var next = RunChain.AsNew(state, run, attributes);
        run.Log.Append(EventType.WorkflowExecutionContinuedAsNew, command, e => e.WorkflowExecutionContinuedAsNewEventAttributes =
            new WorkflowExecutionContinuedAsNewEventAttributes
            {
                NewExecutionRunId = next.RunId,
                WorkflowType = new WorkflowType { Name = next.Type },
                TaskQueue = new TaskQueue { Name = next.TaskQueue, Kind = TaskQueueKind.Normal },
                Input = next.Input,
                WorkflowRunTimeout = next.RunTimeout ?? new Duration(),
                WorkflowTaskTimeout = Duration.FromTimeSpan(next.TaskTimeout),
                WorkflowTaskCompletedEventId = completedId,
                BackoffStartInterval = attributes.BackoffStartInterval,
                Initiator = attributes.Initiator,
                LastCompletionResult = attributes.LastCompletionResult,
                Header = attributes.Header,
                Memo = attributes.Memo,
                SearchAttributes = attributes.SearchAttributes,
            });
        run.Close(WorkflowExecutionStatus.ContinuedAsNew, next.RunId);
        RunChain.Follow(state, next);
    }
}
