using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Postern.FunctionalTests.Prefect;

/// <summary>What a frame of RFC 6455 is.</summary>
internal enum SocketOpcode
{
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// <summary>A whole frame as it stands on the wire; nothing here compresses or splits.</summary>
internal sealed record SocketFrame(SocketOpcode Opcode, byte[] Payload)
{
    private const byte Final = 0x80;
    private const byte Masked = 0x80;

    /// <summary>The frame as text, for messages of a failure.</summary>
    public override string ToString() => Opcode == SocketOpcode.Close && Payload.Length >= 2
        ? $"Close {BinaryPrimitives.ReadUInt16BigEndian(Payload)} {Encoding.UTF8.GetString(Payload.AsSpan(2))}"
        : $"{Opcode} {Encoding.UTF8.GetString(Payload)}";

    /// <summary>A text frame.</summary>
    public static SocketFrame OfText(string text) => new(SocketOpcode.Text, Encoding.UTF8.GetBytes(text));

    /// <summary>What a server answers to a client's key.</summary>
#pragma warning disable CA5350 // The protocol's own; nothing rests on its strength.
    public static string AcceptOf(string key) =>
        Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350

    /// <summary>A client masks what it sends.</summary>
    public async Task WriteAsync(Stream to, bool masked, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream(Payload.Length + 14);
        bytes.WriteByte((byte)(Final | (byte)Opcode));
        var mask = masked ? Masked : (byte)0;
        switch (Payload.Length)
        {
            case < 126:
                bytes.WriteByte((byte)(mask | Payload.Length));
                break;
            case <= ushort.MaxValue:
                bytes.WriteByte((byte)(mask | 126));
                bytes.Write([(byte)(Payload.Length >> 8), (byte)Payload.Length]);
                break;
            default:
                bytes.WriteByte((byte)(mask | 127));
                Span<byte> length = stackalloc byte[8];
                BinaryPrimitives.WriteInt64BigEndian(length, Payload.Length);
                bytes.Write(length);
                break;
        }

        if (masked)
        {
            var key = RandomNumberGenerator.GetBytes(4);
            bytes.Write(key);
            bytes.Write(Mask(Payload, key));
        }
        else
        {
            bytes.Write(Payload);
        }

        await to.WriteAsync(bytes.GetBuffer().AsMemory(0, (int)bytes.Length), cancellation);
        await to.FlushAsync(cancellation);
    }

    /// <summary>The next frame.</summary>
    /// <exception cref="EndOfStreamException">The peer closed.</exception>
    public static async Task<SocketFrame> ReadAsync(WireReader from, bool masked, CancellationToken cancellation)
    {
        var head = await from.ExactlyAsync(2, cancellation);
        Assert.True((head[0] & 0xF0) == Final, $"a frame that is part of a message, or compressed: {head[0]:x2}");
        Assert.Equal(masked, (head[1] & Masked) != 0);
        var length = head[1] & 0x7F;
        if (length == 126)
        {
            length = BinaryPrimitives.ReadUInt16BigEndian(await from.ExactlyAsync(2, cancellation));
        }
        else if (length == 127)
        {
            length = checked((int)BinaryPrimitives.ReadInt64BigEndian(await from.ExactlyAsync(8, cancellation)));
        }

        var key = masked ? await from.ExactlyAsync(4, cancellation) : null;
        var payload = await from.ExactlyAsync(length, cancellation);
        return new SocketFrame((SocketOpcode)(head[0] & 0x0F), key is null ? payload : Mask(payload, key));
    }

    private static byte[] Mask(byte[] payload, byte[] key) => [.. payload.Select((value, index) => (byte)(value ^ key[index & 3]))];
}
