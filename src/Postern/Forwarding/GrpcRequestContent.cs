using System.Net;

namespace Postern.Forwarding;

/// <summary>
/// One gRPC message, framed, as a request's content. Its length is known, so that headers and data leave in one write,
/// and its bytes stay until <see cref="Release"/>, so that a request which the server says it did not process can be sent again.
/// </summary>
internal sealed class GrpcRequestContent : HttpContent
{
    private OutgoingMessage _message;
    private int _serializations;

    public GrpcRequestContent(OutgoingMessage message, string contentType)
    {
        _message = message;
        Headers.TryAddWithoutValidation("Content-Type", contentType);
    }

    /// <summary>True once the first byte was handed to a connection: from then on a lost answer leaves a write's outcome unknown.</summary>
    public bool WasSent => Volatile.Read(ref _serializations) > 0;

    public void Release() => _message.Release();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _serializations);
        return stream.WriteAsync(_message.Memory, cancellationToken).AsTask();
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _message.Memory.Length;
        return true;
    }
}
