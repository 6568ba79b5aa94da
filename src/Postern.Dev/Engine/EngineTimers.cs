namespace Postern.Dev.Engine;

/// <summary>All timers of the engine on one clock: one heap, one armed timer. Used under the engine's lock only.</summary>
internal sealed class EngineTimers : IDisposable
{
    private readonly PriorityQueue<Entry, (long Due, long Order)> heap = new();
    private readonly TimeProvider time;
    private readonly Action<Action> run;
    private readonly ITimer timer;
    private DateTimeOffset armed = DateTimeOffset.MaxValue;
    private long order;

    /// <param name="time">The clock.</param>
    /// <param name="enter">Does work under the engine's lock.</param>
    /// <param name="run">Runs what a timer was set for; its failure must not keep the others from firing.</param>
    public EngineTimers(TimeProvider time, Action<Action> enter, Action<Action> run)
    {
        this.time = time;
        this.run = run;
        timer = time.CreateTimer(_ => enter(Fire), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public Entry After(TimeSpan wait, Action callback) => At(time.GetUtcNow() + wait, callback);

    public Entry At(DateTimeOffset due, Action callback)
    {
        var entry = new Entry(due, callback);
        heap.Enqueue(entry, (due.UtcTicks, order++));
        Arm();
        return entry;
    }

    public void Dispose() => timer.Dispose();

    private void Fire()
    {
        armed = DateTimeOffset.MaxValue;
        var now = time.GetUtcNow();
        while (heap.TryPeek(out var entry, out _) && (entry.Cancelled || entry.Due <= now))
        {
            heap.Dequeue();
            if (entry.Take() is { } callback)
            {
                run(callback);
            }
        }

        Arm();
    }

    private void Arm()
    {
        while (heap.TryPeek(out var first, out _))
        {
            if (first.Cancelled)
            {
                heap.Dequeue();
                continue;
            }

            if (first.Due < armed)
            {
                armed = first.Due;
                var wait = first.Due - time.GetUtcNow();
                // Rounded up: a timer counts whole milliseconds and must not come early and find nothing due.
                var milliseconds = Math.Clamp(Math.Ceiling(wait.TotalMilliseconds), 0, int.MaxValue);
                timer.Change(TimeSpan.FromMilliseconds(milliseconds), Timeout.InfiniteTimeSpan);
            }

            return;
        }
    }

    /// <summary>One timer that is running.</summary>
    internal sealed class Entry(DateTimeOffset due, Action callback)
    {
        private Action? callback = callback;

        public DateTimeOffset Due { get; } = due;

        public bool Cancelled => callback is null;

        public void Cancel() => callback = null;

        public Action? Take()
        {
            var taken = callback;
            callback = null;
            return taken;
        }
    }
}
