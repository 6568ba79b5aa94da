using System.Buffers.Binary;
using System.IO.Compression;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>gRPC's five-byte framing, made and read by hand: the tests must not share the gate's own reading of it.</summary>
internal static class GrpcFrame
{
    public static byte[] Of(ReadOnlySpan<byte> message, byte flag = 0) => Claiming((uint)message.Length, message, flag);

    /// <summary>A frame whose length field says something else than the bytes that follow.</summary>
    public static byte[] Claiming(uint length, ReadOnlySpan<byte> message, byte flag = 0)
    {
        var frame = new byte[5 + message.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), length);
        message.CopyTo(frame.AsSpan(5));
        return frame;
    }

    public static byte[] GzipOf(ReadOnlySpan<byte> message) => Of(Gzip(message), 1);

    public static byte[] Gzip(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            // The framework writes nothing at all for nothing; SDKs send a whole member.
            return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        }

        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return buffer.ToArray();
    }

    public static byte[] Gunzip(byte[] bytes)
    {
        using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        using var buffer = new MemoryStream();
        gzip.CopyTo(buffer);
        return buffer.ToArray();
    }

    /// <summary>The frames of a body. Throws where bytes are left over: what is compared must be whole.</summary>
    public static IReadOnlyList<(byte Flag, byte[] Message)> Split(ReadOnlySpan<byte> body)
    {
        var frames = new List<(byte, byte[])>();
        while (body.Length > 0)
        {
            var length = (int)BinaryPrimitives.ReadUInt32BigEndian(body[1..]);
            frames.Add((body[0], body.Slice(5, length).ToArray()));
            body = body[(5 + length)..];
        }

        return frames;
    }

    /// <summary>The one message of a body, inflated where its flag says so.</summary>
    public static byte[] Message(ReadOnlySpan<byte> body)
    {
        var (flag, message) = Split(body).Single();
        return flag == 0 ? message : Gunzip(message);
    }
}
