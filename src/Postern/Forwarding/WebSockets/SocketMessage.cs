namespace Postern.Forwarding.WebSockets;

/// <summary>What a <see cref="FrameReader"/> found: one whole message, one control frame, the stream's end, or what was wrong with it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">The message, unmasked, or the control frame's payload. Good until the next read.</param>
/// <param name="Code">The code of a close frame, or the one with which a fault is answered.</param>
/// <param name="Fault">What was wrong, for the log; null for all but a fault.</param>
internal readonly record struct SocketMessage(MessageKind Kind, ReadOnlyMemory<byte> Payload = default, CloseCode Code = CloseCode.None, string? Fault = null);

internal enum MessageKind : byte
{
    /// <summary>The stream is at its end, within a frame or not.</summary>
    Ended,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
    Fault,
}
