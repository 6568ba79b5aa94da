using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Services;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>Looks at all commands of an answer before any is carried out, so that a refused answer leaves nothing behind.</summary>
internal static class CommandChecks
{
    public static CommandRefusal? Check(EngineState state, WorkflowRun run, IEnumerable<Command> commands)
    {
        var timers = new HashSet<string>(StringComparer.Ordinal);
        var activities = new HashSet<string>(StringComparer.Ordinal);
        var operations = 0;
        foreach (var command in commands)
        {
            var refusal = command.CommandType switch
            {
                CommandType.ScheduleActivityTask => Activity(run, command.ScheduleActivityTaskCommandAttributes, activities),
                CommandType.RequestCancelActivityTask => CancelActivity(run, command.RequestCancelActivityTaskCommandAttributes),
                CommandType.StartTimer => Timer(run, command.StartTimerCommandAttributes, timers),
                CommandType.CancelTimer => CancelTimer(command.CancelTimerCommandAttributes, timers),
                CommandType.RecordMarker when command.RecordMarkerCommandAttributes.MarkerName.Length == 0 =>
                    new CommandRefusal(WorkflowTaskFailedCause.BadRecordMarkerAttributes, "BadRecordMarkerAttributes: MarkerName is not set on RecordMarkerCommand."),
                CommandType.UpsertWorkflowSearchAttributes =>
                    SearchAttributes(run.Start.Namespace, command.UpsertWorkflowSearchAttributesCommandAttributes.SearchAttributes?.IndexedFields.Keys),
                CommandType.ContinueAsNewWorkflowExecution =>
                    SearchAttributes(run.Start.Namespace, command.ContinueAsNewWorkflowExecutionCommandAttributes.SearchAttributes?.IndexedFields.Keys),
                CommandType.StartChildWorkflowExecution => Child(state, run, command.StartChildWorkflowExecutionCommandAttributes),
                CommandType.SignalExternalWorkflowExecution => Signal(state, run, command.SignalExternalWorkflowExecutionCommandAttributes),
                CommandType.RequestCancelExternalWorkflowExecution => CancelExternal(state, run, command.RequestCancelExternalWorkflowExecutionCommandAttributes),
                CommandType.ScheduleNexusOperation => NexusCommands.Check(state, run, command.ScheduleNexusOperationCommandAttributes, operations++),
                CommandType.RequestCancelNexusOperation => NexusCommands.CheckCancel(run, command.RequestCancelNexusOperationCommandAttributes),
                _ => null,
            };
            if (refusal is not null)
            {
                return refusal;
            }

            if (IsClose(command.CommandType))
            {
                // A signal or the like that the workflow hasn't seen: it must, before it may end.
                return run.Log.HasBuffered || run.Updates.HasUnsent ? new CommandRefusal(WorkflowTaskFailedCause.UnhandledCommand, "UnhandledCommand") : null;
            }
        }

        return null;
    }

    public static bool IsClose(CommandType type) => type is CommandType.CompleteWorkflowExecution or CommandType.FailWorkflowExecution
        or CommandType.CancelWorkflowExecution or CommandType.ContinueAsNewWorkflowExecution;

    private static CommandRefusal? Activity(WorkflowRun run, ScheduleActivityTaskCommandAttributes attributes, HashSet<string> seen)
    {
        if (run.Activities.HasId(attributes.ActivityId) || !seen.Add(attributes.ActivityId))
        {
            return new(WorkflowTaskFailedCause.ScheduleActivityDuplicateId, "ScheduleActivityDuplicateId: ActivityId already exists");
        }

        string? why = null;
        if (attributes.ActivityId.Length == 0)
        {
            why = "ActivityId is not set on ScheduleActivityTaskCommand.";
        }
        else if (string.IsNullOrEmpty(attributes.ActivityType?.Name))
        {
            why = $"ActivityType is not set on ScheduleActivityTaskCommand. ActivityId={attributes.ActivityId}";
        }
        else if (Retry.Of(attributes.ScheduleToCloseTimeout) <= TimeSpan.Zero && Retry.Of(attributes.StartToCloseTimeout) <= TimeSpan.Zero)
        {
            why = $"A valid StartToClose or ScheduleToCloseTimeout is not set on ScheduleActivityTaskCommand. ActivityId={attributes.ActivityId} ActivityType={attributes.ActivityType.Name}";
        }

        return why is null ? null : new(WorkflowTaskFailedCause.BadScheduleActivityAttributes, "BadScheduleActivityAttributes: " + why);
    }

