using System.Text;
using Postern.Forwarding.WebSockets;

namespace Postern.Tests.Forwarding.WebSockets;

public sealed class FrameWriterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true, 0)]
    [InlineData(true, 125)]
    [InlineData(true, 70_001)]
    [InlineData(false, 13)]
    [InlineData(false, 65_536)]
    public async Task Write_IsReadAsWritten(bool masks, int length)
    {
        var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, masks);
        var text = Encoding.ASCII.GetBytes(new string('x', length));

        await writer.WriteAsync(Opcode.Text, text, Cancellation);

        stream.Position = 0;
        Assert.Equal([$"Text 0 {Convert.ToHexString(text)}", "Ended"], await WrittenFrames.ReadAllAsync(stream, masks));
    }

    [Fact]
    public async Task Write_Masked_NeverUsesTheSameMaskTwice()
    {
        var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, masks: true);
        for (var i = 0; i < 8; i++)
        {
            await writer.WriteAsync(Opcode.Ping, default, Cancellation);
        }

        var masks = stream.ToArray().Chunk(6).Select(frame => Convert.ToHexString(frame[2..])).ToList();

        Assert.Equal(8, masks.Count);
        Assert.Equal(8, masks.Distinct().Count());
    }

    [Fact]
    public async Task Close_WithALongReason_CutsItBetweenCharacters()
    {
        var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, masks: false);

        await writer.CloseAsync(CloseCode.PolicyViolation, new string('a', 122) + "€", Cancellation);

        stream.Position = 0;
        using var reader = new FrameReader(stream, masked: false, 200);
        var close = await reader.ReadAsync(Cancellation);
        Assert.Equal((MessageKind.Close, CloseCode.PolicyViolation, new string('a', 122)), (close.Kind, close.Code, Encoding.UTF8.GetString(close.Payload.Span[2..])));
    }

    [Fact]
    public async Task Write_BehindAClose_WritesNothing()
    {
        var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, masks: false);
        await writer.CloseAsync(CloseCode.ServiceRestart, "", Cancellation);
        var length = stream.Length;

        Assert.False(await writer.WriteAsync(Opcode.Text, "a"u8.ToArray(), Cancellation));
        Assert.False(await writer.CloseAsync(CloseCode.Normal, "", Cancellation));

        Assert.Equal(length, stream.Length);
    }

    [Fact]
    public async Task Write_BehindTheHandOver_WritesNothing()
    {
        var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, masks: false);
        await writer.HandOverAsync(Cancellation);

        Assert.False(await writer.WriteAsync(Opcode.Pong, default, Cancellation));

        Assert.Equal(0, stream.Length);
    }

    [Fact]
    public async Task Write_ByManyAtOnce_MixesNoFrames()
    {
        var stream = new SlowStream();
        using var writer = new FrameWriter(stream, masks: true);

        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => writer.WriteAsync(Opcode.Text, Encoding.ASCII.GetBytes(new string((char)('a' + (i % 26)), 200)), Cancellation).AsTask()));

        var read = await WrittenFrames.ReadAllAsync(new MemoryStream(stream.ToArray()));
        Assert.Equal(51, read.Count);
        Assert.Equal("Ended", read[^1]);
    }

    private sealed class SlowStream : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            for (var i = 0; i < buffer.Length; i += 64)
            {
                await Task.Yield();
                Write(buffer.Span.Slice(i, Math.Min(64, buffer.Length - i)));
            }
        }
    }
}
