using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Whose queue is whose, of those that are one worker's: its sticky queue, and the one on which the server leaves word for it. Their names are random but stand in histories and polls; to the
/// server each is a queue like others, and who polls it is handed what is meant for the worker. So a sticky queue belongs to the caller and the normal queue that polled it first, and only they have tasks
/// left there; a control queue to the caller whose poll named it first. Bounded; one that no poll named for an hour is forgotten. Another gate may not know it: of a sticky queue the answer itself is looked at,
/// which says which queue a task comes from.
/// </summary>
internal sealed class OwnedQueues(TimeProvider time)
{
    private const int Most = 100_000;
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromHours(1);

    private static readonly Refusal s_sticky =
        new(RefusalReason.NotAllowed, "Request unauthorized. The sticky task queue belongs to another worker.", "sticky queue of another caller or normal queue");

    private static readonly Refusal s_control =
        new(RefusalReason.NotAllowed, "Request unauthorized. The worker's control queue belongs to another worker.", "control queue of another caller");

    private readonly ConcurrentDictionary<(string Engine, string Namespace, string Name), Owner> _owners = new();

    /// <summary>Whether the caller may use the queues of one worker that the call names, null where it may; the first whose poll names one owns it.</summary>
    public Refusal? Admit(string engine, Caller caller, Operation operation, bool isPoll)
    {
        if (operation.Namespace is not { } ns)
        {
            return s_sticky;
        }

        // Old SDKs leave the normal queue of a sticky one out.
        if (operation.StickyQueue is { } sticky && !Admit((engine, ns, sticky), caller.Name, operation.TaskQueue ?? "", isPoll))
        {
            return s_sticky;
        }

        return operation.ControlQueue is { } control && !Admit((engine, ns, control), caller.Name, "", isPoll) ? s_control : null;
    }

    private bool Admit((string Engine, string Namespace, string Name) key, string caller, string normal, bool isPoll)
    {
        if (!isPoll)
        {
            return !_owners.TryGetValue(key, out var known) || known.Keeps(caller, normal) || time.GetElapsedTime(known.Named) >= ForgottenAfter;
        }

        var now = time.GetTimestamp();
        if (!_owners.TryGetValue(key, out var owner))
        {
            if (_owners.Count >= Most)
            {
                Forget();
            }

            owner = _owners.GetOrAdd(key, static (_, owner) => owner, new Owner(caller, normal, now));
        }

        if (!owner.Is(caller, normal))
        {
            // Of two who come at once for a forgotten one, the first has it.
            return time.GetElapsedTime(owner.Named) >= ForgottenAfter && _owners.TryUpdate(key, new Owner(caller, normal, now), owner);
        }

        owner.Named = now;
        return true;
    }

    private void Forget()
    {
        foreach (var (key, owner) in _owners)
        {
            if (time.GetElapsedTime(owner.Named) >= ForgottenAfter)
            {
                _owners.TryRemove(key, out _);
            }
        }

        if (_owners.Count >= Most)
        {
            _owners.Clear();
        }
    }

    private sealed class Owner(string caller, string normal, long named)
    {
        private long _named = named;

        public long Named { get => Volatile.Read(ref _named); set => Volatile.Write(ref _named, value); }

        /// <summary>As <see cref="Is"/>, where either side may not know the normal queue.</summary>
        public bool Keeps(string name, string queue) => string.Equals(caller, name, StringComparison.Ordinal) && (queue.Length == 0 || normal.Length == 0 || Is(name, queue));

        public bool Is(string name, string queue) => string.Equals(caller, name, StringComparison.Ordinal) && string.Equals(normal, queue, StringComparison.Ordinal);
    }
}
