using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Whose sticky queue is whose. Its name is random but stands in histories; to the server it is a queue like others, and who polls it is handed the tasks of the worker's
/// runs. So it belongs to the caller and the normal queue that polled it first, and only they have tasks left there. Bounded; one that nobody polled for an hour is forgotten. Another gate may not know
/// it: there the answer itself is looked at, which says which queue a task comes from.
/// </summary>
internal sealed class StickyQueues(TimeProvider time)
{
    private const int Most = 100_000;
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<(string Engine, string Namespace, string Name), Owner> _owners = new();

    /// <summary>Whether the caller may poll, or have tasks left on, the sticky queue that the call names; the first who polls it owns it.</summary>
    public bool Admit(string engine, Caller caller, Operation operation, bool isPoll)
    {
        if (operation is not { Namespace: { } ns, StickyQueue: { } name })
        {
            return false;
        }

        // Old SDKs leave the normal queue out.
        var normal = operation.TaskQueue ?? "";
        var now = time.GetTimestamp();
        var key = (engine, ns, name);
        if (!isPoll)
        {
            return !_owners.TryGetValue(key, out var known) || known.Keeps(caller.Name, normal) || time.GetElapsedTime(known.Polled) >= ForgottenAfter;
        }

        if (_owners.Count >= Most && !_owners.ContainsKey(key))
        {
            Forget();
        }

        var owner = _owners.GetOrAdd(key, static (_, owner) => owner, new Owner(caller.Name, normal, now));
        if (!owner.Is(caller.Name, normal))
        {
            if (time.GetElapsedTime(owner.Polled) < ForgottenAfter || !_owners.TryUpdate(key, owner = new Owner(caller.Name, normal, now), owner))
            {
                return false;
            }
        }

        owner.Polled = now;
        return true;
    }

    private void Forget()
    {
        foreach (var (key, owner) in _owners)
        {
            if (time.GetElapsedTime(owner.Polled) >= ForgottenAfter)
            {
                _owners.TryRemove(key, out _);
            }
        }

        if (_owners.Count >= Most)
        {
            _owners.Clear();
        }
    }

    private sealed class Owner(string caller, string normal, long polled)
    {
        private long _polled = polled;

        public long Polled { get => Volatile.Read(ref _polled); set => Volatile.Write(ref _polled, value); }

        /// <summary>As <see cref="Is"/>, where either side may not know the normal queue.</summary>
        public bool Keeps(string name, string queue) => string.Equals(caller, name, StringComparison.Ordinal) && (queue.Length == 0 || normal.Length == 0 || Is(name, queue));

        public bool Is(string name, string queue) => string.Equals(caller, name, StringComparison.Ordinal) && string.Equals(normal, queue, StringComparison.Ordinal);
    }
}
