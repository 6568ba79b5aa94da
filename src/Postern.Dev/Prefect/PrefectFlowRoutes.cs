using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Postern.Dev.Prefect;

/// <summary>Flows, deployments, flow runs, task runs.</summary>
internal sealed class PrefectFlowRoutes(PrefectWorld world, PrefectRuns runs)
{
    private const string Conflict = "Data integrity conflict. This usually means a unique or foreign key constraint was violated. See server logs for details.";

    public void Map(PrefectRoutes routes)
    {
        MapFlows(routes);
        MapDeployments(routes);
        MapFlowRuns(routes);
        MapTaskRuns(routes);
    }

    private void MapFlows(PrefectRoutes routes)
    {
        routes.Post("/flows/", call =>
        {
            var name = call.Required("name");
            return world.Flows.Named(name) is { } known
                ? PrefectReply.Row(known)
                : PrefectReply.Row(world.Flows.Add(world.Row(("name", name), ("tags", call.Body.Copy("tags", new JsonArray())), ("labels", call.Body.Copy("labels", new JsonObject())))), StatusCodes.Status201Created);
        });
        routes.Lists("/flows", world.Flows, paginate: true);
        routes.Get("/flows/name/{name}", call => PrefectReply.Row(world.Flows.Named(call["name"]) ?? throw PrefectRefusal.NotFound("Flow not found")));
        routes.Get("/flows/{id:guid}", call => PrefectReply.Row(world.Flows.Get(call["id"])));
        routes.Patch("/flows/{id:guid}", call => Change(world.Flows.Get(call["id"]), call.Body, "tags"));
        routes.Delete("/flows/{id:guid}", call => Remove(world.Flows, call["id"]));
    }

    private void MapDeployments(PrefectRoutes routes)
    {
        routes.Post("/deployments/", CreateDeployment);
        routes.Lists("/deployments", world.Deployments, paginate: true);
        routes.Get("/deployments/name/{flow}/{deployment}", call => PrefectReply.Row(
            world.Deployments.Rows.FirstOrDefault(row => row.Text("name") == call["deployment"] && world.Flows.Find(row.Text("flow_id")).Text("name") == call["flow"])
            ?? throw PrefectRefusal.NotFound("Deployment not found")));
        routes.Get("/deployments/{id:guid}", call => PrefectReply.Row(world.Deployments.Get(call["id"])));
        routes.Patch("/deployments/{id:guid}", call =>
        {
            var deployment = world.Deployments.Find(call["id"]) ?? throw PrefectRefusal.NotFound("Deployment not found.");
            if (call.Body?["schedules"] is JsonArray schedules)
            {
                deployment["schedules"] = Schedules(schedules, deployment);
            }

            return Change(
                deployment, call.Body, "version", "description", "paused", "parameters", "tags", "parameter_openapi_schema", "path", "pull_steps", "entrypoint", "storage_document_id",
                "infrastructure_document_id", "job_variables", "enforce_parameter_schema", "concurrency_limit", "concurrency_options", "work_queue_name");
        });
        routes.Delete("/deployments/{id:guid}", call => Remove(world.Deployments, call["id"]));
        routes.Post("/deployments/{id:guid}/pause_deployment", call => Set(world.Deployments.Get(call["id"]), "paused", true));
        routes.Post("/deployments/{id:guid}/resume_deployment", call => Set(world.Deployments.Get(call["id"]), "paused", false));
        routes.Get("/deployments/{id:guid}/schedules", call => PrefectReply.Rows(world.Deployments.Get(call["id"])["schedules"]!.AsArray().OfType<JsonObject>()));
        routes.Get("/deployments/{id:guid}/work_queue_check", call => PrefectReply.Rows(
            new[] { world.WorkQueues.Find(world.Deployments.Get(call["id"]).Text("work_queue_id")) }.OfType<JsonObject>()));
        routes.Post("/deployments/{id:guid}/create_flow_run", call =>
        {
            var deployment = world.Deployments.Get(call["id"]);
            return Started(call, world.Flows.Get(deployment.Text("flow_id")), deployment, call.Body ?? []);
        });
        routes.Post("/deployments/get_scheduled_flow_runs", call =>
        {
            var ids = (call.Body?["deployment_ids"] as JsonArray ?? []).Select(id => id!.GetValue<string>()).ToHashSet();
            foreach (var deployment in ids.Select(world.Deployments.Find).OfType<JsonObject>())
            {
                Polled(deployment);
            }

            return PrefectReply.Rows(runs.Due(run => run.Text("deployment_id") is { } id && ids.Contains(id), call.Body));
        });
    }

