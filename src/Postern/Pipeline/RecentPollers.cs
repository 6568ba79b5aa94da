using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Who polled what in the last minutes. A reload that would deny one of them says so by name before it happens: a denied worker is silent for a minute and then dies.
/// </summary>
internal sealed class RecentPollers
{
    private const int Largest = 10_000;
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<(string Caller, string? Namespace, string? TaskQueue, Permission Permission), Poller> _pollers = new();

    public void Note(Caller caller, Operation operation, DateTimeOffset now)
    {
        ref readonly var demand = ref operation[0];
        var key = (caller.Name, demand.Namespace, demand.TaskQueue, demand.Permission);
        if (_pollers.TryGetValue(key, out var known))
        {
            known.Seen(caller, now);
            return;
        }

        if (_pollers.Count >= Largest)
        {
            Forget(now);
        }

        if (_pollers.Count < Largest)
        {
            _pollers[key] = new Poller(caller, demand, now);
        }
    }

    /// <summary>The pollers of the last minutes, newest first.</summary>
    public IReadOnlyList<Poller> Now(DateTimeOffset now)
    {
        Forget(now);
        return [.. _pollers.Values.OrderByDescending(poller => poller.LastSeen)];
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, poller) in _pollers)
        {
            if (now - poller.LastSeen > Kept)
            {
                _pollers.TryRemove(key, out _);
            }
        }
    }
}

/// <summary>One caller's polls of one task queue.</summary>
internal sealed class Poller(Caller caller, Demand demand, DateTimeOffset seen)
{
    private Caller _caller = caller;
    private long _seen = seen.UtcTicks;

    public Caller Caller => Volatile.Read(ref _caller);

    public Demand Demand => demand;

    public DateTimeOffset LastSeen => new(Volatile.Read(ref _seen), TimeSpan.Zero);

    public void Seen(Caller caller, DateTimeOffset now)
    {
        Volatile.Write(ref _caller, caller);
        Volatile.Write(ref _seen, now.UtcTicks);
    }
}
