using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Postern.Dev.Prefect;

/// <summary>Logs, artifacts, variables, automations, concurrency limits, events over HTTP.</summary>
internal sealed class PrefectRecordRoutes(PrefectWorld world)
{
    public void Map(PrefectRoutes routes)
    {
        MapLogs(routes);
        MapArtifacts(routes);
        MapVariables(routes);
        MapAutomations(routes);
        MapLimits(routes);
        MapEvents(routes);
    }

    private void MapLogs(PrefectRoutes routes)
    {
        routes.Post("/logs/", call =>
        {
            foreach (var log in (call.List ?? throw PrefectRefusal.Invalid("Input should be a valid list", call.Body)).OfType<JsonObject>())
            {
                var row = world.Logs.Add(world.Row(
                    ("name", log.Copy("name")), ("level", log.Copy("level")), ("message", log.Copy("message")), ("timestamp", log.Copy("timestamp", world.Now.Stamp())), ("flow_run_id", log.Copy("flow_run_id")),
                    ("task_run_id", log.Copy("task_run_id"))));
                var told = row.DeepClone().AsObject();
                (told["created"], told["updated"]) = (null, null);
                world.Feed.Tell("log", told);
            }

            return PrefectReply.Created(null);
        });
        routes.Lists("/logs", world.Logs);
    }

    private void MapArtifacts(PrefectRoutes routes)
    {
        routes.Post("/artifacts/", call => PrefectReply.Row(
            world.Artifacts.Add(world.Row(
                ("key", call.Body.Copy("key")), ("type", call.Body.Copy("type")), ("description", call.Body.Copy("description")), ("data", call.Body.Copy("data")), ("metadata_", call.Body.Copy("metadata_")),
                ("flow_run_id", call.Body.Copy("flow_run_id")), ("task_run_id", call.Body.Copy("task_run_id")))),
            StatusCodes.Status201Created));
        routes.Lists("/artifacts", world.Artifacts);
        routes.Post("/artifacts/latest/filter", call => PrefectReply.Rows(PrefectFilter.Part([.. Latest(PrefectFilter.Select(world, world.Artifacts, call.Body))], call.Body)));
        routes.Post("/artifacts/latest/count", call => PrefectReply.Ok(Latest(PrefectFilter.Select(world, world.Artifacts, call.Body)).Count()));
        routes.Get("/artifacts/{id:guid}", call => PrefectReply.Row(world.Artifacts.Get(call["id"])));
        routes.Get("/artifacts/{key}/latest", call => PrefectReply.Row(world.Artifacts.Rows.LastOrDefault(row => row.Text("key") == call["key"]) ?? throw PrefectRefusal.NotFound("Artifact not found")));
        routes.Patch("/artifacts/{id:guid}", call => Change(world.Artifacts.Get(call["id"]), call.Body, "data", "description", "metadata_"));
        routes.Delete("/artifacts/{id:guid}", call => Remove(world.Artifacts, call["id"]));
    }

    private void MapVariables(PrefectRoutes routes)
    {
        const string NotFound = "Variable not found.";
        routes.Post("/variables/", call =>
        {
            var name = call.Required("name");
            return world.Variables.Named(name) is null
                ? PrefectReply.Row(world.Variables.Add(world.Row(("name", name), ("value", call.Body.Copy("value")), ("tags", call.Body.Copy("tags", new JsonArray())))), StatusCodes.Status201Created)
                : throw PrefectRefusal.Of(StatusCodes.Status409Conflict, $"A variable with the name '{name}' already exists.");
        });
        routes.Lists("/variables", world.Variables);
        JsonObject Named(PrefectCall call) => world.Variables.Named(call["name"]) ?? throw PrefectRefusal.NotFound(NotFound);
        JsonObject WithId(PrefectCall call) => world.Variables.Find(call["id"]) ?? throw PrefectRefusal.NotFound(NotFound);
        routes.Get("/variables/{id:guid}", call => PrefectReply.Row(WithId(call)));
        routes.Get("/variables/name/{name}", call => PrefectReply.Row(Named(call)));
        routes.Patch("/variables/{id:guid}", call => Change(WithId(call), call.Body, "name", "value", "tags"));
        routes.Patch("/variables/name/{name}", call => Change(Named(call), call.Body, "name", "value", "tags"));
        routes.Delete("/variables/{id:guid}", call => Remove(world.Variables, WithId(call).Text("id")!));
        routes.Delete("/variables/name/{name}", call => Remove(world.Variables, Named(call).Text("id")!));
    }

