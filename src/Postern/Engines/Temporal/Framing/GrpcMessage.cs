using System.Buffers;
using System.Buffers.Binary;
using Postern.Model;

namespace Postern.Engines.Temporal.Framing;

/// <summary>
/// The one message of a unary call. Exactly one: what stands behind it would be forwarded unread, and what is judged must be what is forwarded.
/// Where it came as gzip, <see cref="Message"/> is the inflated form in a pooled buffer, which <see cref="Dispose"/> gives back: once, and nothing of it may be used after.
/// </summary>
internal readonly struct GrpcMessage : IDisposable
{
    private const int HeaderLength = 5;

    // Deflate can't say more than 1032 bytes with one: a length beyond that is a lie, and no buffer is rented for it.
    private const long MaxRatio = 1032;

    private readonly byte[]? _pooled;

    private GrpcMessage(ReadOnlySequence<byte> message, byte[]? pooled, bool wasCompressed)
    {
        Message = message;
        _pooled = pooled;
        WasCompressed = wasCompressed;
    }

    /// <summary>The message itself, without frame, inflated.</summary>
    public ReadOnlySequence<byte> Message { get; }

    /// <summary>True where it came as gzip.</summary>
    public bool WasCompressed { get; }

    /// <summary>Reads the body of a unary call.</summary>
    /// <param name="body">All its bytes.</param>
    /// <param name="encoding">The call's <c>grpc-encoding</c>; null where it has none.</param>
    /// <param name="requestLimit">Most bytes that the message may have as it came.</param>
    /// <param name="inflateLimit">Most bytes that it may have when inflated.</param>
    /// <param name="refusal">Why the body can't be read; null where it can.</param>
    public static GrpcMessage Parse(in ReadOnlySequence<byte> body, string? encoding, long requestLimit, long inflateLimit, out Refusal? refusal)
    {
        refusal = null;
        var isGzip = string.Equals(encoding, "gzip", StringComparison.Ordinal);
        if (!isGzip && !(string.IsNullOrEmpty(encoding) || string.Equals(encoding, "identity", StringComparison.Ordinal)))
        {
            refusal = Unreadable("The call's message encoding isn't known here; send gzip or identity.", "unknown encoding");
            return default;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        if (body.Length < HeaderLength)
        {
            refusal = Unreadable(body.IsEmpty ? "The call has no message; a unary call has exactly one." : "The call ends within its message.", "no whole frame");
            return default;
        }

        body.Slice(0, HeaderLength).CopyTo(header);
        long length = BinaryPrimitives.ReadUInt32BigEndian(header[1..]);
        if (length > requestLimit)
        {
            refusal = TooLarge(length, requestLimit);
            return default;
        }

        if (body.Length != HeaderLength + length)
        {
            refusal = body.Length < HeaderLength + length
                ? Unreadable("The call ends within its message.", "truncated frame")
                : Unreadable("The call has more than one message; a unary call has exactly one.", "bytes behind the message");
            return default;
        }

        var message = body.Slice(HeaderLength);
        switch (header[0])
        {
            case 0:
                return new GrpcMessage(message, null, wasCompressed: false);
            case 1 when isGzip:
                return Inflate(in message, inflateLimit, out refusal);
            case 1:
                refusal = Unreadable("The message is marked as packed, but the call names no encoding.", "packed flag without an encoding");
                return default;
            default:
                refusal = Unreadable("The message's first byte is neither 0 nor 1.", "unknown flag");
                return default;
        }
    }

    public void Dispose()
    {
        if (_pooled is not null)
        {
            ArrayPool<byte>.Shared.Return(_pooled);
        }
    }

    private static GrpcMessage Inflate(in ReadOnlySequence<byte> message, long limit, out Refusal? refusal)
    {
        if (message.IsSingleSegment)
        {
            return Inflate(message.FirstSpan, limit, out refusal);
        }

        var length = (int)message.Length;
        var joined = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            message.CopyTo(joined);
            return Inflate(joined.AsSpan(0, length), limit, out refusal);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(joined);
        }
    }

    private static GrpcMessage Inflate(ReadOnlySpan<byte> gzip, long limit, out Refusal? refusal)
    {
        refusal = null;
        if (!Gzip.TryReadEnds(gzip, out var deflated, out var crc, out var size) || size > MaxRatio * gzip.Length)
        {
            refusal = Unreadable("The message isn't whole gzip.", "gzip: malformed header or trailer");
            return default;
        }

        if (size > limit)
        {
            refusal = TooLarge(size, limit);
            return default;
        }

        var inflated = ArrayPool<byte>.Shared.Rent(Math.Max(1, (int)size));
        var to = inflated.AsSpan(0, (int)size);
        if (!Inflater.TryInflate(deflated, to) || Crc32.Of(to) != crc)
        {
            ArrayPool<byte>.Shared.Return(inflated);
            refusal = Unreadable("The message isn't whole gzip: one member, nothing behind it, as long as it says.", "gzip: malformed member");
            return default;
        }

        return new GrpcMessage(new ReadOnlySequence<byte>(inflated, 0, (int)size), inflated, wasCompressed: true);
    }

    private static Refusal Unreadable(string text, string detail) => new(RefusalReason.Unreadable, text, detail);

    private static Refusal TooLarge(long length, long limit) => new(RefusalReason.TooLarge, $"grpc: received message larger than max ({length} vs. {limit})");
}
