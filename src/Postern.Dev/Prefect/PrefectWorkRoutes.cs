using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Postern.Dev.Prefect;

/// <summary>Work pools, their queues, their workers.</summary>
internal sealed class PrefectWorkRoutes(PrefectWorld world, PrefectRuns runs)
{
    private const int HeartbeatSeconds = 30;

    public void Map(PrefectRoutes routes)
    {
        routes.Post("/work_pools/", CreatePool);
        routes.Lists("/work_pools", world.WorkPools);
        routes.Get("/work_pools/{name}", call => PrefectReply.Row(Pool(call["name"])));
        routes.Patch("/work_pools/{name}", call => Change(Pool(call["name"]), call.Body, "description", "is_paused", "base_job_template", "concurrency_limit"));
        routes.Delete("/work_pools/{name}", call =>
        {
            var pool = Pool(call["name"]);
            foreach (var queue in QueuesOf(pool).ToList())
            {
                world.WorkQueues.Remove(queue);
            }

            world.WorkPools.Remove(pool);
            return PrefectReply.NoContent;
        });
        routes.Post("/work_pools/{name}/get_scheduled_flow_runs", Poll);
        routes.Post("/work_pools/{pool}/queues", call => PrefectReply.Row(CreateQueue(Pool(call["pool"]), call.Required("name"), call.Body!), StatusCodes.Status201Created));
        routes.Post("/work_pools/{pool}/queues/filter", call => PrefectReply.Rows(PrefectFilter.Part(PrefectFilter.Select(world, world.WorkQueues, call.Body, QueuesOf(Pool(call["pool"]))), call.Body)));
        routes.Get("/work_pools/{pool}/queues/{name}", call => PrefectReply.Row(Queue(call)));
        routes.Patch("/work_pools/{pool}/queues/{name}", call => Change(Queue(call), call.Body, "description", "is_paused", "concurrency_limit", "priority"));
        routes.Delete("/work_pools/{pool}/queues/{name}", call =>
        {
            world.WorkQueues.Remove(Queue(call));
            return PrefectReply.NoContent;
        });
        routes.Post("/work_pools/{pool}/workers/filter", call =>
        {
            var pool = Pool(call["pool"]);
            Age(pool);
            return PrefectReply.Rows(PrefectFilter.Part(PrefectFilter.Select(world, world.Workers, call.Body, world.Workers.Rows.Where(worker => worker.Text("work_pool_id") == pool.Text("id"))), call.Body));
        });
        routes.Post("/work_pools/{pool}/workers/heartbeat", call =>
        {
            Heartbeat(Pool(call["pool"]), call.Required("name"), call.Body.Number("heartbeat_interval_seconds") ?? HeartbeatSeconds);
            return PrefectReply.NoContent;
        });
        routes.Lists("/work_queues", world.WorkQueues);
        routes.Get("/work_queues/{id:guid}", call => PrefectReply.Row(world.WorkQueues.Get(call["id"])));
        routes.Patch("/work_queues/{id:guid}", call => Change(world.WorkQueues.Get(call["id"]), call.Body, "description", "is_paused", "concurrency_limit", "priority"));
        routes.Get("/work_queues/{id:guid}/status", call => PrefectReply.Ok(new JsonObject
        {
            ["healthy"] = true, ["late_runs_count"] = 0, ["last_polled"] = world.WorkQueues.Get(call["id"]).Copy("last_polled"), ["health_check_policy"] = new JsonObject { ["maximum_late_runs"] = 0, ["maximum_seconds_since_last_polled"] = 60 },
        }));
    }

    /// <exception cref="PrefectRefusal">404: there is none.</exception>
    public JsonObject Pool(string name) => world.WorkPools.Named(name) ?? throw PrefectRefusal.NotFound($"Work pool \"{name}\" not found.");

    public IEnumerable<JsonObject> QueuesOf(JsonObject pool) => world.WorkQueues.Rows.Where(queue => queue.Text("work_pool_id") == pool.Text("id"));

    /// <summary>A worker says that it is there.</summary>
    public JsonObject Heartbeat(JsonObject pool, string name, int interval)
    {
        var worker = world.Workers.Rows.FirstOrDefault(row => row.Text("name") == name && row.Text("work_pool_id") == pool.Text("id"))
            ?? world.Workers.Add(world.Row(("name", name), ("work_pool_id", pool.Copy("id")), ("last_heartbeat_time", null), ("heartbeat_interval_seconds", interval), ("status", "ONLINE")));
        worker["last_heartbeat_time"] = world.Now.Stamp();
        worker["heartbeat_interval_seconds"] = interval;
        worker["status"] = "ONLINE";
        pool["status"] = "READY";
        world.Touch(worker);
        return worker;
    }

