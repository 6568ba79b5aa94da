namespace Postern.Engines.Prefect.Sockets;

/// <summary>The sockets of a Prefect server.</summary>
internal enum PrefectSocket : byte
{
    /// <summary>Events of the client's own making, one a message; states of task runs travel so.</summary>
    EventsIn,

    /// <summary>Events of the whole server, past and to come, that meet the client's filter.</summary>
    EventsOut,

    /// <summary>Lines of logs as they come, that meet the client's filter.</summary>
    LogsOut,

    /// <summary>Background tasks, handed out one by one to whoever named their keys.</summary>
    TaskSubscription,

    /// <summary>A worker's heartbeats, and what its pool looks like.</summary>
    WorkerChannel,
}

/// <summary>What is the same for all of them.</summary>
internal static class PrefectSockets
{
    /// <summary>The subprotocol. The server compares it as it is written.</summary>
    public const string Subprotocol = "prefect";

    // The server's own words: clients show them, and some look for them.
    public const string ExpectedAuth = "Expected 'auth' message";
    public const string NoToken = "Auth required but no token provided";
    public const string InvalidToken = "Invalid token";

    /// <summary>What tells a client that it may go on.</summary>
    public static ReadOnlyMemory<byte> AuthSuccess { get; } = "{\"type\":\"auth_success\"}"u8.ToArray();

    /// <summary>Which one a route is.</summary>
    public static PrefectSocket Of(PrefectRoute route) => route.Operation switch
    {
        "stream_events_in" => PrefectSocket.EventsIn,
        "stream_workspace_events_out" => PrefectSocket.EventsOut,
        "stream_logs_out" => PrefectSocket.LogsOut,
        "scheduled_task_subscription" => PrefectSocket.TaskSubscription,
        "worker_channel_connect" => PrefectSocket.WorkerChannel,
        _ => throw new ArgumentOutOfRangeException(nameof(route), route.Operation, "Not a socket."),
    };

    /// <summary>Whether the client tells by a first message what it wants, and is answered only then.</summary>
    public static bool HasFirstMessage(this PrefectSocket socket) => socket != PrefectSocket.EventsIn;

    /// <summary>Whether what the server sends is of things that not everybody may see.</summary>
    public static bool IsSeenByEach(this PrefectSocket socket) => socket is PrefectSocket.EventsOut or PrefectSocket.LogsOut;
}
