using Temporalio.Api.Common.V1;

namespace Postern.Dev.Engine.Queues;

/// <summary>Who polls: what a task's start writes about the worker.</summary>
internal sealed record Poller(string Identity, Principal? Principal)
{
    public WorkerVersionStamp? Version { get; init; }

    public WorkerVersionCapabilities? Capabilities { get; init; }

    /// <summary>Which worker process; ShutdownWorker names it.</summary>
    public string InstanceKey { get; init; } = "";

    public string RequestId { get; init; } = Guid.NewGuid().ToString();
}

/// <summary>Something that a worker can be given.</summary>
/// <typeparam name="TAnswer">What a poll is answered with.</typeparam>
internal interface IQueuedWork<out TAnswer>
{
    /// <summary>False once it no longer matters (done by another way, timed out, its run closed).</summary>
    bool Alive { get; }

    TAnswer Start(Poller poller);
}

/// <summary>One task queue of one type: work that waits for a worker, or workers that wait for work. Used under the engine's lock only.</summary>
internal sealed class WorkQueue<TAnswer>(EngineState state)
    where TAnswer : class
{
    // A sticky queue without a poll for this long is taken for dead, as the server does.
    private static readonly TimeSpan StickyPatience = TimeSpan.FromSeconds(10);

    private readonly LinkedList<IQueuedWork<TAnswer>> backlog = new();
    private readonly LinkedList<Waiter> waiters = new();
    private readonly Dictionary<string, PollerRecord> pollers = new(StringComparer.Ordinal);
    private DateTimeOffset lastPoll = DateTimeOffset.MinValue;
    private bool shutDown;

    public IEnumerable<PollerRecord> Pollers => pollers.Values.Where(p => state.Now - p.LastAccess < TimeSpan.FromMinutes(5)).OrderByDescending(p => p.LastAccess);

    public int Backlog => backlog.Count(w => w.Alive);

    /// <summary>Whether a worker polls here, or did a moment ago.</summary>
    public bool HasWorker => !shutDown && (waiters.Any(w => !w.Gone) || state.Now - lastPoll < StickyPatience);

    public void Offer(IQueuedWork<TAnswer> work)
    {
        while (waiters.First is { } first)
        {
            waiters.Remove(first);
            if (!first.Value.Gone)
            {
                first.Value.Complete(Start(work, first.Value.Poller));
                return;
            }
        }

        backlog.AddLast(work);
    }

    /// <summary>A task for this poller, or null when none came until <paramref name="until"/>.</summary>
    public Task<TAnswer?> Poll(Poller poller, DateTimeOffset until, CancellationToken gone)
    {
        shutDown = false;
        lastPoll = state.Now;
        pollers[poller.Identity] = new PollerRecord(poller.Identity, lastPoll, poller.Capabilities);
        while (backlog.First is { } first)
        {
            backlog.Remove(first);
            if (first.Value.Alive)
            {
                return Task.FromResult<TAnswer?>(Start(first.Value, poller));
            }
        }

        var waiter = new Waiter(poller, gone);
        var node = waiters.AddLast(waiter);
        waiter.Timer = state.Timers.At(until, () => End(node));
        waiter.Registration = gone.Register(() => state.Enter(() => End(node)));
        return waiter.Answer;
    }

    /// <summary>Ends open polls with nothing: all of them, or one worker's.</summary>
    public void End(string? instanceKey)
    {
        shutDown = true;
        for (var node = waiters.First; node is not null;)
        {
            var next = node.Next;
            if (instanceKey is null || node.Value.Poller.InstanceKey == instanceKey)
            {
                End(node);
            }

            node = next;
        }
    }

    /// <summary>The worker of this (sticky) queue is gone for good: nothing is sent here until someone polls again.</summary>
    public void ShutDown() => shutDown = true;

    private TAnswer Start(IQueuedWork<TAnswer> work, Poller poller) => state.As(poller.Principal, () => work.Start(poller));

    private void End(LinkedListNode<Waiter> node)
    {
        if (node.List is not null)
        {
            waiters.Remove(node);
            lastPoll = state.Now;
            node.Value.Complete(null);
        }
    }

    internal sealed record PollerRecord(string Identity, DateTimeOffset LastAccess, WorkerVersionCapabilities? Capabilities);

    private sealed class Waiter(Poller poller, CancellationToken gone)
    {
        private readonly TaskCompletionSource<TAnswer?> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Poller Poller { get; } = poller;

        public bool Gone => gone.IsCancellationRequested;

        public Task<TAnswer?> Answer => answer.Task;

        public EngineTimers.Entry? Timer { get; set; }

        public CancellationTokenRegistration Registration { get; set; }

        public void Complete(TAnswer? task)
        {
            Timer?.Cancel();
            // Not disposed in place: that would wait for a callback that waits for our lock.
            Registration.Unregister();
            answer.TrySetResult(task);
        }
    }
}