    private static CommandRefusal? CancelActivity(WorkflowRun run, RequestCancelActivityTaskCommandAttributes attributes) =>
        attributes.ScheduledEventId > 0 && attributes.ScheduledEventId < run.Log.NextId + 10_000
            ? null
            : new(WorkflowTaskFailedCause.BadRequestCancelActivityAttributes, "BadRequestCancelActivityAttributes: ScheduledEventId is not set on RequestCancelActivityCommand.");

    private static CommandRefusal? Timer(WorkflowRun run, StartTimerCommandAttributes attributes, HashSet<string> seen)
    {
        if (attributes.TimerId.Length == 0)
        {
            return new(WorkflowTaskFailedCause.BadStartTimerAttributes, "BadStartTimerAttributes: TimerId is not set on StartTimerCommand.");
        }

        return run.Timers.Has(attributes.TimerId) || !seen.Add(attributes.TimerId)
            ? new(WorkflowTaskFailedCause.StartTimerDuplicateId, "StartTimerDuplicateId: TimerId already exists")
            : null;
    }

    private static CommandRefusal? CancelTimer(CancelTimerCommandAttributes attributes, HashSet<string> seen)
    {
        seen.Remove(attributes.TimerId);
        return attributes.TimerId.Length > 0
            ? null
            : new(WorkflowTaskFailedCause.BadCancelTimerAttributes, "BadCancelTimerAttributes: TimerId is not set on CancelTimerCommand.");
    }

    private static CommandRefusal? SearchAttributes(NamespaceEntry? space, IEnumerable<string>? names)
    {
        var unknown = names?.FirstOrDefault(n => space?.SearchAttributes.Find(n) is null);
        return space is null || unknown is null
            ? null
            : new(WorkflowTaskFailedCause.BadSearchAttributes, $"BadSearchAttributes: Namespace {space.Name} has no mapping defined for search attribute {unknown}");
    }

#pragma warning disable CS0612 // The API deprecates the namespace of commands; workers may still fill it in, and the server looks at it.
    private static CommandRefusal? Child(EngineState state, WorkflowRun run, StartChildWorkflowExecutionCommandAttributes attributes)
    {
        if (Elsewhere(state, run, attributes.Namespace))
        {
            return new(WorkflowTaskFailedCause.BadStartChildExecutionAttributes, "BadStartChildExecutionAttributes: cross namespace commands are not allowed");
        }

        var why = attributes.WorkflowId.Length == 0 ? "Required field WorkflowId is not set on StartChildWorkflowExecutionCommand."
            : string.IsNullOrEmpty(attributes.WorkflowType?.Name) ? "Required field WorkflowType is not set on StartChildWorkflowExecutionCommand."
            : null;
        return why is null
            ? SearchAttributes(CommandTarget.Of(state, run, attributes.Namespace).Space, attributes.SearchAttributes?.IndexedFields.Keys)
            : new(WorkflowTaskFailedCause.BadStartChildExecutionAttributes, "BadStartChildExecutionAttributes: " + why);
    }

    private static CommandRefusal? Signal(EngineState state, WorkflowRun run, SignalExternalWorkflowExecutionCommandAttributes attributes)
    {
        if (Elsewhere(state, run, attributes.Namespace))
        {
            return new(WorkflowTaskFailedCause.BadSignalWorkflowExecutionAttributes, "BadSignalWorkflowExecutionAttributes: cross namespace commands are not allowed");
        }

        return attributes.SignalName.Length == 0 || string.IsNullOrEmpty(attributes.Execution?.WorkflowId)
            ? new(WorkflowTaskFailedCause.BadSignalWorkflowExecutionAttributes, "BadSignalWorkflowExecutionAttributes: SignalName or WorkflowId is not set on SignalExternalWorkflowExecutionCommand.")
            : null;
    }

    private static CommandRefusal? CancelExternal(EngineState state, WorkflowRun run, RequestCancelExternalWorkflowExecutionCommandAttributes attributes)
    {
        if (Elsewhere(state, run, attributes.Namespace))
        {
            return new(
                WorkflowTaskFailedCause.BadRequestCancelExternalWorkflowExecutionAttributes,
                "BadRequestCancelExternalWorkflowExecutionAttributes: cross namespace commands are not allowed");
        }

        return attributes.WorkflowId.Length == 0
            ? new(
                WorkflowTaskFailedCause.BadRequestCancelExternalWorkflowExecutionAttributes,
                "BadRequestCancelExternalWorkflowExecutionAttributes: WorkflowId is not set on RequestCancelExternalWorkflowExecutionCommand.")
            : null;
    }
#pragma warning restore CS0612

    private static bool Elsewhere(EngineState state, WorkflowRun run, string namespaceName) =>
        !state.Options.CrossNamespaceCommands && namespaceName.Length > 0 && namespaceName != run.Start.Namespace.Name;
}
