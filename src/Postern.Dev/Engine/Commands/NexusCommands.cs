using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Nexus;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>Calling Nexus operations and cancelling them.</summary>
internal static class NexusCommands
{
    private const int MostName = 1000;
    private const int MaxInput = 2 * 1024 * 1024;

    public static void Schedule(EngineState state, WorkflowRun run, Command command, long completedId)
    {
        var attributes = command.ScheduleNexusOperationCommandAttributes;
        var scheduled = new NexusOperationScheduledEventAttributes
        {
            Endpoint = attributes.Endpoint,
            EndpointId = state.Endpoints.Find(attributes.Endpoint)?.Id ?? "",
            Service = attributes.Service,
            Operation = attributes.Operation,
            Input = attributes.Input,
            ScheduleToCloseTimeout = Within(attributes.ScheduleToCloseTimeout, run.Start.RunTimeout),
            ScheduleToStartTimeout = attributes.ScheduleToStartTimeout,
            StartToCloseTimeout = attributes.StartToCloseTimeout,
            WorkflowTaskCompletedEventId = completedId,
            RequestId = Guid.NewGuid().ToString(),
        };
        scheduled.NexusHeader.Add(attributes.NexusHeader);
        var written = run.Log.Append(EventType.NexusOperationScheduled, command, e => e.NexusOperationScheduledEventAttributes = scheduled);
        run.Nexus.Schedule(written.EventId, scheduled);
    }

    public static void Cancel(WorkflowRun run, Command command, long completedId)
    {
        var scheduledId = command.RequestCancelNexusOperationCommandAttributes.ScheduledEventId;
        var requested = run.Log.Append(EventType.NexusOperationCancelRequested, command, e => e.NexusOperationCancelRequestedEventAttributes =
            new NexusOperationCancelRequestedEventAttributes { ScheduledEventId = scheduledId, WorkflowTaskCompletedEventId = completedId });
        run.Nexus.RequestCancel(scheduledId, requested, completedId);
    }

    /// <param name="state">The engine.</param>
    /// <param name="run">The workflow that calls.</param>
    /// <param name="attributes">What it calls.</param>
    /// <param name="before">How many operations the same answer schedules before this one.</param>
    public static CommandRefusal? Check(EngineState state, WorkflowRun run, ScheduleNexusOperationCommandAttributes attributes, int before)
    {
        if (attributes.Endpoint == EndpointStore.System)
        {
            // No refusal of the task: the server answers the worker, and leaves the task to its time-out.
            return state.Options.SignalWithStartFromWorkflow
                ? SystemOperations.Check(attributes.Service, attributes.Operation, attributes.NexusHeader.Count, attributes.Input) is { } bad ? Bad(bad) : null
                : throw new RpcException(StatusCode.Unimplemented, "SignalWithStart operation is disabled");
        }

        if (state.Endpoints.Find(attributes.Endpoint) is null)
        {
            return Bad($"endpoint \"{attributes.Endpoint}\" not found");
        }

        var why = attributes.Service.Length > MostName ? $"ScheduleNexusOperationCommandAttributes.Service exceeds length limit of {MostName}"
            : attributes.Operation.Length > MostName ? $"ScheduleNexusOperationCommandAttributes.Operation exceeds length limit of {MostName}"
            : attributes.Input?.CalculateSize() > MaxInput ? "ScheduleNexusOperationCommandAttributes.Input exceeds size limit"
            : attributes.NexusHeader.Keys.FirstOrDefault(NexusRequests.IsDisallowed) is { } header
                ? $"ScheduleNexusOperationCommandAttributes.NexusHeader contains a disallowed header key: \"{header}\""
            : null;
        if (why is not null)
        {
            return Bad(why);
        }

        return run.Nexus.Count + before < NexusBook.MostPending ? null : new(
            WorkflowTaskFailedCause.PendingNexusOperationsLimitExceeded,
            $"PendingNexusOperationsLimitExceeded: workflow has reached the pending nexus operation limit of {NexusBook.MostPending} for this namespace");
    }

    public static CommandRefusal? CheckCancel(WorkflowRun run, RequestCancelNexusOperationCommandAttributes attributes) => run.Nexus.IsKnown(attributes.ScheduledEventId)
        ? null
        : new(
            WorkflowTaskFailedCause.BadRequestCancelNexusOperationAttributes,
            "BadRequestCancelNexusOperationAttributes: requested cancelation for a non-existing or already completed operation");

    private static CommandRefusal Bad(string why) => new(WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes, "BadScheduleNexusOperationAttributes: " + why);

    // No operation outlives its run.
    private static Duration? Within(Duration? asked, Duration? run)
    {
        var limit = Retry.Of(run);
        return limit > TimeSpan.Zero && (Retry.Of(asked) <= TimeSpan.Zero || Retry.Of(asked) > limit) ? run : asked;
    }
}
