using System.Buffers;
using System.IO.Compression;
using System.Text;
using Postern.Engines.Temporal.Framing;
using Postern.Model;

namespace Postern.Tests.Engines.Temporal.Framing;

public sealed class GrpcMessageTests
{
    private const int Limit = 1000;

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("identity")]
    [InlineData("gzip")]
    public void Parse_PlainMessage_IsTakenAsItIs(string? encoding)
    {
        using var message = GrpcMessage.Parse(Body(0, "hello"u8), encoding, Limit, Limit, out var refusal);
        Assert.Null(refusal);
        Assert.Equal("hello"u8.ToArray(), message.Message.ToArray());
        Assert.False(message.WasCompressed);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(999)]
    [InlineData(1000)]
    public void Parse_Gzip_IsInflated(int length)
    {
        var plain = Text(length);
        using var message = GrpcMessage.Parse(Body(1, Pack(plain)), "gzip", Limit, Limit, out var refusal);
        Assert.Null(refusal);
        Assert.Equal(plain, message.Message.ToArray());
        Assert.True(message.WasCompressed);
    }

    [Fact]
    public void Parse_GzipInManySegments_IsInflated()
    {
        var plain = Text(900);
        using var message = GrpcMessage.Parse(Split(Frame(1, Pack(plain))), "gzip", Limit, Limit, out var refusal);
        Assert.Null(refusal);
        Assert.Equal(plain, message.Message.ToArray());
    }

    [Fact]
    public void Parse_NotExactlyOneMessage_IsRefused()
    {
        AssertUnreadable([], null);
        AssertUnreadable([0, 0, 0, 0], null);
        AssertUnreadable([0, 0, 0, 0, 2, 1], null);
        AssertUnreadable([0, 0, 0, 0, 1, 1, 9], null);
        AssertUnreadable([.. Frame(0, "a"u8), .. Frame(0, "b"u8)], null);
        AssertUnreadable([2, 0, 0, 0, 0], null);
    }

    [Fact]
    public void Parse_FlagAndEncodingDisagree_IsRefusedWithoutTheWordsThatMakeAClientTurnCompressionOff()
    {
        AssertUnreadable(Frame(1, Pack("a"u8)), null);
        AssertUnreadable(Frame(1, Pack("a"u8)), "identity");
        AssertUnreadable(Frame(0, "a"u8), "zstd");
        AssertUnreadable(Frame(0, "a"u8), "GZIP");
        AssertUnreadable(Frame(1, "a"u8), "gzip");
    }

    [Fact]
    public void Parse_GzipGames_AreRefused()
    {
        var packed = Pack(Text(300));
        AssertUnreadable(Frame(1, [.. packed, 0]), "gzip");
        AssertUnreadable(Frame(1, [.. packed, .. packed]), "gzip");
        AssertUnreadable(Frame(1, [.. packed, .. Pack([])]), "gzip");
        AssertUnreadable(Frame(1, packed.AsSpan(0, packed.Length - 1)), "gzip");
        for (var i = 1; i <= 8; i++)
        {
            // Checksum and length are the last eight bytes.
            var forged = packed.ToArray();
            forged[^i] ^= 1;
            AssertUnreadable(Frame(1, forged), "gzip");
        }
    }

    [Fact]
    public void Parse_TooLong_SaysSoInTheServersWords()
    {
        Assert.StartsWith("grpc: received message larger than max (1001 vs. 1000)", Refuse(Frame(0, new byte[1001]), null, RefusalReason.TooLarge).Text, StringComparison.Ordinal);
        Assert.StartsWith("grpc: received message larger than max (1001 vs. 1000)", Refuse(Frame(1, Pack(Text(1001))), "gzip", RefusalReason.TooLarge).Text, StringComparison.Ordinal);
        // Refused by what the frame says, before its bytes are there.
        Assert.Equal(RefusalReason.TooLarge, Refuse([0, 0xFF, 0xFF, 0xFF, 0xFF], null, RefusalReason.TooLarge).Reason);
    }

    [Fact]
    public void TryInflate_WhatTheFrameworkPacked_IsTheSameAtEveryLevel()
    {
        foreach (var level in (CompressionLevel[])[CompressionLevel.NoCompression, CompressionLevel.Fastest, CompressionLevel.Optimal, CompressionLevel.SmallestSize])
        {
            for (var seed = 0; seed < 300; seed++)
            {
                var random = new Random(seed);
                var plain = new byte[random.Next(seed % 10 == 0 ? 200_000 : 2000)];
                var letters = random.Next(1, 256);
                for (var i = 0; i < plain.Length; i++)
                {
                    plain[i] = (byte)(random.Next(4) == 0 || i < 40 ? random.Next(letters) : plain[i - random.Next(1, 40)]);
                }

                using var message = GrpcMessage.Parse(Body(1, Pack(plain, level)), "gzip", int.MaxValue, int.MaxValue, out var refusal);
                Assert.True(refusal is null, $"{level} {seed} {refusal?.Detail}");
                Assert.True(message.Message.FirstSpan.SequenceEqual(plain), $"{level} {seed}");
            }
        }
    }

    [Fact]
    public void Parse_MutatedGzip_IsRefusedOrReadAsTheFrameworkReadsIt()
    {
        var refused = 0;
        for (var seed = 0; seed < 20_000; seed++)
        {
            var random = new Random(seed);
            var packed = Pack(Text(random.Next(600)), seed % 2 == 0 ? CompressionLevel.Fastest : CompressionLevel.Optimal);
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                packed[random.Next(packed.Length)] = (byte)random.Next(256);
            }

            using var message = GrpcMessage.Parse(Body(1, packed), "gzip", 5000, 5000, out var refusal);
            if (refusal is null)
            {
                Assert.Equal(Unpack(packed), message.Message.ToArray());
            }

            refused += refusal is null ? 0 : 1;
        }

        Assert.InRange(refused, 10_000, 20_000);
    }

    private static void AssertUnreadable(byte[] body, string? encoding)
    {
        var text = Refuse(body, encoding, RefusalReason.Unreadable).Text;
        // The Go and TypeScript clients take a refusal with one of these words for a server that can't compress.
        Assert.All((string[])["decompress", "grpc-encoding", "compressor"], word => Assert.DoesNotContain(word, text, StringComparison.OrdinalIgnoreCase));
    }

    private static Refusal Refuse(byte[] body, string? encoding, RefusalReason reason)
    {
        foreach (var sequence in (ReadOnlySequence<byte>[])[new ReadOnlySequence<byte>(body), Split(body)])
        {
            using var message = GrpcMessage.Parse(in sequence, encoding, Limit, Limit, out var refusal);
            Assert.Equal(reason, refusal?.Reason);
            Assert.True(message.Message.IsEmpty);
        }

        GrpcMessage.Parse(new ReadOnlySequence<byte>(body), encoding, Limit, Limit, out var last).Dispose();
        return last!;
    }

    private static byte[] Text(int length) => Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i * i % 17)))));

    private static byte[] Frame(byte flag, ReadOnlySpan<byte> message) => [flag, 0, (byte)(message.Length >> 16), (byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static ReadOnlySequence<byte> Body(byte flag, ReadOnlySpan<byte> message) => new(Frame(flag, message));

    private static byte[] Pack(ReadOnlySpan<byte> plain, CompressionLevel level = CompressionLevel.Optimal)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, level, leaveOpen: true))
        {
            gzip.Write(plain);
            gzip.Flush(); // an empty plain text would leave no member at all
        }

        return packed.Length == 0 ? [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0] : packed.ToArray();
    }

    private static byte[] Unpack(byte[] packed)
    {
        var plain = new MemoryStream();
        using var gzip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
        gzip.CopyTo(plain);
        return plain.ToArray();
    }

    private static ReadOnlySequence<byte> Split(byte[] bytes)
    {
        if (bytes.Length < 2)
        {
            return new ReadOnlySequence<byte>(bytes);
        }

        var first = new Segment(bytes.AsMemory(0, 1), 0);
        var last = first;
        for (var at = 1; at < bytes.Length; at += 100)
        {
            last = last.Append(bytes.AsMemory(at, Math.Min(100, bytes.Length - at)));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long index)
        {
            Memory = memory;
            RunningIndex = index;
        }

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
