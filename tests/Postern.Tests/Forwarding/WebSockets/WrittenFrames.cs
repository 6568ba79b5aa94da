using Postern.Forwarding.WebSockets;

namespace Postern.Tests.Forwarding.WebSockets;

/// <summary>Frames as a test writes them: rightly, or with a fault of its choice.</summary>
internal static class WrittenFrames
{
    public const uint Mask = 0x9A3C_55F1;

    public static byte[] Of(Opcode opcode, ReadOnlySpan<byte> payload, bool masked = true, bool final = true, byte reserved = 0)
    {
        var frame = new byte[FrameHead.Longest + payload.Length];
        var head = new FrameHead(opcode, final, masked ? Mask : null, payload.Length).Write(frame);
        payload.CopyTo(frame.AsSpan(head));
        if (masked)
        {
            FrameHead.Apply(frame.AsSpan(head, payload.Length), Mask);
        }

        frame[0] |= reserved;
        return frame[..(head + payload.Length)];
    }

    public static byte[] Text(string text, bool masked = true, bool final = true) => Of(Opcode.Text, System.Text.Encoding.UTF8.GetBytes(text), masked, final);

    public static async Task<List<string>> ReadAllAsync(Stream stream, bool masked = true, int limit = 1 << 20)
    {
        using var reader = new FrameReader(stream, masked, limit);
        var read = new List<string>();
        while (true)
        {
            var message = await reader.ReadAsync(TestContext.Current.CancellationToken);
            if (message.Kind is MessageKind.Ended or MessageKind.Fault)
            {
                read.Add(message.Kind == MessageKind.Fault ? $"Fault {(int)message.Code}" : "Ended");
                return read;
            }

            read.Add($"{message.Kind} {(int)message.Code} {Convert.ToHexString(message.Payload.Span)}");
        }
    }
}
