using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Audit;

/// <summary>
/// The record of every call. Writes wait until their line is on disk, all that arrive while one flush runs sharing the next; the rest is batched and on disk
/// within a second. While nothing can be kept, nothing is let through: every answer is false, and the caller refuses with can't-tell.
/// </summary>
/// <remarks>
/// A thread of its own writes, because a flush blocks for milliseconds and would take a pool thread from the calls. Producers only copy their record under
/// a short lock.
/// </remarks>
internal sealed partial class AuditLog : IAsyncDisposable
{
    /// <summary>Records that may wait. Beyond it calls are refused: memory is bounded and nothing is dropped silently.</summary>
    public const int DefaultCapacity = 65_536;

    /// <summary>How often batched records are written; long before the second that is promised, since what waits outlives collections and is copied by each: a tenth of a call's CPU at half a second.</summary>
    public static readonly TimeSpan BatchPeriod = TimeSpan.FromMilliseconds(50);

    /// <summary>A commit that takes longer counts as failed for those who wait.</summary>
    public static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(10);

    private const int WriteChunk = 256 * 1024;

    // On a busy machine each yield is a time slice, and records keep coming: the wait for company must end.
    private const int MostYields = 4;

    private readonly object _gate = new();
    private readonly IAuditSink _sink;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly int _capacity;
    private readonly AuditLines _lines = new();
    private readonly AuditMeters _meters;
    private readonly ITimer _timer;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AuditBatch _filling = new();
    private AuditBatch _spare = new();
    private AuditBatch? _committing;
    private long _commitStarted;
    private bool _due;
    private bool _closing;
    private long _lost;
    private DateTimeOffset _faultedSince;
    private volatile bool _faulted;

    public AuditLog(IAuditSink sink, TimeProvider time, ILogger<AuditLog> logger, Meter meter, int capacity = DefaultCapacity)
    {
        (_sink, _time, _logger, _capacity) = (sink, time, logger, capacity);
        _meters = new AuditMeters(meter, () => QueueLength, () => _faulted);
        _timer = time.CreateTimer(static log => ((AuditLog)log!).Tick(), this, BatchPeriod, BatchPeriod);
        new Thread(Run) { IsBackground = true, Name = "audit" }.Start();
    }

    /// <summary>True while records can't be kept. It ends by itself when the sink works again.</summary>
    public bool IsFaulted => _faulted;

    /// <summary>
    /// Whether a read or a worker's progress may be let through: asked before forwarding, since afterwards it is too late to refuse. Leaves a quarter of the
    /// queue to calls that are under way.
    /// </summary>
    public bool CanRecord => !_faulted && Volatile.Read(ref _filling).Count < _capacity - (_capacity / 4);

    /// <summary>Records that wait to be written.</summary>
    public int QueueLength
    {
        get
        {
            lock (_gate)
            {
                return _filling.Count + (_committing?.Count ?? 0);
            }
        }
    }

    /// <summary>Puts a write's intent on disk. False: it isn't there, and the write must not be forwarded.</summary>
    public ValueTask<bool> IntentAsync(in AuditRecord record)
    {
        lock (_gate)
        {
            // An intent that is refused at once leaves no line: its call record will, if it can.
            return _faulted || !TryAdd(AuditEvent.Intent, record) ? new ValueTask<bool>(false) : WaitForCommit();
        }
    }

    /// <summary>
    /// Puts a write's outcome on disk. False: it isn't there yet. The engine has acted, so the answer goes back all the same; the record is kept for the time
    /// when the sink works again.
    /// </summary>
    public ValueTask<bool> OutcomeAsync(in AuditRecord record)
    {
        lock (_gate)
        {
            var isAdded = TryAdd(AuditEvent.Call, record);
            return _faulted || !isAdded ? new ValueTask<bool>(false) : WaitForCommit();
        }
    }

    /// <summary>
    /// Takes the record of any other call; it is on disk within a second. False: the queue is full or records can't be kept now, and the call is to be
    /// refused where that is still possible. A record that finds room is kept for the time when the sink works again.
    /// </summary>
    public bool Append(in AuditRecord record)
    {
        lock (_gate)
        {
            var isAdded = TryAdd(AuditEvent.Call, record);
            if (_filling.Count == _capacity / 2)
            {
                Wake();
            }

            return isAdded && !_faulted;
        }
    }

    /// <summary>Writes what waits and closes the sink.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_closing)
            {
                return;
            }