    private void MapAutomations(PrefectRoutes routes)
    {
        routes.Post("/automations/", call =>
        {
            var row = world.Row(
                ("name", call.Required("name")), ("description", call.Body.Copy("description", "")), ("enabled", call.Body?["enabled"] is null || call.Body.Flag("enabled")), ("tags", call.Body.Copy("tags", new JsonArray())),
                ("trigger", call.Body.Copy("trigger")), ("actions", call.Body.Copy("actions", new JsonArray())), ("actions_on_trigger", call.Body.Copy("actions_on_trigger", new JsonArray())),
                ("actions_on_resolve", call.Body.Copy("actions_on_resolve", new JsonArray())), ("owner_resource", call.Body.Copy("owner_resource")));
            return PrefectReply.Ok(Shown(world.Automations.Add(row))) with { Status = StatusCodes.Status201Created };
        });
        routes.Lists("/automations", world.Automations, show: Shown);
        routes.Get("/automations/{id:guid}", call => PrefectReply.Ok(Shown(world.Automations.Get(call["id"]))));
        routes.Patch("/automations/{id:guid}", call => Change(world.Automations.Get(call["id"]), call.Body, "enabled"));
        routes.Delete("/automations/{id:guid}", call => Remove(world.Automations, call["id"]));
        routes.Get("/automations/related-to/{resource}", call => PrefectReply.Ok(new JsonArray([.. OwnedBy(call["resource"]).Select(Shown)])));
        routes.Delete("/automations/owned-by/{resource}", call =>
        {
            foreach (var automation in OwnedBy(call["resource"]).ToList())
            {
                world.Automations.Remove(automation);
            }

            return new PrefectReply(StatusCodes.Status202Accepted, null);
        });
    }

    // Limits count nothing here: every slot is free.
    private void MapLimits(PrefectRoutes routes)
    {
        routes.Post("/v2/concurrency_limits/increment-with-lease", _ => PrefectReply.Ok(new JsonObject { ["lease_id"] = Guid.NewGuid().ToString(), ["limits"] = new JsonArray() }));
        routes.Post("/v2/concurrency_limits/decrement-with-lease", _ => PrefectReply.NoContent);
        routes.Post("/v2/concurrency_limits/leases/{id:guid}/renew", _ => PrefectReply.NoContent);
        routes.Post("/v2/concurrency_limits/increment", _ => PrefectReply.Ok(new JsonArray()));
        routes.Post("/v2/concurrency_limits/decrement", _ => PrefectReply.Ok(new JsonArray()));
        routes.Lists("/v2/concurrency_limits", world.Limits);
        routes.Lists("/concurrency_limits", world.Limits);
    }

    private void MapEvents(PrefectRoutes routes)
    {
        routes.Post("/events", call =>
        {
            foreach (var @event in (call.List ?? []).OfType<JsonObject>())
            {
                world.Feed.Publish(@event.DeepClone().AsObject(), world.Now);
            }

            return PrefectReply.NoContent;
        });
        routes.Post("/events/filter", call => Page(call, call.Body.Object("filter") ?? [], call.Body.Number("limit") ?? 50, from: 0));
        routes.Get("/events/filter/next", call =>
        {
            // The token is the filter, as with the server: unsigned.
            try
            {
                var token = JsonNode.Parse(Convert.FromBase64String(call.Query("page-token") ?? ""))!.AsObject();
                return Page(call, token.Object("filter")!, token.Number("limit")!.Value, token.Number("from")!.Value);
            }
            catch (Exception e) when (e is FormatException or System.Text.Json.JsonException or InvalidOperationException)
            {
                throw PrefectRefusal.Of(StatusCodes.Status403Forbidden, "Forbidden");
            }
        });
        routes.Post("/events/count-by/{countable}", call => PrefectReply.Ok(new JsonArray([.. world.Feed.Events
            .Where(@event => PrefectEventFilter.Passes(@event, call.Body.Object("filter")))
            .GroupBy(@event => @event.Text("event"), StringComparer.Ordinal)
            .Select(group => new JsonObject
            {
                ["value"] = group.Key, ["label"] = group.Key, ["count"] = group.Count(), ["start_time"] = group.First().Copy("occurred"), ["end_time"] = group.Last().Copy("occurred"),
            })])));
    }

    private PrefectReply Page(PrefectCall call, JsonObject filter, int limit, int from)
    {
        var all = world.Feed.Events.Where(@event => PrefectEventFilter.Passes(@event, filter)).ToList();
        var inOrder = filter.Text("order") == "ASC" ? all : Enumerable.Reverse(all);
        var token = new JsonObject { ["filter"] = filter.DeepClone(), ["limit"] = limit, ["from"] = from + limit };
        return PrefectReply.Ok(new JsonObject
        {
            ["events"] = new JsonArray([.. inOrder.Skip(from).Take(limit).Select(@event => @event.DeepClone())]),
            ["total"] = all.Count,
            ["next_page"] = from + limit >= all.Count
                ? null
                : string.Create(CultureInfo.InvariantCulture, $"{call.Address}/api/events/filter/next?page-token={Uri.EscapeDataString(Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(token.ToJsonString())))}"),
        });
    }

    private IEnumerable<JsonObject> OwnedBy(string resource) => world.Automations.Rows.Where(row => row.Text("owner_resource") == resource);

    private static JsonNode Shown(JsonObject automation)
    {
        var shown = automation.DeepClone().AsObject();
        shown.Remove("owner_resource");
        return shown;
    }

    private static IEnumerable<JsonObject> Latest(IEnumerable<JsonObject> artifacts) => artifacts.Where(row => row.Text("key") is not null).GroupBy(row => row.Text("key")).Select(group => group.Last());

    private PrefectReply Change(JsonObject row, JsonObject? body, params IEnumerable<string> members)
    {
        foreach (var member in members.Where(member => body?.ContainsKey(member) == true))
        {
            row[member] = body.Copy(member);
        }

        world.Touch(row);
        return PrefectReply.NoContent;
    }

    private static PrefectReply Remove(PrefectTable table, string id)
    {
        table.Remove(table.Get(id));
        return PrefectReply.NoContent;
    }
}
