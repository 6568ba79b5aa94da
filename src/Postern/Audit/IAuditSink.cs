namespace Postern.Audit;

/// <summary>
/// Where audit lines are kept. Called by one writer at a time; batching, group commit and retries are <see cref="AuditLog"/>'s.
/// A sink reports failure by throwing. It never drops: what it can't keep, it says so, and calls are refused.
/// </summary>
internal interface IAuditSink : IAsyncDisposable
{
    /// <summary>Appends whole lines, each ended by a line feed. They may be lost until <see cref="FlushAsync"/> returns.</summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellationToken);

    /// <summary>
    /// Makes everything written so far survive a crash of process and machine. After a failure of either method, everything written since the last flush
    /// that succeeded will be written again: the sink takes it back if it can, so that no line stands twice.
    /// </summary>
    ValueTask FlushAsync(CancellationToken cancellationToken);
}
