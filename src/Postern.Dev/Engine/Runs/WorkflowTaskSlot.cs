using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Queues;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>A run's workflow task: at most one at a time, scheduled, given to a worker, answered, failed or timed out.</summary>
internal sealed class WorkflowTaskSlot
{
    // Attempts up to this one get the plain timeout; from then on failing tasks are spaced out.
    private const int PatientAttempts = 3;

    private readonly EngineState state;
    private readonly WorkflowRun run;
    private string stickyQueue = "";
    private TimeSpan stickyTimeout;
    private int attempt = 1;

    public WorkflowTaskSlot(EngineState state, WorkflowRun run)
    {
        this.state = state;
        this.run = run;
        run.Log.BeforeArrival = WriteScheduledOfSpeculative;
    }

    public PendingWorkflowTask? Pending { get; private set; }

    /// <summary>Number of the start event of the last task that was completed; 0 before the first.</summary>
    public long LastStartedId { get; private set; }

    private string NamespaceId => run.Start.Namespace.Id;

    public void EnsureScheduled()
    {
        if (run.Running && !run.InBackoff && Pending is null)
        {
            Schedule();
        }
    }

    public void Schedule(bool dispatch = true, bool speculative = false)
    {
        var (queue, sticky) = Queue();
        var kind = attempt > 1 ? WorkflowTaskKind.Transient : speculative ? WorkflowTaskKind.Speculative : WorkflowTaskKind.Normal;
        Pending = new PendingWorkflowTask
        {
            Kind = kind,
            ScheduledId = run.Log.NextId,
            Attempt = attempt,
            ScheduledAt = state.Now,
            Queue = queue,
            Sticky = sticky,
        };
        if (kind == WorkflowTaskKind.Normal)
        {
            WriteScheduled(Pending);
        }

        if (sticky)
        {
            var task = Pending;
            task.Timer = state.Timers.After(stickyTimeout, () => NotPickedUp(task));
        }

        if (dispatch)
        {
            state.Queues.Workflow(NamespaceId, queue.Name).Offer(new WorkflowTaskWork(run, Pending));
        }
    }

    /// <summary>Gives the pending task to a worker.</summary>
    public PollWorkflowTaskQueueResponse Begin(Poller poller)
    {
        var task = Pending!;
        task.Timer?.Cancel();
        if (task.Kind == WorkflowTaskKind.Transient && task.ScheduledId != run.Log.NextId)
        {
            // Events came since the last failure: this is a new task, not one more attempt of the old.
            attempt = task.Attempt = 1;
            task.Kind = WorkflowTaskKind.Normal;
            task.ScheduledId = run.Log.NextId;
            WriteScheduled(task);
        }

        task.StartedAt = state.Now;
        task.StartedId = task.ScheduledId + 1;
        task.Identity = poller.Identity;
        task.RequestId = poller.RequestId;
        if (task.Kind == WorkflowTaskKind.Normal)
        {
            run.Log.Append(EventType.WorkflowTaskStarted, RunEvents.TaskStarted(run, task));
        }

        run.Log.Buffering = true;
        task.Timer = state.Timers.After(TimeoutOf(task.Attempt), () => TakesTooLong(task));
        run.StateTransitions++;
        return WorkflowTaskAnswers.Task(run, task);
    }

    /// <summary>The task that a worker answers; refused when it isn't with a worker (any more).</summary>
    public PendingWorkflowTask Answered(TaskToken token)
    {
        var same = Pending is { Started: true } task
            && task.ScheduledId == token.ScheduledEventId
            && task.Attempt == token.Attempt
            && (token.StartedTime is null || (task.StartedAt!.Value - token.StartedTime.Value).Duration() < TimeSpan.FromMicroseconds(1));
        return same ? Pending! : throw new RpcException(StatusCode.NotFound, "Workflow task not found.", new NotFoundFailure());
    }

    /// <summary>Writes the task's completion; the events of its commands follow.</summary>
    public HistoryEvent Complete(RespondWorkflowTaskCompletedRequest answer)
    {
        var task = Pending!;
        WriteStarted(task);
        var completed = run.Log.Append(EventType.WorkflowTaskCompleted, e => e.WorkflowTaskCompletedEventAttributes = new WorkflowTaskCompletedEventAttributes
        {
            ScheduledEventId = task.ScheduledId,
            StartedEventId = task.StartedId,
            Identity = answer.Identity,
            SdkMetadata = answer.SdkMetadata,
            MeteringMetadata = answer.MeteringMetadata,
        });
        LastStartedId = task.StartedId;
        attempt = 1;
        Drop();
        run.Log.Buffering = false;
        Stick(answer.StickyAttributes);
        run.StateTransitions++;
        return completed;
    }

    /// <summary>Forgets a speculative task that changed nothing. Its events never existed.</summary>
    public void Discard()
    {
        Drop();
        run.Log.Flush();
    }

