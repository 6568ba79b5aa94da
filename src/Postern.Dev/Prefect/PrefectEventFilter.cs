using System.Text.Json.Nodes;

namespace Postern.Dev.Prefect;

/// <summary>The filter of <c>/events/filter</c> and <c>/events/out</c>, over one event.</summary>
internal static class PrefectEventFilter
{
    private const string ResourceId = "prefect.resource.id";

    public static bool Passes(JsonObject @event, JsonObject? filter)
    {
        var resource = @event.Object("resource");
        var related = (@event["related"] as JsonArray ?? []).OfType<JsonObject>().ToList();
        return InTime(@event, filter.Object("occurred"))
            && Named(@event.Text("event") ?? "", filter.Object("event"))
            && AnyOf([resource], filter.Object("resource"))
            && AnyOf(related, filter.Object("related"))
            && AnyOf([resource, .. related], filter.Object("any_resource"))
            && (filter.Object("id")?["id"] is not JsonArray { Count: > 0 } ids || ids.Any(id => id?.ToString() == @event.Text("id")));
    }

    private static bool InTime(JsonObject @event, JsonObject? occurred) =>
        PrefectJson.Moment(@event["occurred"]) is not { } at
        || ((PrefectJson.Moment(occurred?["since"]) is not { } since || at >= since) && (PrefectJson.Moment(occurred?["until"]) is not { } until || at <= until));

    private static bool Named(string name, JsonObject? criteria) =>
        Among(criteria, "name", one => name == one, otherwise: true)
        && Among(criteria, "prefix", one => name.StartsWith(one, StringComparison.Ordinal), otherwise: true)
        && !Among(criteria, "exclude_name", one => name == one, otherwise: false)
        && !Among(criteria, "exclude_prefix", one => name.StartsWith(one, StringComparison.Ordinal), otherwise: false);

    private static bool AnyOf(IEnumerable<JsonObject?> resources, JsonObject? criteria) =>
        criteria is null || resources.Any(resource => resource is not null
            && Among(criteria, "id", one => resource.Text(ResourceId) == one, otherwise: true)
            && Among(criteria, "id_prefix", one => resource.Text(ResourceId)?.StartsWith(one, StringComparison.Ordinal) == true, otherwise: true)
            && Among(criteria, "role", one => resource.Text("prefect.resource.role") == one, otherwise: true));

    private static bool Among(JsonObject? criteria, string word, Func<string, bool> fits, bool otherwise) =>
        criteria?[word] switch
        {
            JsonArray { Count: > 0 } several => several.Any(one => fits(one?.ToString() ?? "")),
            JsonValue one => fits(one.ToString()),
            _ => otherwise,
        };
}
