using Postern.Model;
using static Postern.Model.Permission;

namespace Postern.Engines.Prefect;

/// <summary>The server itself, what only its user interface asks, the sockets, and what lies outside the API.</summary>
internal static partial class PrefectRoutes
{
    private static PrefectRoute[] Server =>
    [
        Get("/health", "health_check", ServerInfo, RouteClass.Info) with { IsOpen = true },
        Get("/ready", "perform_readiness_check", ServerInfo, RouteClass.Info) with { IsOpen = true },
        Get("/version", "server_version", ServerInfo, RouteClass.Info),
        Get("/hello", "hello", ServerInfo, RouteClass.Info),
        Get("/csrf-token", "create_csrf_token", ServerInfo, RouteClass.Info),
        Get("/admin/version", "read_version", ServerInfo, RouteClass.Info),
        // The interface asks for them on every page; the server masks what is secret in them.
        Get("/admin/settings", "read_settings", ServerRead),
        Get("/admin/storage", "read_server_default_result_storage", ServerInfo, RouteClass.Info),
        Put("/admin/storage", "update_server_default_result_storage", ServerAdmin),
        Delete("/admin/storage", "clear_server_default_result_storage", ServerAdmin),
        Get("/collections/views/{view}", "read_view_content", ServerInfo, RouteClass.Info),
        Get("/metrics", "api_metrics", ServerAdmin),
        Get("/docs", "api_docs", ServerInfo, RouteClass.Info),
        Get("/redoc", "api_redoc", ServerInfo, RouteClass.Info),
        Get("/openapi.json", "api_openapi", ServerInfo, RouteClass.Info),
        Get("/static/{file}", "api_static", ServerInfo, RouteClass.Asset),
    ];

    private static PrefectRoute[] Interface =>
    [
        Post("/ui/flows/count-deployments", "count_deployments_by_flow", DeploymentRead, RouteClass.Read) with { Body = PrefectBody.FlowIds, Object = PrefectObject.Flow, Unknown = OfDeployment },
        Post("/ui/flows/next-runs", "next_runs_by_flow", FlowRunRead, RouteClass.Read) with { Body = PrefectBody.FlowIds, Object = PrefectObject.Flow, Unknown = OfDeployment },
        Find("/ui/flow_runs/history", "read_flow_run_history", FlowRunRead, PrefectFilters.FlowRuns, PoolFilters),
        Post("/ui/flow_runs/count-task-runs", "count_task_runs_by_flow_run", TaskRunRead, RouteClass.Read) with
        {
            Body = PrefectBody.FlowRunIds, Object = PrefectObject.FlowRun, Unknown = OfDeployment,
        },
        // Values that mean variables are filled in with them before they are compared.
        Post("/ui/schemas/validate", "validate_obj", ServerInfo, RouteClass.Read) with { Body = PrefectBody.Values, Implied = [VariableRead] },
        Find("/ui/task_runs/dashboard/counts", "read_dashboard_task_run_counts", TaskRunRead, PrefectFilters.TaskRuns, PoolFilters | PrefectFilters.WorkQueues),
        Find("/ui/task_runs/count", "read_task_run_counts_by_state", TaskRunRead, PrefectFilters.TaskRuns, RunFilters),
        Get("/ui/task_runs/{id}", "read_task_run_with_flow_run_name", TaskRunRead).ById(PrefectObject.TaskRun),
    ];

    private static PrefectRoute[] Sockets =>
    [
        Get("/events/in", "stream_events_in", EventWrite, RouteClass.Socket),
        Get("/events/out", "stream_workspace_events_out", EventRead, RouteClass.Socket) with { Family = PrefectFilters.Events, Unknown = OfDeployment },
        Get("/logs/out", "stream_logs_out", LogRead, RouteClass.Socket) with { Family = PrefectFilters.Logs, Unknown = OfDeployment },
        Get("/task_runs/subscriptions/scheduled", "scheduled_task_subscription", TaskRunPoll, RouteClass.Socket),
        // Its first frame may ask for the pool to be made.
        Get("/work_pools/{work_pool_name}/workers/connect", "worker_channel_connect", WorkerHeartbeat, RouteClass.Socket).Of(Dimensions.WorkPool, "work_pool_name") with { Implied = [WorkPoolWrite] },
    ];

    private static PrefectRoute[] Pages =>
    [
        new("ui_settings", "GET", "/ui-settings", ServerInfo, RouteClass.Info),
        new("docs", "GET", "/docs", ServerInfo, RouteClass.Info),
        new("redoc", "GET", "/redoc", ServerInfo, RouteClass.Info),
        new("openapi", "GET", "/openapi.json", ServerInfo, RouteClass.Info),
        new("metrics", "GET", "/metrics", ServerAdmin, RouteClass.Read),
        Page,
        Asset,
    ];
}
