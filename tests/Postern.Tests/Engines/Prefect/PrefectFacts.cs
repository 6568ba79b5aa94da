using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Postern.Tests.Engines.Prefect;

/// <summary>One operation as the server of 3.9 describes it: its path without the API's prefix, and the keys of its body.</summary>
public sealed record DescribedOperation(string Method, string Path, string Name, string[] Parameters, string[] Filters, string[] Keys)
{
    public override string ToString() => $"{Method} /api{Path}";
}

/// <summary>One recorded request of a stock client, one of each shape; the route is the one that the server took.</summary>
public sealed record RecordedRequest(string Method, string Target, string Route, int? Status, string? Type, string? Body, [property: JsonPropertyName("socket")] bool IsSocket)
{
    public override string ToString() => $"{Method} {Target}";
}

/// <summary>What is known of the real server.</summary>
internal static class PrefectFacts
{
    public static IReadOnlyList<DescribedOperation> Operations { get; } = Read<DescribedOperation>("operations.jsonl");

    public static IReadOnlyList<RecordedRequest> Requests { get; } = Read<RecordedRequest>("recorded.jsonl");

    private static T[] Read<T>(string name) => [.. File.ReadLines(Path.Combine(Here(), name)).Select(line => JsonSerializer.Deserialize<T>(line, JsonSerializerOptions.Web)!)];

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
