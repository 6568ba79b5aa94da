using System.Text.Json.Nodes;

namespace Postern.Engines.Prefect;

/// <summary>
/// A body whose filters say what a call is about, made narrower with the server's own filter objects. Criteria are added to what the client wrote, never in place of it; where his filter
/// can't take one more without meaning something else (it joins its criteria by or), nothing is written and the call has to be refused.
/// </summary>
internal sealed class PrefectFilterBody(JsonObject body)
{
    // No name on a server is so: criteria that allow nothing stay criteria, whatever the server makes of an empty list.
    private const string NoName = "(none)";
    private const string NoId = "00000000-0000-0000-0000-000000000000";

    public JsonObject Body => body;

    /// <summary>Adds that the thing's field is one of <paramref name="allowed"/>. False where the filter can't express it.</summary>
    /// <param name="filter">The key of the filter: <c>deployments</c>.</param>
    /// <param name="field">The field in it: <c>id</c>.</param>
    /// <param name="allowed">Its values. None: nothing is found.</param>
    /// <param name="areIds">Whether they are UUIDs, which have several written forms.</param>
    public bool TryRestrict(string filter, string field, IReadOnlyCollection<string> allowed, bool areIds)
    {
        if (ObjectIn(body, filter) is not { } of || !TryJoinByAnd(of, field) || ObjectIn(of, field) is not { } criterion || !TryJoinByAnd(criterion, "any_"))
        {
            return false;
        }

        IEnumerable<string> values = allowed;
        switch (criterion["any_"])
        {
            case null:
                break;
            case JsonArray asked:
                var known = allowed.ToHashSet(StringComparer.Ordinal);
                var wanted = new List<string>();
                foreach (var item in asked)
                {
                    if (item is not JsonValue value || !value.TryGetValue<string>(out var text))
                    {
                        return false;
                    }

                    var canonical = areIds && Guid.TryParse(text, out var id) ? id.ToString() : text;
                    if (known.Contains(canonical))
                    {
                        wanted.Add(canonical);
                    }
                }

                values = wanted;
                break;
            default:
                return false;
        }

        var list = new JsonArray([.. values.Select(value => (JsonNode)value)]);
        if (list.Count == 0)
        {
            list.Add(areIds ? NoId : NoName);
        }

        criterion["any_"] = list;
        return true;
    }

    /// <summary>Adds that the thing has one of the tags. False where the filter can't express it.</summary>
    /// <param name="filter">The key of the filter: <c>flow_runs</c>.</param>
    /// <param name="tags">At least one.</param>
    public bool TryTag(string filter, IReadOnlyList<string> tags)
    {
        if (ObjectIn(body, filter) is not { } of || !TryJoinByAnd(of, "tags") || ObjectIn(of, "tags") is not { } criterion)
        {
            return false;
        }

        // One tag stands beside whatever the client asks for. Of several, any will do: his own any of some others can't be said with it.
        var list = tags.Count == 1 ? "all_" : "any_";
        if (!TryJoinByAnd(criterion, list) || criterion[list] is not (null or JsonArray) || (tags.Count > 1 && criterion[list] is JsonArray { Count: > 0 }))
        {
            return false;
        }

        var all = criterion[list] as JsonArray ?? [];
        criterion[list] = all;
        foreach (var tag in tags)
        {
            all.Add(tag);
        }

        return true;
    }

    /// <summary>The object at a key of a filter, made where there is none; null where there is something else.</summary>
    public JsonObject? In(string filter, string field) => ObjectIn(body, filter) is { } of ? ObjectIn(of, field) : null;

    /// <summary>Values that the client himself restricts a field to; null where he doesn't, or by something else besides.</summary>
    public IReadOnlyList<string>? Asked(string filter, string field, string list)
    {
        if (body[filter] is not JsonObject of || of[field] is not JsonObject criterion || criterion[list] is not JsonArray asked || asked.Count == 0 || IsOr(of) || IsOr(criterion))
        {
            return null;
        }

        var values = new List<string>(asked.Count);
        foreach (var item in asked)
        {
            if (item is not JsonValue value || !value.TryGetValue<string>(out var text))
            {
                return null;
            }

            values.Add(text);
        }

        return values;
    }

    // The object at a key, made where there is none; null where there is something else.
    private static JsonObject? ObjectIn(JsonObject parent, string key)
    {
        switch (parent[key])
        {
            case JsonObject known:
                return known;
            case null:
                var made = new JsonObject();
                parent[key] = made;
                return made;
            default:
                return null;
        }
    }

    // With or, one more criterion would widen what is found. Where there is no other, the word says nothing.
    private static bool TryJoinByAnd(JsonObject filter, string field)
    {
        if (!IsOr(filter))
        {
            return true;
        }

        if (filter.Any(entry => entry.Key != "operator" && entry.Key != field && entry.Value is not null) || filter[field] is not null)
        {
            return false;
        }

        filter["operator"] = "and_";
        return true;
    }

    private static bool IsOr(JsonObject filter) => filter["operator"] is { } value && !(value is JsonValue text && text.TryGetValue<string>(out var word) && word == "and_");
}
