using System.Text.Json;

namespace Postern.Engines.Prefect.Sockets;

/// <summary>What a subscriber of events or logs says first. What it asks for narrows what it gets and gives it nothing, so that only its kind is judged.</summary>
internal static class FilterMessage
{
    public const string Expected = "Expected 'filter' message";

    public static bool IsOne(ReadOnlyMemory<byte> message)
    {
        using var document = SocketJson.Read(message);
        return document?.RootElement is { } root && root.Text("type") == "filter" && root.TryGetProperty("filter", out var filter) && filter.ValueKind == JsonValueKind.Object;
    }
}