    private void MapFlowRuns(PrefectRoutes routes)
    {
        routes.Post("/flow_runs/", call => Started(
            call, world.Flows.Find(call.Required("flow_id")) ?? throw PrefectRefusal.Of(StatusCodes.Status409Conflict, Conflict), world.Deployments.Find(call.Body.Text("deployment_id")), call.Body!));
        routes.Lists("/flow_runs", world.FlowRuns, paginate: true);
        routes.Get("/flow_runs/{id:guid}", call => PrefectReply.Row(world.FlowRuns.Get(call["id"])));
        routes.Patch("/flow_runs/{id:guid}", call => Change(
            world.FlowRuns.Get(call["id"]), call.Body, "name", "flow_version", "parameters", "empirical_policy", "tags", "infrastructure_pid", "job_variables"));
        routes.Delete("/flow_runs/{id:guid}", call => Remove(world.FlowRuns, call["id"]));
        routes.Patch("/flow_runs/{id:guid}/labels", call =>
        {
            var run = world.FlowRuns.Get(call["id"]);
            return Change(run.Object("labels")!, call.Body, [.. call.Body?.Select(label => label.Key) ?? []]);
        });
        routes.Post("/flow_runs/{id:guid}/set_state", call =>
        {
            var (status, body) = runs.SetState(world.FlowRuns.Get(call["id"]), call.Body.Object("state") ?? throw PrefectRefusal.Invalid("state: Field required", call.Body), call.Body.Flag("force"));
            return new PrefectReply(status, body);
        });
        routes.Post("/flow_runs/{id:guid}/resume", call =>
        {
            var (_, body) = runs.SetState(world.FlowRuns.Get(call["id"]), new JsonObject { ["type"] = "SCHEDULED", ["name"] = "Resuming" }, force: false);
            return PrefectReply.Created(body);
        });
        routes.Get("/flow_runs/{id:guid}/graph-v2", call => PrefectReply.Ok(new JsonObject
        {
            ["start_time"] = world.FlowRuns.Get(call["id"]).Copy("start_time"), ["end_time"] = world.FlowRuns.Get(call["id"]).Copy("end_time"), ["root_node_ids"] = new JsonArray(), ["nodes"] = new JsonArray(),
            ["artifacts"] = new JsonArray(), ["states"] = new JsonArray(),
        }));
        routes.Post("/flow_runs/history", _ => PrefectReply.Ok(new JsonArray()));
        routes.Post("/flow_runs/lateness", _ => PrefectReply.Ok(0.0));
        routes.Get("/flow_run_states/", call => PrefectReply.Rows(new[] { world.FlowRuns.Get(call.Query("flow_run_id")).Object("state")! }));
    }

    private void MapTaskRuns(PrefectRoutes routes)
    {
        routes.Post("/task_runs/", call => PrefectReply.Row(runs.StartTask(call.Body ?? throw PrefectRefusal.Invalid("Field required", null)), StatusCodes.Status201Created));
        routes.Lists("/task_runs", world.TaskRuns, paginate: true);
        routes.Post("/task_runs/history", _ => PrefectReply.Ok(new JsonArray()));
        routes.Get("/task_runs/{id:guid}", call => PrefectReply.Row(world.TaskRuns.Get(call["id"])));
        routes.Patch("/task_runs/{id:guid}", call => Change(world.TaskRuns.Get(call["id"]), call.Body, "name"));
        routes.Delete("/task_runs/{id:guid}", call => Remove(world.TaskRuns, call["id"]));
        routes.Post("/task_runs/{id:guid}/set_state", call =>
        {
            var (status, body) = runs.SetState(world.TaskRuns.Get(call["id"]), call.Body.Object("state") ?? [], call.Body.Flag("force"), isTask: true);
            return new PrefectReply(status, body);
        });
    }

    private PrefectReply Started(PrefectCall call, JsonObject flow, JsonObject? deployment, JsonObject body)
    {
        if (body.Text("idempotency_key") is { } key && world.FlowRuns.Rows.FirstOrDefault(run => run.Text("idempotency_key") == key && run.Text("flow_id") == flow.Text("id")) is { } known)
        {
            return PrefectReply.Row(known);
        }

        // A run of a deployment is scheduled for now unless its state says otherwise.
        if (deployment is not null && body.Object("state") is null)
        {
            body["state"] = new JsonObject { ["type"] = "SCHEDULED" };
        }

        return PrefectReply.Row(runs.Start(flow, deployment, body), StatusCodes.Status201Created);
    }

