using System.Text.Json.Nodes;

namespace Postern.Dev.Prefect;

/// <summary>The server's filter objects, over rows: what a list, a count or a page is narrowed by. A criterion that nobody here knows is refused, never passed over.</summary>
internal static class PrefectFilter
{
    /// <summary>Most rows that a list gives at once.</summary>
    public const int MaxLimit = 200;

    private static readonly string[] s_related = ["flows", "flow_runs", "task_runs", "deployments", "work_pools", "work_queues", "work_pool_queues"];

    /// <summary>The rows of a table that pass every filter of a body, its own kind's and those of related kinds, in the order that the body asks for.</summary>
    public static IReadOnlyList<JsonObject> Select(PrefectWorld world, PrefectTable table, JsonObject? body, IEnumerable<JsonObject>? among = null)
    {
        var own = world.KindOf(table);
        IEnumerable<JsonObject> rows = [.. among ?? table.Rows];
        foreach (var kind in s_related.Append(own).Distinct())
        {
            if (body.Object(kind) is { } filter)
            {
                rows = rows.Where(row => world.Related(table, row, kind).Any(related => Passes(world, related, filter)));
            }
        }

        return [.. Sorted(rows, body.Text("sort"))];
    }

    /// <summary>The part of them that <c>limit</c> and <c>offset</c> name.</summary>
    public static IEnumerable<JsonObject> Part(IReadOnlyList<JsonObject> rows, JsonObject? body) =>
        rows.Skip(body.Number("offset") ?? 0).Take(Limit(body));

    /// <exception cref="PrefectRefusal">422: over the most.</exception>
    public static int Limit(JsonObject? body) => body.Number("limit") is not { } limit
        ? MaxLimit
        : limit <= MaxLimit ? limit : throw PrefectRefusal.Of(422, $"Invalid limit: must be less than or equal to {MaxLimit}.");

    /// <summary>A page of them, with what the server says around it.</summary>
    public static JsonObject Page(IReadOnlyList<JsonObject> rows, JsonObject? body, Func<JsonObject, JsonNode> show)
    {
        var (limit, page) = (Limit(body), body.Number("page") ?? 1);
        return new JsonObject
        {
            ["results"] = new JsonArray([.. rows.Skip((page - 1) * limit).Take(limit).Select(show)]),
            ["count"] = rows.Count,
            ["limit"] = limit,
            ["pages"] = (rows.Count + limit - 1) / limit,
            ["page"] = page,
        };
    }

    public static bool Passes(PrefectWorld world, JsonObject row, JsonObject filter)
    {
        var answers = filter.Where(member => member.Key != "operator" && member.Value is not null).Select(member => Meets(world, row, member.Key, member.Value!, filter));
        return filter.Text("operator") == "or_" ? answers.DefaultIfEmpty(true).Any(answer => answer) : answers.All(answer => answer);
    }

    private static bool Meets(PrefectWorld world, JsonObject row, string field, JsonNode criterion, JsonObject filter)
    {
        if (criterion is not JsonObject criteria)
        {
            throw PrefectRefusal.Invalid($"{field} is no filter", filter);
        }

        return field switch
        {
            "state" => Passes(world, new JsonObject { ["type"] = row.Copy("state_type"), ["name"] = row.Copy("state_name") }, criteria),
            "flow_or_deployment_name" => new[] { row["name"], world.Flows.Find(row.Text("flow_id"))?["name"] }.Any(name => MeetsAll(name, criteria)),
            "parent_flow_run_id" => MeetsAll(world.TaskRuns.Find(row.Text("parent_task_run_id"))?["flow_run_id"], criteria),
            "is_latest" => true,
            _ when !row.ContainsKey(field) => throw PrefectRefusal.Invalid($"{field}: Extra inputs are not permitted", filter),
            _ => MeetsAll(row[field], criteria),
        };
    }

    private static bool MeetsAll(JsonNode? value, JsonObject criteria) =>
        criteria.Where(member => member.Key != "operator" && member.Value is not null).All(member => Meets(value, member.Key, member.Value!, criteria));

    private static bool Meets(JsonNode? value, string word, JsonNode wanted, JsonObject criteria) => word switch
    {
        "any_" => All(wanted).Any(one => Has(value, one)),
        "not_any_" => !All(wanted).Any(one => Has(value, one)),
        "all_" => All(wanted).All(one => Has(value, one)),
        "eq_" => Same(value, wanted),
        "ne_" => !Same(value, wanted),
        "is_null_" => (value is null or JsonArray { Count: 0 }) == wanted.GetValue<bool>(),
        "exists_" => value is not null == wanted.GetValue<bool>(),
        "like_" => value?.ToString().Contains(wanted.ToString(), StringComparison.OrdinalIgnoreCase) == true,
        "startswith_" => All(wanted).Any(one => value?.ToString().StartsWith(one!.ToString(), StringComparison.Ordinal) == true),
        "before_" => PrefectJson.Moment(value) is { } moment && moment <= PrefectJson.Moment(wanted),
        "after_" => PrefectJson.Moment(value) is { } moment && moment >= PrefectJson.Moment(wanted),
        "ge_" => value is not null && value.GetValue<int>() >= wanted.GetValue<int>(),
        "le_" => value is not null && value.GetValue<int>() <= wanted.GetValue<int>(),
        _ => throw PrefectRefusal.Invalid($"{word}: Extra inputs are not permitted", criteria),
    };

    private static IEnumerable<JsonNode?> All(JsonNode wanted) => wanted as JsonArray ?? [wanted.DeepClone()];

    private static bool Has(JsonNode? value, JsonNode? one) => value is JsonArray several ? several.Any(each => Same(each, one)) : Same(value, one);

    private static bool Same(JsonNode? one, JsonNode? other) =>
        Guid.TryParse(one?.ToString(), out var id) && Guid.TryParse(other?.ToString(), out var otherId) ? id == otherId : JsonNode.DeepEquals(one, other);

    // CREATED_DESC, NAME_ASC, EXPECTED_START_TIME_DESC, …: a member and a direction.
    private static IEnumerable<JsonObject> Sorted(IEnumerable<JsonObject> rows, string? sort)
    {
        if (sort is null || sort.LastIndexOf('_') is not (> 0 and var line))
        {
            return rows;
        }

        var member = sort[..line].ToLowerInvariant();
        var list = rows.ToList();
        if (list.Count > 0 && !list[0].ContainsKey(member))
        {
            throw PrefectRefusal.Invalid($"sort: {sort}", null);
        }

        return sort.EndsWith("_DESC", StringComparison.Ordinal)
            ? list.OrderByDescending(row => row[member]?.ToString() ?? "", StringComparer.Ordinal)
            : list.OrderBy(row => row[member]?.ToString() ?? "", StringComparer.Ordinal);
    }
}