            _closing = true;
            Monitor.Pulse(_gate);
        }

        await _timer.DisposeAsync();
        try
        {
            await _ended.Task.WaitAsync(StallLimit, _time);
        }
        catch (TimeoutException)
        {
            // The sink hangs, and its thread with it; the process must end nevertheless.
            Log.LostAtEnd(_logger, QueueLength);
            return;
        }

        await _sink.DisposeAsync();
        _lines.Dispose();
    }

    private bool TryAdd(AuditEvent kind, in AuditRecord record)
    {
        if (_closing || _filling.Count >= _capacity)
        {
            _lost++;
            _meters.Lost.Add(1);
            return false;
        }

        _filling.Add(kind, record);
        return true;
    }

    private ValueTask<bool> WaitForCommit()
    {
        Wake();
        return new ValueTask<bool>(_filling.Committed);
    }

    private void Wake()
    {
        if (!_due)
        {
            _due = true;
            Monitor.Pulse(_gate);
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            if (_filling.Count > 0 || _faulted)
            {
                Wake();
            }

            if (!_faulted && _committing is not null && _time.GetElapsedTime(_commitStarted) > StallLimit)
            {
                Fault(new TimeoutException($"The audit sink has not answered for {StallLimit.TotalSeconds} s."));
            }
        }
    }

    private void Run()
    {
        while (Next() is { } batch)
        {
            Commit(batch);
            Gather();
        }

        _ended.SetResult();
    }

    // Those whose commit just ended come back at once with their next record. Without giving way to them, the first of them would set off a flush of its own
    // and the others wait for a second one: twice the flushes, twice the wait.
    private void Gather()
    {
        var before = -1;
        for (var i = 0; i < MostYields && before != Volatile.Read(ref _filling).Count; i++)
        {
            before = Volatile.Read(ref _filling).Count;
            Thread.Yield();
        }
    }

    // The next batch, or the one that failed, again; null at the end.
    private AuditBatch? Next()
    {
        lock (_gate)
        {
            while (!_due && !_closing)
            {
                Monitor.Wait(_gate);
            }

            if (_closing && _committing is null && _filling.Count == 0)
            {
                return null;
            }

            _due = false;
            if (_committing is null)
            {
                (_committing, _filling, _spare) = (_filling, _spare, _filling);
            }

            _commitStarted = _time.GetTimestamp();
            return _committing;
        }
    }

    private void Commit(AuditBatch batch)
    {
        try
        {
            Write(batch);
        }
        catch (Exception e)
        {
            lock (_gate)
            {
                Fault(e);
                if (_closing)
                {
                    // The end comes whether the sink works or not: say what is lost and go.
                    Log.LostAtEnd(_logger, batch.Count + _filling.Count);
                    _filling.Clear();
                    Release(batch);
                }
            }

            return;
        }

        _meters.Committed(batch.Count, _time.GetElapsedTime(_commitStarted));
        lock (_gate)
        {
            batch.Complete(kept: true);
            Release(batch);
            if (_faulted)
            {
                _faulted = false;
                Log.Recovered(_logger, _time.GetUtcNow() - _faultedSince);
            }
        }
    }

    private void Release(AuditBatch batch)
    {
        batch.Clear();
        (_spare, _committing) = (batch, null);
    }

    private void Write(AuditBatch batch)
    {
        _lines.Clear();
        long told = 0;
        if (_faulted || Volatile.Read(ref _lost) > 0)
        {
            told = Volatile.Read(ref _lost);
            _lines.AddGap(_faulted ? _faultedSince : _time.GetUtcNow(), _time.GetUtcNow(), told);
        }

        foreach (ref readonly var entry in batch.Entries)
        {
            _lines.Add(entry.Kind, entry.Record);
            if (_lines.Length >= WriteChunk)
            {
                WriteChunkOut();
            }
        }

        if (batch.Count == 0 && _lines.Length == 0)
        {
            return;
        }

        WriteChunkOut();
        Finish(_sink.FlushAsync(CancellationToken.None));
        lock (_gate)
        {
            _lost -= told;
        }
    }

    private void WriteChunkOut()
    {
        if (_lines.Length > 0)
        {
            Finish(_sink.WriteAsync(_lines.Written, CancellationToken.None));
            _lines.Clear();
        }
    }

    // This thread has nothing else to do, so it may block.
    private static void Finish(ValueTask task)
    {
        if (task.IsCompleted)
        {
            task.GetAwaiter().GetResult();
        }
        else
        {
            task.AsTask().GetAwaiter().GetResult();
        }
    }

    private void Fault(Exception cause)
    {
        _committing?.Complete(kept: false);
        _filling.Complete(kept: false);
        if (!_faulted)
        {
            _faultedSince = _time.GetUtcNow();
            _faulted = true;
            _meters.Faults.Add(1);
            Log.Faulted(_logger, cause);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Audit + 1, LogLevel.Critical, "Audit records can't be kept; every call is refused until they can")]
        public static partial void Faulted(ILogger logger, Exception cause);

        [LoggerMessage(EventIds.Audit + 2, LogLevel.Warning, "Audit records are kept again after {Time}")]
        public static partial void Recovered(ILogger logger, TimeSpan time);

        [LoggerMessage(EventIds.Audit + 3, LogLevel.Critical, "{Count} audit records were lost at the end of the process: the sink doesn't take them")]
        public static partial void LostAtEnd(ILogger logger, int count);
    }
}
