namespace Postern.Engines.Prefect.Sockets;

/// <summary>What a task worker says first: the keys of the tasks that it takes, and its name.</summary>
internal sealed record SubscribeMessage(IReadOnlyList<string> Keys, string ClientId)
{
    /// <summary>Reads one; what the server would refuse is refused in its own words.</summary>
    /// <param name="message">The text.</param>
    /// <param name="fault">What the client is told where it can't be read.</param>
    public static SubscribeMessage? Read(ReadOnlyMemory<byte> message, out string fault)
    {
        using var document = SocketJson.Read(message);
        fault = "Protocol violation: expected 'subscribe' message";
        if (document?.RootElement is not { } root || root.Text("type") != "subscribe")
        {
            return null;
        }

        fault = "Protocol violation: expected 'keys' in subscribe message";
        if (root.Texts("keys") is not { Count: > 0 } keys)
        {
            return null;
        }

        fault = "Protocol violation: expected 'client_id' in subscribe message";
        return root.Text("client_id") is { Length: > 0 } client ? new SubscribeMessage(keys, client) : null;
    }
}