    private PrefectReply CreateDeployment(PrefectCall call)
    {
        var (name, body) = (call.Required("name"), call.Body!);
        var flow = world.Flows.Find(call.Required("flow_id")) ?? throw PrefectRefusal.Of(StatusCodes.Status409Conflict, Conflict);
        var pool = body.Text("work_pool_name") is { } poolName ? world.WorkPools.Named(poolName) ?? throw PrefectRefusal.NotFound($"Work pool \"{poolName}\" not found.") : null;
        var queue = pool is null ? null : world.WorkQueues.Rows.FirstOrDefault(row => row.Text("work_pool_id") == pool.Text("id") && row.Text("name") == (body.Text("work_queue_name") ?? "default"));
        var known = world.Deployments.Rows.FirstOrDefault(row => row.Text("name") == name && row.Text("flow_id") == flow.Text("id"));
        var row = world.Row(
            ("name", name), ("version", body.Copy("version")), ("description", body.Copy("description")), ("flow_id", flow.Copy("id")), ("paused", body.Flag("paused")), ("schedules", new JsonArray()),
            ("concurrency_limit", null), ("global_concurrency_limit", null), ("concurrency_options", body.Copy("concurrency_options")), ("job_variables", body.Copy("job_variables", new JsonObject())),
            ("parameters", body.Copy("parameters", new JsonObject())), ("tags", body.Copy("tags", new JsonArray())), ("labels", new JsonObject { ["prefect.flow.id"] = flow.Copy("id") }),
            ("work_queue_name", queue.Copy("name", body.Copy("work_queue_name"))), ("work_queue_id", queue.Copy("id")), ("last_polled", null), ("parameter_openapi_schema", body.Copy("parameter_openapi_schema")),
            ("path", body.Copy("path")), ("pull_steps", body.Copy("pull_steps")), ("entrypoint", body.Copy("entrypoint")), ("storage_document_id", body.Copy("storage_document_id")),
            ("infrastructure_document_id", body.Copy("infrastructure_document_id")), ("created_by", null), ("updated_by", null), ("work_pool_name", pool.Copy("name")), ("status", "NOT_READY"),
            ("enforce_parameter_schema", body["enforce_parameter_schema"] is null || body.Flag("enforce_parameter_schema")));
        if (body.Number("concurrency_limit") is { } limit)
        {
            row["global_concurrency_limit"] = world.Row(("active", true), ("name", $"deployment:{row.Text("id")}"), ("limit", limit), ("active_slots", 0), ("slot_decay_per_second", 0.0));
        }

        // The name is taken over, with its id.
        if (known is not null)
        {
            row["id"] = known.Copy("id");
            row["created"] = known.Copy("created");
            world.Deployments.Remove(known);
        }

        row["schedules"] = Schedules(body["schedules"] as JsonArray, row);
        world.Deployments.Add(row);
        return PrefectReply.Row(row, known is null ? StatusCodes.Status201Created : StatusCodes.Status200OK);
    }

    private JsonArray Schedules(JsonArray? given, JsonObject deployment) => new([.. (given ?? []).OfType<JsonObject>().Select(schedule => world.Row(
        ("deployment_id", deployment.Copy("id")), ("schedule", schedule.Copy("schedule")), ("active", schedule["active"] is null || schedule.Flag("active")),
        ("max_scheduled_runs", schedule.Copy("max_scheduled_runs")), ("parameters", schedule.Copy("parameters", new JsonObject())), ("slug", schedule.Copy("slug"))))]);

    private void Polled(JsonObject deployment)
    {
        deployment["last_polled"] = world.Now.Stamp();
        deployment["status"] = "READY";
    }

    private PrefectReply Set(JsonObject row, string name, JsonNode value)
    {
        row[name] = value;
        world.Touch(row);
        return PrefectReply.Ok(null);
    }

    private PrefectReply Change(JsonObject row, JsonObject? body, params IEnumerable<string> members)
    {
        foreach (var member in members.Where(member => body?.ContainsKey(member) == true))
        {
            row[member] = body.Copy(member);
        }

        if (row.ContainsKey("updated"))
        {
            world.Touch(row);
        }

        return PrefectReply.NoContent;
    }

    private static PrefectReply Remove(PrefectTable table, string id)
    {
        table.Remove(table.Get(id));
        return PrefectReply.NoContent;
    }
}