    private void Age(JsonObject pool)
    {
        foreach (var worker in world.Workers.Rows.Where(worker => worker.Text("work_pool_id") == pool.Text("id")))
        {
            var silence = world.Now - PrefectJson.Moment(worker["last_heartbeat_time"]);
            worker["status"] = silence > TimeSpan.FromSeconds(3 * worker.Number("heartbeat_interval_seconds") ?? HeartbeatSeconds) ? "OFFLINE" : "ONLINE";
        }
    }

    private PrefectReply CreatePool(PrefectCall call)
    {
        var (name, body) = (call.Required("name"), call.Body!);
        if (name.StartsWith("prefect", StringComparison.OrdinalIgnoreCase))
        {
            throw PrefectRefusal.Of(StatusCodes.Status403Forbidden, "Work pools starting with 'Prefect' are reserved for internal use.");
        }

        if (world.WorkPools.Named(name) is not null)
        {
            throw PrefectRefusal.Of(StatusCodes.Status409Conflict, "A work pool with this name already exists.");
        }

        var pool = world.WorkPools.Add(world.Row(
            ("name", name), ("description", body.Copy("description")), ("type", body.Copy("type", "process")), ("base_job_template", body.Copy("base_job_template", new JsonObject())), ("is_paused", body.Flag("is_paused")),
            ("concurrency_limit", body.Copy("concurrency_limit")), ("status", "NOT_READY"), ("default_queue_id", null),
            ("storage_configuration", new JsonObject { ["bundle_upload_step"] = null, ["bundle_execution_step"] = null, ["default_result_storage_block_id"] = null }), ("active_slots", null)));
        pool["default_queue_id"] = CreateQueue(pool, "default", new JsonObject { ["description"] = "The work pool's default queue." }).Copy("id");
        return PrefectReply.Row(pool, StatusCodes.Status201Created);
    }

    private JsonObject CreateQueue(JsonObject pool, string name, JsonObject body) => world.WorkQueues.Add(world.Row(
        ("name", name), ("description", body.Copy("description", "")), ("is_paused", body.Flag("is_paused")), ("concurrency_limit", body.Copy("concurrency_limit")),
        ("priority", body.Copy("priority", QueuesOf(pool).Count() + 1)), ("work_pool_id", pool.Copy("id")), ("filter", null), ("last_polled", null), ("work_pool_name", pool.Copy("name")),
        ("status", "NOT_READY"), ("active_slots", null)));

    private JsonObject Queue(PrefectCall call) => QueuesOf(Pool(call["pool"])).FirstOrDefault(queue => queue.Text("name") == call["name"])
        ?? throw PrefectRefusal.NotFound($"Work queue '{call["pool"]}/{call["name"]}' not found.");

    private PrefectReply Poll(PrefectCall call)
    {
        var pool = Pool(call["name"]);
        var named = (call.Body?["work_queue_names"] as JsonArray ?? []).Select(name => name!.GetValue<string>()).ToHashSet();
        var queues = QueuesOf(pool).Where(queue => (named.Count == 0 || named.Contains(queue.Text("name")!)) && !queue.Flag("is_paused")).ToList();
        foreach (var queue in queues)
        {
            queue["last_polled"] = world.Now.Stamp();
            queue["status"] = "READY";
        }

        var ids = queues.Select(queue => queue.Text("id")).ToHashSet();
        return pool.Flag("is_paused")
            ? PrefectReply.Rows([])
            : PrefectReply.Rows(runs.Due(run => ids.Contains(run.Text("work_queue_id")), call.Body).Select(run =>
                new JsonObject { ["work_pool_id"] = pool.Copy("id"), ["work_queue_id"] = run.Copy("work_queue_id"), ["flow_run"] = run.DeepClone() }));
    }

    private PrefectReply Change(JsonObject row, JsonObject? body, params IEnumerable<string> members)
    {
        foreach (var member in members.Where(member => body?.ContainsKey(member) == true))
        {
            row[member] = body.Copy(member);
        }

        world.Touch(row);
        return PrefectReply.NoContent;
    }
}