    /// <summary>The worker failed at the task, or its answer was no good: it is tried again.</summary>
    public void Fail(WorkflowTaskFailedCause cause, Failure? failure, string identity) =>
        GiveUp(task => run.Log.Append(EventType.WorkflowTaskFailed, RunEvents.TaskFailed(task, cause, failure, identity)));

    public void Stick(StickyExecutionAttributes? sticky)
    {
        stickyQueue = sticky?.WorkerTaskQueue?.Name ?? "";
        stickyTimeout = sticky?.ScheduleToStartTimeout?.ToTimeSpan() is { } wait && wait > TimeSpan.Zero ? wait : TimeSpan.FromSeconds(10);
    }

    /// <summary>The run ends from outside: a task that is with a worker fails first.</summary>
    public void ForceClosed()
    {
        if (Pending is { Started: true, Kind: WorkflowTaskKind.Normal } task)
        {
            run.Log.Append(EventType.WorkflowTaskFailed, RunEvents.TaskFailed(task, WorkflowTaskFailedCause.ForceCloseCommand, null, "history-service"));
        }

        Drop();
        run.Log.Flush();
    }

    public void Drop()
    {
        Pending?.Timer?.Cancel();
        Pending = null;
    }

    /// <summary>Where work for this run's worker goes: its own sticky queue while it lives, else the normal one.</summary>
    public (TaskQueue Queue, bool Sticky) Queue()
    {
        if (stickyQueue.Length > 0 && attempt == 1 && state.Queues.Workflow(NamespaceId, stickyQueue).HasWorker)
        {
            return (new TaskQueue { Name = stickyQueue, Kind = TaskQueueKind.Sticky, NormalName = run.Start.TaskQueue }, true);
        }

        return (new TaskQueue { Name = run.Start.TaskQueue, Kind = TaskQueueKind.Normal }, false);
    }

    private void TakesTooLong(PendingWorkflowTask task)
    {
        if (Pending == task)
        {
            GiveUp(t => WriteTimedOut(t, TimeoutType.StartToClose));
        }
    }

    private void NotPickedUp(PendingWorkflowTask task)
    {
        if (Pending != task || task.Started)
        {
            return;
        }

        WriteScheduledOfSpeculative();
        WriteTimedOut(task, TimeoutType.ScheduleToStart);
        stickyQueue = "";
        Drop();
        Schedule();
    }

    private void GiveUp(Action<PendingWorkflowTask> write)
    {
        var task = Pending!;
        if (task.Kind == WorkflowTaskKind.Speculative)
        {
            WriteStarted(task);
        }

        if (task.Kind == WorkflowTaskKind.Normal)
        {
            write(task);
        }

        attempt = task.Attempt + 1;
        stickyQueue = "";
        Drop();
        if (run.Log.Flush())
        {
            attempt = 1;
        }

        run.Updates.SendAgain();
        run.Queries.SendAgain();
        Schedule();
    }

    private void WriteTimedOut(PendingWorkflowTask task, TimeoutType type) =>
        run.Log.Append(EventType.WorkflowTaskTimedOut, e => e.WorkflowTaskTimedOutEventAttributes = new WorkflowTaskTimedOutEventAttributes
        {
            ScheduledEventId = task.ScheduledId,
            StartedEventId = task.StartedId,
            TimeoutType = type,
        });

    private void WriteScheduled(PendingWorkflowTask task) =>
        run.Log.Append(EventType.WorkflowTaskScheduled, RunEvents.TaskScheduled(run, task));

    private void WriteScheduledOfSpeculative()
    {
        if (Pending is { Kind: WorkflowTaskKind.Speculative, Started: false } task)
        {
            task.Kind = WorkflowTaskKind.Normal;
            WriteScheduled(task);
        }
    }

    // A transient or speculative task becomes real: its two events are written where the worker saw them.
    private void WriteStarted(PendingWorkflowTask task)
    {
        if (task.Kind != WorkflowTaskKind.Normal)
        {
            task.Kind = WorkflowTaskKind.Normal;
            WriteScheduled(task);
            run.Log.Append(EventType.WorkflowTaskStarted, RunEvents.TaskStarted(run, task));
        }
    }

    private TimeSpan TimeoutOf(int attemptNow)
    {
        var extra = attemptNow <= PatientAttempts ? 0 : Math.Min(600, 5 * Math.Pow(2, Math.Min(attemptNow - PatientAttempts, 10)));
        return run.Start.TaskTimeout + TimeSpan.FromSeconds(extra);
    }
}

/// <summary>A workflow task in a queue.</summary>
internal sealed class WorkflowTaskWork(WorkflowRun run, PendingWorkflowTask task) : IQueuedWork<PollWorkflowTaskQueueResponse>
{
    public bool Alive => run.Running && run.Task.Pending == task && !task.Started;

    public PollWorkflowTaskQueueResponse Start(Poller poller) => run.Task.Begin(poller);
}
