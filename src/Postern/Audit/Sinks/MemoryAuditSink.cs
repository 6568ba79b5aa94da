using System.Text;

namespace Postern.Audit.Sinks;

/// <summary>The last lines, in memory only: for trying things out, where there is no disk to keep them on.</summary>
internal sealed class MemoryAuditSink(int capacity = 10_000) : IAuditSink
{
    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();
    private readonly List<string> _unflushed = [];

    /// <summary>Lines that were flushed, oldest first.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellationToken)
    {
        _unflushed.AddRange(Encoding.UTF8.GetString(lines.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            foreach (var line in _unflushed)
            {
                if (_lines.Count == capacity)
                {
                    _lines.Dequeue();
                }

                _lines.Enqueue(line);
            }
        }

        _unflushed.Clear();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
