using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>One run of a workflow: its history and what is pending in it. Used under the engine's lock only.</summary>
internal sealed class WorkflowRun
{
    private readonly EngineState state;
    private readonly List<EngineTimers.Entry> timers = [];

    public WorkflowRun(EngineState state, RunStart start)
    {
        this.state = state;
        Start = start with
        {
            FirstRunId = start.FirstRunId.Length > 0 ? start.FirstRunId : start.RunId,
            OriginalRunId = start.OriginalRunId.Length > 0 ? start.OriginalRunId : start.RunId,
            ChainStart = start.ChainStart ?? state.Now,
        };
        StartTime = state.Now;
        Memo = start.Memo;
        SearchAttributes = start.SearchAttributes;
        Log = new EventLog(state);
        Task = new WorkflowTaskSlot(state, this);
        Activities = new ActivityBook(state, this);
        Timers = new TimerBook(state, this);
        Children = new ChildBook(state, this);
        Nexus = new NexusBook(state, this);
        Callbacks = new CallbackBook(state, this);
        Updates = new UpdateBook(this);
        Queries = new QueryBook(state, this);
    }

    public RunStart Start { get; }

    public string WorkflowId => Start.WorkflowId;

    public string RunId => Start.RunId;

    public WorkflowExecution Execution => new() { WorkflowId = WorkflowId, RunId = RunId };

    public DateTimeOffset StartTime { get; }

    public DateTimeOffset ExecutionTime => StartTime + Start.Backoff;

    public DateTimeOffset? CloseTime { get; private set; }

    public WorkflowExecutionStatus Status { get; private set; } = WorkflowExecutionStatus.Running;

    public bool Running => Status == WorkflowExecutionStatus.Running;

    public bool CancelRequested { get; set; }

    /// <summary>The first workflow task waits for a delay, a cron tick or a retry's back-off.</summary>
    public bool InBackoff { get; private set; }

    public Memo? Memo { get; set; }

    public SearchAttributes? SearchAttributes { get; set; }

    /// <summary>Request ids of signals and cancels that were taken, so that a client's retry isn't a second one.</summary>
    public HashSet<string> SeenRequests { get; } = new(StringComparer.Ordinal);

    public EventLog Log { get; }

    public WorkflowTaskSlot Task { get; }

    public ActivityBook Activities { get; }

    public TimerBook Timers { get; }

    public ChildBook Children { get; }

    public NexusBook Nexus { get; }

    public CallbackBook Callbacks { get; }

    public UpdateBook Updates { get; }

    public QueryBook Queries { get; }

    public long StateTransitions { get; set; }

    public string BuildId { get; set; } = "";

    /// <summary>The run that followed this one in its chain, when its last event names one.</summary>
    public string NewRunId { get; private set; } = "";

    /// <summary>Writes the first event; the first workflow task follows with <see cref="Go"/>.</summary>
    public void Begin()
    {
        Log.Append(EventType.WorkflowExecutionStarted, RunEvents.Started(this));
        if (RunDeadline() is { } deadline)
        {
            timers.Add(state.Timers.At(deadline, TimeOut));
        }

        InBackoff = Start.Backoff > TimeSpan.Zero;
    }

    /// <summary>Schedules the first workflow task, at once or after the back-off.</summary>
    public void Go(bool dispatch = true)
    {
        if (!InBackoff)
        {
            Task.Schedule(dispatch: dispatch);
            return;
        }

        timers.Add(state.Timers.After(Start.Backoff, EndBackoff));
    }

    /// <summary>A signal with the start: it doesn't wait for a start delay.</summary>
    public void EndBackoff()
    {
        if (Running && InBackoff)
        {
            InBackoff = false;
            Task.EnsureScheduled();
        }
    }

    public DateTimeOffset? RunDeadline()
    {
        DateTimeOffset? run = Start.RunTimeout?.ToTimeSpan() is { } timeout && timeout > TimeSpan.Zero ? StartTime + Start.Backoff + timeout : null;
        return run is null || Start.ExecutionExpiration < run ? Start.ExecutionExpiration ?? run : run;
    }

    /// <summary>Ends the run: nothing stays pending, and those who wait for its end hear of it.</summary>
    public void Close(WorkflowExecutionStatus status, string newRunId = "")
    {
        Status = status;
        CloseTime = state.Now;
        NewRunId = newRunId;
        foreach (var timer in timers)
        {
            timer.Cancel();
        }

        Task.Drop();
        Activities.Drop();
        Timers.Drop();
        Nexus.Drop();
        Updates.Abort();
        Queries.RunClosed();
        Log.Wake();
        var last = Log.Events[^1];
        if (newRunId.Length == 0)
        {
            state.Defer(() => Callbacks.Deliver(last));
        }

        if (newRunId.Length == 0 && Start.Parent is { } parent)
        {
            state.Defer(() => parent.Run.Children.Closed(parent.InitiatedEventId, this, last));
        }

        state.Defer(Children.ParentClosed);
    }

    /// <summary>Ends the run from outside, whatever its worker is doing.</summary>
    public void Terminate(string reason, Payloads? details, string identity)
    {
        Task.ForceClosed();
        Log.Append(EventType.WorkflowExecutionTerminated, e => e.WorkflowExecutionTerminatedEventAttributes =
            new WorkflowExecutionTerminatedEventAttributes { Reason = reason, Details = details, Identity = identity });
        Close(WorkflowExecutionStatus.Terminated);
    }

    /// <summary>Asks the workflow to cancel itself.</summary>
    public void RequestCancel(WorkflowExecutionCancelRequestedEventAttributes attributes)
    {
        CancelRequested = true;
        Log.Arrive(EventType.WorkflowExecutionCancelRequested, e => e.WorkflowExecutionCancelRequestedEventAttributes = attributes);
        Task.EnsureScheduled();
    }

    public void Signal(WorkflowExecutionSignaledEventAttributes attributes, IReadOnlyCollection<Link>? links = null)
    {
        Log.Arrive(EventType.WorkflowExecutionSignaled, RunEvents.Signaled(attributes, links));
        Task.EnsureScheduled();
    }

    private void TimeOut()
    {
        if (!Running)
        {
            return;
        }

        Task.ForceClosed();
        var next = RunChain.AfterTimeout(state, this);
        Log.Append(EventType.WorkflowExecutionTimedOut, e => e.WorkflowExecutionTimedOutEventAttributes =
            new WorkflowExecutionTimedOutEventAttributes { RetryState = next.State, NewExecutionRunId = next.Start?.RunId ?? "" });
        Close(WorkflowExecutionStatus.TimedOut, next.Start?.RunId ?? "");
        RunChain.Follow(state, next.Start);
    }
}
