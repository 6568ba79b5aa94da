using Microsoft.Extensions.Logging;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Storage;

/// <summary>
/// Keeps a gate's memory of the store true: everything once, then every change, within a second of its commit and at once where this process wrote it. A store
/// that is away is asked again for ever; until it answers the consumer goes on with what it has, and <see cref="IsReachable"/> says so.
/// </summary>
internal sealed partial class StoreFeed : IAsyncDisposable
{
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(5);

    private readonly SqlStore _store;
    private readonly Action<StoreChanges> _consumer;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource _kick = NewSignal();
    private TaskCompletionSource _progress = NewSignal();
    private StoreRevision? _revision;
    private DateTimeOffset? _lostSince;
    private string? _reason;
    private bool _isMigrated;
    private Task _running = Task.CompletedTask;

    /// <param name="store">The store; the feed migrates it and never disposes it.</param>
    /// <param name="consumer">Takes what changed, one call at a time, never two at once. Where it throws, it is given everything again.</param>
    /// <param name="time">The time.</param>
    /// <param name="logger">Told when the store is lost and when it is back.</param>
    public StoreFeed(SqlStore store, Action<StoreChanges> consumer, TimeProvider time, ILogger logger)
    {
        _store = store;
        _consumer = consumer;
        _time = time;
        _logger = logger;
        store.WhenWritten(Kick);
    }

    /// <summary>Whether the store answered when it was last asked.</summary>
    public bool IsReachable => LostSince is null && Revision is not null;

    /// <summary>Since when it hasn't answered; null while it does.</summary>
    public DateTimeOffset? LostSince
    {
        get
        {
            lock (_gate)
            {
                return _lostSince;
            }
        }
    }

    /// <summary>Why it doesn't answer, for the log and for readiness; null while it does.</summary>
    public string? LostReason
    {
        get
        {
            lock (_gate)
            {
                return _lostSince is null ? null : _reason;
            }
        }
    }

    /// <summary>The state that the consumer was brought to; null before the first time.</summary>
    public StoreRevision? Revision
    {
        get
        {
            lock (_gate)
            {
                return _revision;
            }
        }
    }

    /// <summary>
    /// Migrates the store, gives the consumer everything, and goes on by itself. A store that is away stops nothing: the consumer then waits for its first call.
    /// Throws <see cref="StoreMismatchException"/>, which waiting doesn't cure.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        try
        {
            await CatchUpAsync(cancellation);
        }
        catch (StoreUnavailableException e)
        {
            Lost(e.Message);
        }

        // Neither flows the starter's context into a loop without end.
        using (ExecutionContext.SuppressFlow())
        {
            _running = Task.WhenAll(Task.Run(RunAsync, CancellationToken.None), Task.Run(ListenAsync, CancellationToken.None));
        }
    }

    /// <summary>Asks the store at once whether something changed.</summary>
    public void Kick()
    {
        lock (_gate)
        {
            _kick.TrySetResult();
        }
    }

    /// <summary>Waits until the consumer has been given this state or a later one: what was just written then holds in this gate.</summary>
    public async Task SeenAsync(StoreRevision revision, CancellationToken cancellation)
    {
        while (true)
        {
            Task progress;
            lock (_gate)
            {
                // Of another store nothing is waited for: it was restored, and everything has been given.
                if (_revision is { } seen && (seen.Store != revision.Store || seen.Number >= revision.Number))
                {
                    return;
                }

                progress = _progress.Task;
            }

            await progress.WaitAsync(cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _running;
        _ending.Dispose();
    }

    private async Task RunAsync()
    {
        var failures = 0;
        while (await WaitAsync(failures == 0 ? _store.PollInterval : Backoff(failures)))
        {
            try
            {
                await CatchUpAsync(_ending.Token);
                failures = 0;
            }
            catch (OperationCanceledException) when (_ending.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Not only what is foreseen: a loop that ended would leave a gate with yesterday's keys and a green light.
                failures++;
                Lost(e.Message);
            }
        }
    }

    private async Task CatchUpAsync(CancellationToken cancellation)
    {
        if (!_isMigrated)
        {
            await _store.MigrateAsync(cancellation);
            _isMigrated = true;
        }

        var changes = Revision is { } since ? await _store.ChangesSinceAsync(since, cancellation) : await _store.ReadAsync(cancellation);
        try
        {
            if (!changes.IsEmpty)
            {
                _consumer(changes);
            }
        }
        catch
        {
            lock (_gate)
            {
                _revision = null;
            }

            throw;
        }

        Found(changes.Revision);
    }

    // Ends when it is kicked, after a while, or with false at the end.
    private async Task<bool> WaitAsync(TimeSpan atMost)
    {
        Task kick;
        lock (_gate)
        {
            kick = _kick.Task;
        }

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        await Task.WhenAny(kick, Task.Delay(atMost, _time, enough.Token));
        await enough.CancelAsync();
        lock (_gate)
        {
            if (_kick.Task.IsCompleted)
            {
                _kick = NewSignal();
            }
        }

        return !_ending.IsCancellationRequested;
    }

    private async Task ListenAsync()
    {
        for (var failures = 0; !_ending.IsCancellationRequested; failures++)
        {
            try
            {
                await _store.ListenAsync(() =>
                {
                    failures = 0;
                    Kick();
                }, _ending.Token);
            }
            catch (Exception) when (!_ending.IsCancellationRequested)
            {
                // The poll says whether the store is away; it is asked now, not at its next turn.
                Kick();
                await Task.Delay(Backoff(failures + 1), _time, _ending.Token).ContinueWith(static _ => { }, TaskScheduler.Default);
            }
            catch (Exception)
            {
                return;
            }
        }
    }

    private void Found(StoreRevision revision)
    {
        bool wasLost;
        lock (_gate)
        {
            wasLost = _lostSince is not null;
            (_lostSince, _reason, _revision) = (null, null, revision);
            _progress.TrySetResult();
            _progress = NewSignal();
        }

        if (wasLost)
        {
            Log.Found(_logger, _store.Place);
        }
    }

    private void Lost(string reason)
    {
        bool isNew;
        lock (_gate)
        {
            isNew = _reason != reason;
            _lostSince ??= _time.GetUtcNow();
            _reason = reason;
        }

        if (isNew)
        {
            Log.Lost(_logger, _store.Place, reason);
        }
    }

    // Doubles, with chance in it: gates that lost one store don't come back to it in step.
    private static TimeSpan Backoff(int failures) => s_longestWait * Math.Min(1, 0.05 * Math.Pow(2, Math.Min(failures, 10) - 1)) * (0.75 + (Random.Shared.NextDouble() / 4));

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Storage + 0, LogLevel.Error, "The store at {Place} is lost; this gate goes on with what it has and refuses what needs a fresh answer: {Reason}")]
        public static partial void Lost(ILogger logger, string place, string reason);

        [LoggerMessage(EventIds.Storage + 1, LogLevel.Information, "The store at {Place} is back, and what changed meanwhile has been taken over")]
        public static partial void Found(ILogger logger, string place);
    }
}
