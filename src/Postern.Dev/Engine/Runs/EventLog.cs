using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>
/// A run's history. What comes from outside while a worker holds the workflow task waits in a buffer, without a number, until the task is over:
/// the worker's answer must follow directly on the task's start.
/// </summary>
internal sealed class EventLog(EngineState state)
{
    private readonly List<HistoryEvent> events = [];
    private readonly List<Pending> buffer = [];
    private readonly List<TaskCompletionSource> watchers = [];

    public IReadOnlyList<HistoryEvent> Events => events;

    public long NextId => events.Count + 1;

    public long SizeBytes { get; private set; }

    public bool HasBuffered => buffer.Count > 0;

    /// <summary>True while a worker holds the workflow task.</summary>
    public bool Buffering { get; set; }

    /// <summary>Called before an event from outside is written; the workflow task gets to write its own events first.</summary>
    public Action? BeforeArrival { get; set; }

    /// <summary>Writes an event now.</summary>
    public HistoryEvent Append(EventType type, Action<HistoryEvent> fill) => Write(new Pending(type, fill, state.Now, state.Caller, ""));

    /// <summary>Writes the event of a worker's command, with what the SDK notes beside it.</summary>
    public HistoryEvent Append(EventType type, Command command, Action<HistoryEvent> fill) => Append(type, e =>
    {
        e.UserMetadata = command.UserMetadata;
        e.EventGroupMarkers.Add(command.EventGroupMarkers);
        fill(e);
    });

    /// <summary>Writes an event from outside: now, or when the worker is done.</summary>
    /// <param name="type">What happened.</param>
    /// <param name="fill">Sets the attributes, at the time when the number is known.</param>
    /// <param name="tag">A name under which it can be taken back while it waits.</param>
    public void Arrive(EventType type, Action<HistoryEvent> fill, string tag = "")
    {
        var pending = new Pending(type, fill, state.Now, state.Caller, tag);
        if (Buffering)
        {
            buffer.Add(pending);
            return;
        }

        BeforeArrival?.Invoke();
        Write(pending);
    }

    /// <summary>Takes back an event that still waits.</summary>
    public bool TakeBack(string tag) => buffer.RemoveAll(p => p.Tag == tag) > 0;

    /// <summary>Writes what waited. True if there was something.</summary>
    public bool Flush()
    {
        Buffering = false;
        if (buffer.Count == 0)
        {
            return false;
        }

        var waiting = buffer.ToArray();
        buffer.Clear();
        foreach (var pending in waiting)
        {
            Write(pending);
        }

        return true;
    }

    /// <summary>Completes when the history grows, or when <see cref="Wake"/> is called.</summary>
    public Task WatchAsync()
    {
        var watcher = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        watchers.Add(watcher);
        return watcher.Task;
    }

    public void Wake()
    {
        foreach (var watcher in watchers)
        {
            watcher.TrySetResult();
        }

        watchers.Clear();
    }

    private HistoryEvent Write(Pending pending)
    {
        var written = new HistoryEvent
        {
            EventId = NextId,
            EventTime = Timestamp.FromDateTimeOffset(pending.Time),
            EventType = pending.Type,
            TaskId = state.NextTaskId(),
            Principal = pending.Caller,
        };
        events.Add(written);
        pending.Fill(written);
        SizeBytes += written.CalculateSize();
        Wake();
        return written;
    }

    private sealed record Pending(EventType Type, Action<HistoryEvent> Fill, DateTimeOffset Time, Principal? Caller, string Tag);
}
