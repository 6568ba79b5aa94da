namespace Postern.Forwarding;

/// <summary>What a wheel ends when its time has come.</summary>
internal abstract class Deadline
{
    internal Deadline? Next;
    internal Deadline? Previous;
    internal int Slot = -1;
    internal long DueTick;

    /// <summary>Counts what this node has stood for, where nodes are used again.</summary>
    protected internal int Generation { get; protected set; }

    /// <summary>Called at most once per start, on the wheel's thread or by <see cref="DeadlineWheel.ElapseAll"/>. Must not block.</summary>
    /// <param name="generation">The generation for which the deadline was started: by now the node may stand for something else.</param>
    /// <param name="early">True where everything is being ended before its time.</param>
    protected internal abstract void Elapsed(int generation, bool early);

    /// <summary>Called while it stands on the wheel, which it can't leave meanwhile. Must neither block nor touch the wheel.</summary>
    protected internal virtual void Recheck(object with)
    {
    }
}

/// <summary>
/// One timer for every open call's deadline. A timer per call would cost each idle poll its own queue entry and object; here a call is a node in a list.
/// Deadlines are met to within one tick, never early.
/// </summary>
internal sealed class DeadlineWheel : IDisposable
{
    private const int Slots = 1024;
    private const int TickMilliseconds = 100;

    private readonly Deadline?[] _heads = new Deadline?[Slots];
    private readonly Lock[] _locks = new Lock[Slots];
    private readonly TimeProvider _time;
    private readonly long _origin;
    private readonly ITimer _timer;
    private readonly Lock _turning = new();
    private long _tick;

    public DeadlineWheel(TimeProvider time)
    {
        _time = time;
        _origin = time.GetTimestamp();
        for (var i = 0; i < Slots; i++)
        {
            _locks[i] = new Lock();
        }

        var period = TimeSpan.FromMilliseconds(TickMilliseconds);
        _timer = time.CreateTimer(static state => ((DeadlineWheel)state!).Turn(), this, period, period);
    }

    public void Start(Deadline deadline, TimeSpan delay)
    {
        var elapsed = (long)_time.GetElapsedTime(_origin).TotalMilliseconds;
        var due = (elapsed + (long)Math.Min(delay.TotalMilliseconds, TimeSpan.FromDays(365).TotalMilliseconds)) / TickMilliseconds + 1;
        var slot = (int)(due % Slots);
        lock (_locks[slot])
        {
            deadline.DueTick = due;
            deadline.Slot = slot;
            deadline.Previous = null;
            deadline.Next = _heads[slot];
            _heads[slot]?.Previous = deadline;
            _heads[slot] = deadline;
        }
    }

    /// <summary>Takes a deadline off the wheel. Safe when it has elapsed or was never started.</summary>
    public void Stop(Deadline deadline)
    {
        var slot = deadline.Slot;
        if (slot < 0)
        {
            return;
        }

        lock (_locks[slot])
        {
            Unlink(deadline);
        }
    }

    /// <summary>Ends everything on the wheel now.</summary>
    public void ElapseAll()
    {
        for (var slot = 0; slot < Slots; slot++)
        {
            Visit(slot, long.MaxValue);
        }
    }

    /// <summary>Looks at everything that waits: what was allowed when it began may not be any more.</summary>
    public void Recheck(object with)
    {
        for (var slot = 0; slot < Slots; slot++)
        {
            lock (_locks[slot])
            {
                for (var waiting = _heads[slot]; waiting is not null; waiting = waiting.Next)
                {
                    waiting.Recheck(with);
                }
            }
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Unlink(Deadline deadline)
    {
        if (deadline.Slot < 0)
        {
            return;
        }

        if (deadline.Previous is null)
        {
            _heads[deadline.Slot] = deadline.Next;
        }
        else
        {
            deadline.Previous.Next = deadline.Next;
        }

        deadline.Next?.Previous = deadline.Previous;
        deadline.Next = deadline.Previous = null;
        deadline.Slot = -1;
    }

    private void Turn()
    {
        // A late timer catches up: every tick that has passed is visited, in order. Overlapping callbacks would visit one twice.
        if (!_turning.TryEnter())
        {
            return;
        }

        try
        {
            var now = (long)_time.GetElapsedTime(_origin).TotalMilliseconds / TickMilliseconds;
            for (var steps = 0; _tick < now && steps < Slots; steps++)
            {
                Visit((int)(++_tick % Slots), now);
            }

            _tick = now;
        }
        finally
        {
            _turning.Exit();
        }
    }

    private void Visit(int slot, long now)
    {
        while (true)
        {
            Deadline? due;
            int generation;
            lock (_locks[slot])
            {
                due = _heads[slot];
                while (due is not null && due.DueTick > now)
                {
                    due = due.Next;
                }

                if (due is null)
                {
                    return;
                }

                generation = due.Generation;
                Unlink(due);
            }

            due.Elapsed(generation, early: now == long.MaxValue);
        }
    }
}
