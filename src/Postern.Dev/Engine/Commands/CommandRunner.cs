using Postern.Dev.Engine.Queues;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Protocol.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Commands;

/// <summary>Carries out a worker's commands, in their order, after they were checked.</summary>
internal sealed class CommandRunner(EngineState state, WorkflowRun run, RespondWorkflowTaskCompletedRequest answer, long completedId)
{
    private readonly Dictionary<string, Message> messages = answer.Messages.ToDictionary(m => m.Id, StringComparer.Ordinal);

    /// <summary>Activities that the answer's worker gets at once, without a poll.</summary>
    public List<PollActivityTaskQueueResponse> EagerActivities { get; } = [];

    /// <summary>Something happened that the workflow must hear of, though nothing came from outside.</summary>
    public bool NeedsTask { get; private set; }

    public void Run()
    {
        foreach (var command in answer.Commands)
        {
            Carry(command);
            if (!run.Running)
            {
                break;
            }
        }

        foreach (var message in answer.Messages)
        {
            if (run.Running && messages.Remove(message.Id))
            {
                run.Updates.Handle(message);
            }
        }

        if (run.Running)
        {
            run.Updates.RejectUnanswered();
        }
    }

    private void Carry(Command command)
    {
        switch (command.CommandType)
        {
            case CommandType.ScheduleActivityTask:
                ScheduleActivity(command);
                break;
            case CommandType.RequestCancelActivityTask:
                CancelActivity(command);
                break;
            case CommandType.StartTimer:
                StartTimer(command);
                break;
            case CommandType.CancelTimer:
                CancelTimer(command);
                break;
            case CommandType.ProtocolMessage:
                if (messages.Remove(command.ProtocolMessageCommandAttributes.MessageId, out var message))
                {
                    run.Updates.Handle(message);
                }

                break;
            case CommandType.RecordMarker:
            case CommandType.UpsertWorkflowSearchAttributes:
            case CommandType.ModifyWorkflowProperties:
                NoteCommands.Carry(run, command, completedId);
                break;
            case CommandType.StartChildWorkflowExecution:
                ChildCommands.Start(state, run, command, completedId);
                break;
            case CommandType.SignalExternalWorkflowExecution:
                ExternalCommands.Signal(state, run, command, completedId);
                break;
            case CommandType.RequestCancelExternalWorkflowExecution:
                ExternalCommands.Cancel(state, run, command, completedId);
                break;
            case CommandType.ScheduleNexusOperation:
                NexusCommands.Schedule(state, run, command, completedId);
                break;
            case CommandType.RequestCancelNexusOperation:
                NexusCommands.Cancel(run, command, completedId);
                break;
            default:
                CloseCommands.Carry(state, run, command, completedId);
                break;
        }
    }

    private void ScheduleActivity(Command command)
    {
        var attributes = command.ScheduleActivityTaskCommandAttributes;
        var scheduled = ActivityTimeouts.Complete(run, attributes);
        scheduled.WorkflowTaskCompletedEventId = completedId;
        var written = run.Log.Append(EventType.ActivityTaskScheduled, command, e => e.ActivityTaskScheduledEventAttributes = scheduled);
        var eager = attributes.RequestEagerExecution && scheduled.TaskQueue.Name == run.Start.TaskQueue;
        var activity = run.Activities.Schedule(written.EventId, scheduled, dispatch: !eager);
        if (eager)
        {
            EagerActivities.Add(run.Activities.Begin(activity, new Poller(answer.Identity, state.Caller)));
        }
    }

    private void CancelActivity(Command command)
    {
        var scheduledId = command.RequestCancelActivityTaskCommandAttributes.ScheduledEventId;
        var requested = run.Log.Append(EventType.ActivityTaskCancelRequested, command, e => e.ActivityTaskCancelRequestedEventAttributes =
            new ActivityTaskCancelRequestedEventAttributes { ScheduledEventId = scheduledId, WorkflowTaskCompletedEventId = completedId });
        // One that ended meanwhile has its end in the buffer: nothing is left to cancel.
        if (run.Activities.Find(scheduledId) is { } activity && run.Activities.RequestCancel(activity, requested.EventId, answer.Identity))
        {
            NeedsTask = true;
        }
    }

    private void StartTimer(Command command)
    {
        var attributes = command.StartTimerCommandAttributes;
        var started = run.Log.Append(EventType.TimerStarted, command, e => e.TimerStartedEventAttributes = new TimerStartedEventAttributes
        {
            TimerId = attributes.TimerId,
            StartToFireTimeout = attributes.StartToFireTimeout,
            WorkflowTaskCompletedEventId = completedId,
        });
        run.Timers.Start(attributes.TimerId, started.EventId, Retry.Of(attributes.StartToFireTimeout));
    }

    private void CancelTimer(Command command)
    {
        var id = command.CancelTimerCommandAttributes.TimerId;
        if (run.Timers.Cancel(id) is { } startedId)
        {
            run.Log.Append(EventType.TimerCanceled, command, e => e.TimerCanceledEventAttributes = new TimerCanceledEventAttributes
            {
                TimerId = id,
                StartedEventId = startedId,
                WorkflowTaskCompletedEventId = completedId,
                Identity = answer.Identity,
            });
        }
    }
}
