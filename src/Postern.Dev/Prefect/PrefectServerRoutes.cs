using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Postern.Dev.Prefect;

/// <summary>What the server says of itself, and the questions of its web UI that are no plain lists.</summary>
internal sealed class PrefectServerRoutes(PrefectWorld world)
{
    /// <summary>What clients and the UI check against.</summary>
    public const string Version = "3.9.1";

    private const string ApiVersion = "0.8.4";

    public void Map(PrefectRoutes routes)
    {
        routes.Get("/health", _ => PrefectReply.Ok(true));
        routes.Get("/ready", _ => PrefectReply.Ok(new JsonObject { ["message"] = "OK" }));
        routes.Get("/hello", _ => PrefectReply.Ok("👋"));
        routes.Get("/version", _ => PrefectReply.Ok(ApiVersion));
        routes.Get("/admin/version", _ => PrefectReply.Ok(Version));
        routes.Get("/admin/settings", _ => PrefectReply.Ok(new JsonObject
        {
            ["server"] = new JsonObject { ["api"] = new JsonObject { ["auth_string"] = "********", ["csrf_protection_enabled"] = false }, ["ui"] = new JsonObject { ["enabled"] = false } },
        }));
        routes.Get("/admin/storage", _ => PrefectReply.Ok(new JsonObject { ["default_result_storage_block_id"] = null }));
        routes.Get("/csrf-token", call => call.Query("client") is null
            ? throw PrefectRefusal.Invalid("client: Field required", null)
            : throw PrefectRefusal.Of(StatusCodes.Status422UnprocessableEntity, "CSRF protection is disabled."));
        routes.Get("/collections/views/{view}", call => call["view"] switch
        {
            "aggregate-worker-metadata" => PrefectReply.Ok(new JsonObject { ["prefect"] = new JsonObject { ["process"] = ProcessWorker() } }),
            "aggregate-flow-metadata" or "aggregate-block-metadata" => PrefectReply.Ok(new JsonObject()),
            var view => throw PrefectRefusal.NotFound($"View {view} not found in registry"),
        });
        MapUi(routes);
    }

    private void MapUi(PrefectRoutes routes)
    {
        routes.Post("/ui/flow_runs/count-task-runs", call => PrefectReply.Ok(Counts(call, "flow_run_ids", id => world.TaskRuns.Rows.Count(row => row.Text("flow_run_id") == id))));
        routes.Post("/ui/flows/count-deployments", call => PrefectReply.Ok(Counts(call, "flow_ids", id => world.Deployments.Rows.Count(row => row.Text("flow_id") == id))));
        routes.Post("/ui/flows/next-runs", call => PrefectReply.Ok(Counts(call, "flow_ids", _ => null)));
        routes.Post("/ui/flow_runs/history", call => PrefectReply.Ok(new JsonArray([.. PrefectFilter.Part(PrefectFilter.Select(world, world.FlowRuns, call.Body), call.Body).Select(run => new JsonObject
        {
            ["id"] = run.Copy("id"), ["state_type"] = run.Copy("state_type"), ["timestamp"] = run.Copy("expected_start_time"), ["duration"] = run.Copy("total_run_time"), ["lateness"] = 0.0,
        })])));
    }

    private static JsonObject Counts(PrefectCall call, string ids, Func<string, JsonNode?> count) =>
        new([.. (call.Body?[ids] as JsonArray ?? []).Select(id => id!.GetValue<string>()).Distinct().Select(id => KeyValuePair.Create(id, count(id)))]);

    private static JsonObject ProcessWorker()
    {
        string[] names = ["name", "env", "labels", "command", "stream_output", "working_dir"];
        return new JsonObject
        {
            ["type"] = "process",
            ["display_name"] = "Process",
            ["description"] = "Runs flows as processes.",
            ["install_command"] = "pip install prefect",
            ["documentation_url"] = "",
            ["logo_url"] = "",
            ["is_beta"] = false,
            ["default_base_job_configuration"] = new JsonObject
            {
                ["job_configuration"] = new JsonObject([.. names.Select(name => KeyValuePair.Create(name, (JsonNode?)$"{{{{ {name} }}}}"))]),
                ["variables"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = new JsonObject([.. names.Select(name => KeyValuePair.Create(name, (JsonNode?)new JsonObject { ["title"] = name }))]),
                },
            },
        };
    }
}
