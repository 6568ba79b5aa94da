using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>A run's timers.</summary>
internal sealed class TimerBook(EngineState state, WorkflowRun run)
{
    private readonly Dictionary<string, (long StartedId, EngineTimers.Entry Timer)> running = new(StringComparer.Ordinal);

    // Timers whose fired event waits behind a workflow task: a cancel in that task's answer still takes them back.
    private readonly Dictionary<string, long> fired = new(StringComparer.Ordinal);

    public bool Has(string id) => running.ContainsKey(id);

    public void Start(string id, long startedId, TimeSpan wait) =>
        running.Add(id, (startedId, state.Timers.After(wait, () => Fire(id))));

    /// <summary>Number of the event that started it; null when there is no such timer.</summary>
    public long? Cancel(string id)
    {
        if (running.Remove(id, out var timer))
        {
            timer.Timer.Cancel();
            return timer.StartedId;
        }

        return fired.Remove(id, out var startedId) && run.Log.TakeBack(Tag(id)) ? startedId : null;
    }

    public void Drop()
    {
        foreach (var (_, timer) in running.Values)
        {
            timer.Cancel();
        }

        running.Clear();
        fired.Clear();
    }

    private static string Tag(string id) => "timer:" + id;

    private void Fire(string id)
    {
        running.Remove(id, out var timer);
        fired[id] = timer.StartedId;
        run.Log.Arrive(
            EventType.TimerFired,
            e =>
            {
                fired.Remove(id);
                e.TimerFiredEventAttributes = new TimerFiredEventAttributes { TimerId = id, StartedEventId = timer.StartedId };
            },
            Tag(id));
        run.StateTransitions++;
        run.Task.EnsureScheduled();
    }
}
