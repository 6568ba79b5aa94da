namespace Postern.Forwarding.WebSockets;

/// <summary>Waiting without a buffer.</summary>
internal static class IdleStreams
{
    /// <summary>Completes when there is something to read, or the end. It reads nothing: a read of no bytes waits as any other does, and keeps no memory for what may come.</summary>
    public static ValueTask<int> ArrivalAsync(this Stream stream, CancellationToken cancellation) => stream.ReadAsync(Memory<byte>.Empty, cancellation);
}
