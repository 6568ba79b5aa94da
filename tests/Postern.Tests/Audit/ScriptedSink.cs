using System.Text;
using Postern.Audit;

namespace Postern.Tests.Audit;

/// <summary>A sink whose flushes the test holds back, lets fail and counts.</summary>
internal sealed class ScriptedSink : IAuditSink
{
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly SemaphoreSlim _released = new(0);
    private readonly List<string> _pending = [];
    private volatile Exception? _failure;
    private volatile bool _isHeld;
    private int _flushes;

    public List<string> Lines { get; } = [];

    public int Flushes => Volatile.Read(ref _flushes);

    public bool IsDisposed { get; private set; }

    /// <summary>From now on every flush waits for <see cref="Release"/>.</summary>
    public void Hold() => _isHeld = true;

    public void Release() => _released.Release();

    /// <summary>Ends the holding and lets go of the flush that waits.</summary>
    public void LetGo()
    {
        _isHeld = false;
        _released.Release();
    }

    public void FailWith(Exception? failure) => _failure = failure;

    /// <summary>Until the writer stands in a flush.</summary>
    public Task WhenFlushing() => _arrived.WaitAsync(TestContext.Current.CancellationToken);

    public ValueTask WriteAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellationToken)
    {
        _pending.AddRange(Encoding.UTF8.GetString(lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        return ValueTask.CompletedTask;
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _flushes);
        var isHeld = _isHeld;
        _arrived.Release();
        if (isHeld)
        {
            await _released.WaitAsync(cancellationToken);
        }

        if (_failure is { } failure)
        {
            _pending.Clear();
            throw failure;
        }

        lock (Lines)
        {
            Lines.AddRange(_pending);
        }

        _pending.Clear();
    }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }
}
