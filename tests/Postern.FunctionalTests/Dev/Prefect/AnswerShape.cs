using System.Text.Json;
using System.Text.Json.Nodes;

namespace Postern.FunctionalTests.Dev.Prefect;

/// <summary>Whether an answer has the members of a recorded one, of the same types. Values are a server's own, but for what its callers said.</summary>
internal static class AnswerShape
{
    /// <summary>Objects whose members are data: a worker's template, a schema's properties, an event's payload.</summary>
    private static readonly HashSet<string> Free =
    [
        "base_job_template", "fields", "payload", "trigger", "parameter_openapi_schema", "default_base_job_configuration", "data", "serializer", "resource", "schedule",
    ];

    /// <summary>Members that the stock clients and the UI do without.</summary>
    private static readonly HashSet<string> Spared = ["denied_slots", "avg_slot_occupancy_seconds"];

    public static IEnumerable<string> Problems(JsonNode? recorded, JsonNode? ours, string at = "$") => (recorded, ours) switch
    {
        // A member that is null says nothing of its type.
        (null, _) or (_, null) => [],
        (JsonObject one, JsonObject other) => one
            .Where(member => !Spared.Contains(member.Key))
            .SelectMany(member => !other.ContainsKey(member.Key) ? [$"{at}.{member.Key} is not there"]
                : Free.Contains(member.Key) ? SameKind(member.Value, other[member.Key], $"{at}.{member.Key}") : Problems(member.Value, other[member.Key], $"{at}.{member.Key}")),
        (JsonArray one, JsonArray other) => other.Count < one.Count ? [$"{at} has {other.Count} items for {one.Count}"] : one.Zip(other).SelectMany((pair, index) => Problems(pair.First, pair.Second, $"{at}[{index}]")),
        _ => SameKind(recorded, ours, at),
    };

    private static IEnumerable<string> SameKind(JsonNode? recorded, JsonNode? ours, string at)
    {
        if (recorded is not null && ours is not null && Kind(recorded) != Kind(ours))
        {
            yield return $"{at} is a {Kind(ours)}, recorded a {Kind(recorded)}";
        }
        else if (IdMap.IsId(recorded) != IdMap.IsId(ours) && ours is not null && recorded is not null)
        {
            yield return $"{at} is {ours}, recorded {recorded}";
        }
    }

    private static JsonValueKind Kind(JsonNode node) => node.GetValueKind() is JsonValueKind.False ? JsonValueKind.True : node.GetValueKind();
}
