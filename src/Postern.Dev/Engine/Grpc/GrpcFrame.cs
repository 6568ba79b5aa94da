using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Pipelines;
using Google.Protobuf;

namespace Postern.Dev.Engine.Grpc;

/// <summary>Reads the one message of a unary request and writes the one of its answer.</summary>
internal static class GrpcFrame
{
    public const int PrefixLength = 5;
    public const int MaxMessage = 4 * 1024 * 1024;

    /// <summary>The request's message, inflated. What follows the first message is ignored, as the server does.</summary>
    public static async Task<byte[]> ReadAsync(PipeReader body, string? encoding, CancellationToken gone)
    {
        var (compressed, message) = await ReadRawAsync(body, gone);
        if (encoding is not (null or "" or "identity" or "gzip"))
        {
            throw new RpcException(StatusCode.Unimplemented, $"grpc: Decompressor is not installed for grpc-encoding \"{encoding}\"");
        }

        if (!compressed)
        {
            return message;
        }

        if (encoding is not "gzip")
        {
            throw new RpcException(StatusCode.Internal, "grpc: compressed flag set with identity or empty encoding");
        }

        return Inflate(message);
    }

    public static void Write(IBufferWriter<byte> output, IMessage message, bool gzip)
    {
        var size = message.CalculateSize();
        if (gzip && size > 0)
        {
            var deflated = Deflate(message);
            WritePrefix(output, 1, deflated.Length);
            output.Write(deflated);
            return;
        }

        WritePrefix(output, 0, size);
        if (size > 0)
        {
            message.WriteTo(output.GetSpan(size)[..size]);
            output.Advance(size);
        }
    }

    private static async Task<(bool Compressed, byte[] Message)> ReadRawAsync(PipeReader body, CancellationToken gone)
    {
        var prefix = await body.ReadAtLeastAsync(PrefixLength, gone);
        if (prefix.Buffer.Length < PrefixLength)
        {
            throw new RpcException(StatusCode.Unknown, prefix.Buffer.IsEmpty ? "EOF" : "unexpected EOF");
        }

        var (compressed, length) = ReadPrefix(prefix.Buffer);
        if (length > MaxMessage)
        {
            throw new RpcException(StatusCode.ResourceExhausted, $"grpc: received message larger than max ({length} vs. {MaxMessage})");
        }

        body.AdvanceTo(prefix.Buffer.GetPosition(PrefixLength));
        if (length == 0)
        {
            return (compressed, []);
        }

        var rest = await body.ReadAtLeastAsync((int)length, gone);
        if (rest.Buffer.Length < length)
        {
            throw new RpcException(StatusCode.Unknown, "unexpected EOF");
        }

        var message = rest.Buffer.Slice(0, length).ToArray();
        body.AdvanceTo(rest.Buffer.GetPosition(length));
        return (compressed, message);
    }

    private static (bool Compressed, uint Length) ReadPrefix(ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[PrefixLength];
        buffer.Slice(0, PrefixLength).CopyTo(prefix);
        return (prefix[0] != 0, BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]));
    }

    private static byte[] Inflate(byte[] message)
    {
        try
        {
            using var gzip = new GZipStream(new MemoryStream(message), CompressionMode.Decompress);
            using var inflated = new MemoryStream(message.Length * 2);
            var chunk = ArrayPool<byte>.Shared.Rent(16 * 1024);
            try
            {
                int read;
                while ((read = gzip.Read(chunk)) > 0)
                {
                    inflated.Write(chunk, 0, read);
                    if (inflated.Length > MaxMessage)
                    {
                        throw new RpcException(StatusCode.ResourceExhausted, $"grpc: received message after decompression larger than max {MaxMessage}");
                    }
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(chunk);
            }

            return inflated.ToArray();
        }
        catch (InvalidDataException)
        {
            throw new RpcException(StatusCode.Internal, "grpc: failed to decompress the message: unexpected EOF");
        }
    }

    private static byte[] Deflate(IMessage message)
    {
        using var deflated = new MemoryStream();
        using (var gzip = new GZipStream(deflated, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(message.ToByteArray());
        }

        return deflated.ToArray();
    }

    private static void WritePrefix(IBufferWriter<byte> output, byte flag, int length)
    {
        var prefix = output.GetSpan(PrefixLength);
        prefix[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[1..], (uint)length);
        output.Advance(PrefixLength);
    }
}
