using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Dev.Engine.Nexus;
using Postern.Dev.Engine.Queues;
using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Services;
using Temporalio.Api.Common.V1;

namespace Postern.Dev.Engine;

/// <summary>
/// Everything the engine knows, behind one lock: work in memory is short, and what crosses workflows (children, signals between them) needs no order of locks.
/// Nothing is awaited inside; who waits does so on a task that is completed under the lock and continues outside.
/// </summary>
internal sealed partial class EngineState : IDisposable
{
    private readonly Lock gate = new();
    private readonly Queue<Action> deferred = new();
    private readonly ILogger<EngineState> logger;
    private long lastTaskId = 1_048_576;

    public EngineState(DevEngineOptions options, ILogger<EngineState>? logger = null)
    {
        this.logger = logger ?? NullLogger<EngineState>.Instance;
        Options = options;
        Timers = new EngineTimers(options.Time, Enter, Try);
        Queues = new WorkQueues(this);
        Namespaces = new NamespaceStore(options);
    }

    public DevEngineOptions Options { get; }

    public EngineTimers Timers { get; }

    public WorkQueues Queues { get; }

    public NamespaceStore Namespaces { get; }

    public RunStore Runs { get; } = new();

    /// <summary>Queries that went out as tasks of their own, by the id in their token.</summary>
    public Dictionary<string, PendingQuery> QueryTasks { get; } = new(StringComparer.Ordinal);

    public EndpointStore Endpoints { get; } = new();

    /// <summary>Nexus requests that wait for a handler or are with one, by the id in their token.</summary>
    public Dictionary<string, NexusTask> NexusTasks { get; } = new(StringComparer.Ordinal);

    public WorkerStore Workers { get; } = new();

    public DateTimeOffset Now => Options.Time.GetUtcNow();

    /// <summary>On whose behalf events are written now; null for what the engine does by itself.</summary>
    public Principal? Caller { get; private set; }

    public long NextTaskId() => ++lastTaskId;

    /// <summary>Does a call's work under the lock, then what that work left for later.</summary>
    public T Enter<T>(Principal? caller, Func<T> work)
    {
        lock (gate)
        {
            try
            {
                return As(caller, work);
            }
            finally
            {
                while (deferred.TryDequeue(out var next))
                {
                    As(null, () =>
                    {
                        Try(next);
                        return true;
                    });
                }
            }
        }
    }

    public void Enter(Action work) => Enter(null, () =>
    {
        work();
        return true;
    });

    /// <summary>Writes in another's name for a moment; only under the lock.</summary>
    public T As<T>(Principal? caller, Func<T> work)
    {
        var before = Caller;
        Caller = caller;
        try
        {
            return work();
        }
        finally
        {
            Caller = before;
        }
    }

    /// <summary>What the server does after a transaction (starting children, signalling others): runs when the present work is done.</summary>
    public void Defer(Action work) => deferred.Enqueue(work);

    public void EndPolls() => Enter(Queues.EndAll);

    public void Dispose() => Timers.Dispose();

    // What nobody waits for must not end the process when it goes wrong, nor be silent.
    private void Try(Action work)
    {
        try
        {
            work();
        }
        catch (Exception error)
        {
            Log.Failed(logger, error);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "The engine's own work failed", EventName = "EngineWorkFailed")]
        public static partial void Failed(ILogger logger, Exception error);
    }
}
