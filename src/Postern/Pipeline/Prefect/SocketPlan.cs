using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding.WebSockets;

namespace Postern.Pipeline.Prefect;

/// <summary>What the gate says to a client, or to itself, about a socket's next step.</summary>
internal enum SocketAnswer : byte
{
    /// <summary>It goes on.</summary>
    Go,

    /// <summary>It can't be told: the client waits, and is told nothing meanwhile.</summary>
    CannotTell,

    /// <summary>The socket is closed.</summary>
    Close,
}

/// <summary>The next step of a socket.</summary>
/// <param name="Answer">Whether it goes on.</param>
/// <param name="Code">The code with which it is closed.</param>
/// <param name="Reason">What the client is told where it is closed.</param>
/// <param name="Message">The client's message as it goes on, where it isn't the one that came.</param>
internal readonly record struct SocketStep(SocketAnswer Answer, CloseCode Code = CloseCode.None, string Reason = "", ReadOnlyMemory<byte>? Message = null)
{
    public static SocketStep Go => default;

    public static SocketStep CannotTell => new(SocketAnswer.CannotTell);

    public static SocketStep Refuse(string reason, CloseCode code = CloseCode.PolicyViolation) => new(SocketAnswer.Close, code, reason);

    public static SocketStep With(ReadOnlyMemory<byte> message) => new(SocketAnswer.Go, Message: message);
}

/// <summary>What is presented to the engine at one attempt.</summary>
/// <param name="Token">What the gate's first message says; null for a server that asks for nothing.</param>
/// <param name="Header">The value of the request's <c>authorization</c>; null for none.</param>
internal sealed record SocketCredential(string? Token, string? Header);

/// <summary>What one socket is to do. The pipeline makes it of a call; a session follows it.</summary>
internal sealed class SocketPlan
{
    public required PrefectSocket Socket { get; init; }

    /// <summary>Whether the client took the subprotocol, and so authenticates with its first message.</summary>
    public required bool IsAgreed { get; init; }

    /// <summary>Whose socket it is, and whether he may have it. Asked with the token of the first message, null where it has none; asked again while it can't be told.</summary>
    public required Func<string?, CancellationToken, ValueTask<SocketStep>> Admit { get; init; }

    /// <summary>Judges the message behind the first, which says what the client wants; null where the socket has none.</summary>
    public required Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask<SocketStep>>? Judge { get; init; }

    /// <summary>
    /// Whether a message of the engine may be seen, where that is asked message by message; null where it needn't be asked. Known once the caller is admitted.
    /// </summary>
    public required Func<Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask<bool?>>?> MaySee { get; init; }

    /// <summary>What may be presented to the engine, in the order in which it is tried.</summary>
    public required Func<IReadOnlyList<SocketCredential>> Credentials { get; init; }

    /// <summary>Opens a socket to the engine.</summary>
    public required Func<SocketCredential, CancellationToken, Task<EngineSocket>> Open { get; init; }

    /// <summary>Called when the engine could not be reached, or took none of the credentials: for readiness and the log.</summary>
    public Action<string>? Away { get; init; }

    /// <summary>How long a client may take for its first message.</summary>
    public TimeSpan FirstMessage { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the engine may take for each step of its handshake.</summary>
    public TimeSpan EngineHandshake { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the farewell of a socket may take.</summary>
    public TimeSpan Farewell { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>How a socket ended, and what went through it.</summary>
/// <param name="Code">The code that one side gave; none where it broke off.</param>
/// <param name="Reason">In words.</param>
internal readonly record struct SocketEnd(CloseCode Code, string Reason)
{
    /// <summary>Whether the client was let in.</summary>
    public bool WasOpen { get; init; }

    /// <summary>Messages from the client, without its first.</summary>
    public long Received { get; init; }

    /// <summary>Messages to the client.</summary>
    public long Sent { get; init; }

    /// <summary>Messages that it may not see.</summary>
    public long Withheld { get; init; }

    public long BytesReceived { get; init; }

    public long BytesSent { get; init; }
}
