using Postern.Model;
using static Postern.Model.Permission;

namespace Postern.Engines.Prefect;

/// <summary>Flows, their runs, the runs of their tasks, and states.</summary>
internal static partial class PrefectRoutes
{
    private static PrefectRoute[] Flows =>
    [
        Post("/flows/", "create_flow", FlowWrite) with { Body = PrefectBody.Flow, InBody = OfFlow },
        Patch("/flows/{id}", "update_flow", FlowWrite).ById(PrefectObject.Flow) with { Body = PrefectBody.FlowUpdate },
        Get("/flows/{id}", "read_flow", FlowRead).ById(PrefectObject.Flow),
        Delete("/flows/{id}", "delete_flow", FlowDelete).ById(PrefectObject.Flow),
        (Get("/flows/name/{name}", "read_flow_by_name", FlowRead) with { Unknown = Dimensions.Tag }).Of(Dimensions.Flow),
        Find("/flows/count", "count_flows", FlowRead, PrefectFilters.Flows, PoolFilters),
        Find("/flows/filter", "read_flows", FlowRead, PrefectFilters.Flows, PoolFilters),
        Find("/flows/paginate", "paginate_flows", FlowRead, PrefectFilters.Flows, PoolFilters),
        Bulk("/flows/bulk_delete", "bulk_delete_flows", FlowDelete, PrefectFilters.Flows),
    ];

    private static PrefectRoute[] FlowRuns =>
    [
        // A flow's own process begins so. With a deployment's id it is a run of that deployment.
        Post("/flow_runs/", "create_flow_run", FlowRunStart) with
        {
            Body = PrefectBody.FlowRunCreate,
            Object = PrefectObject.Flow,
            Unknown = Dimensions.Flow,
            InBody = OfPool | Dimensions.Tag,
            Implied = [Permission.DeploymentRun, DeploymentOverride, FlowRunReport, FlowRunCancel],
        },
        Patch("/flow_runs/{id}", "update_flow_run", FlowRunWrite, RouteClass.Worker).ById(PrefectObject.FlowRun) with { Body = PrefectBody.FlowRunUpdate, Implied = [DeploymentOverride] },
        Get("/flow_runs/{id}", "read_flow_run", FlowRunRead).ById(PrefectObject.FlowRun),
        Delete("/flow_runs/{id}", "delete_flow_run", FlowRunDelete).ById(PrefectObject.FlowRun),
        Find("/flow_runs/count", "count_flow_runs", FlowRunRead, PrefectFilters.FlowRuns, QueueFilters),
        Find("/flow_runs/lateness", "average_flow_run_lateness", FlowRunRead, PrefectFilters.FlowRuns, QueueFilters),
        Find("/flow_runs/history", "flow_run_history", FlowRunRead, PrefectFilters.FlowRuns, PoolFilters | PrefectFilters.WorkQueues),
        Find("/flow_runs/filter", "read_flow_runs", FlowRunRead, PrefectFilters.FlowRuns, QueueFilters),
        Find("/flow_runs/paginate", "paginate_flow_runs", FlowRunRead, PrefectFilters.FlowRuns, QueueFilters),
        Bulk("/flow_runs/bulk_delete", "bulk_delete_flow_runs", FlowRunDelete, PrefectFilters.FlowRuns),
        Bulk("/flow_runs/bulk_set_state", "bulk_set_flow_run_state", FlowRunReport, PrefectFilters.FlowRuns) with { Body = PrefectBody.BulkState, Instead = [FlowRunCancel, FlowRunRetry] },
        Get("/flow_runs/{id}/graph", "read_flow_run_graph_v1", FlowRunRead).ById(PrefectObject.FlowRun),
        Get("/flow_runs/{id}/graph-v2", "read_flow_run_graph_v2", FlowRunRead).ById(PrefectObject.FlowRun),
        Post("/flow_runs/{id}/resume", "resume_flow_run", FlowRunResume).ById(PrefectObject.FlowRun),
        // Worker traffic in the main; that somebody cancelled a run is in the record's permission.
        Post("/flow_runs/{id}/set_state", "set_flow_run_state", FlowRunReport, RouteClass.Worker).ById(PrefectObject.FlowRun) with { Body = PrefectBody.State, Instead = [FlowRunCancel, FlowRunRetry] },
        Post("/flow_runs/{id}/input", "create_flow_run_input", FlowRunResume).ById(PrefectObject.FlowRun),
        Post("/flow_runs/{id}/input/filter", "filter_flow_run_input", FlowRunRead, RouteClass.Read).ById(PrefectObject.FlowRun),
        Get("/flow_runs/{id}/input/{key}", "read_flow_run_input", FlowRunRead).ById(PrefectObject.FlowRun),
        Delete("/flow_runs/{id}/input/{key}", "delete_flow_run_input", FlowRunWrite).ById(PrefectObject.FlowRun) with { Class = RouteClass.Worker },
        Get("/flow_runs/{id}/logs/download", "download_logs", LogRead, RouteClass.Stream).ById(PrefectObject.FlowRun),
        Patch("/flow_runs/{id}/labels", "update_flow_run_labels", FlowRunWrite, RouteClass.Worker).ById(PrefectObject.FlowRun) with { Body = PrefectBody.Labels },
    ];

    private static PrefectRoute[] TaskRuns =>
    [
        Post("/task_runs/", "create_task_run", TaskRunWrite, RouteClass.Worker) with { Body = PrefectBody.TaskRunCreate, Object = PrefectObject.FlowRun, Unknown = OfDeployment },
        Patch("/task_runs/{id}", "update_task_run", TaskRunWrite, RouteClass.Worker).ById(PrefectObject.TaskRun),
        Get("/task_runs/{id}", "read_task_run", TaskRunRead).ById(PrefectObject.TaskRun),
        Delete("/task_runs/{id}", "delete_task_run", TaskRunDelete).ById(PrefectObject.TaskRun),
        Find("/task_runs/count", "count_task_runs", TaskRunRead, PrefectFilters.TaskRuns, RunFilters),
        Find("/task_runs/history", "task_run_history", TaskRunRead, PrefectFilters.TaskRuns, RunFilters),
        Find("/task_runs/filter", "read_task_runs", TaskRunRead, PrefectFilters.TaskRuns, RunFilters),
        Find("/task_runs/paginate", "paginate_task_runs", TaskRunRead, PrefectFilters.TaskRuns, RunFilters),
        Post("/task_runs/{id}/set_state", "set_task_run_state", TaskRunWrite, RouteClass.Worker).ById(PrefectObject.TaskRun),
    ];

    private static PrefectRoute[] States =>
    [
        Get("/flow_run_states/{id}", "read_flow_run_state", FlowRunRead).ById(PrefectObject.FlowRunState),
        Get("/flow_run_states/", "read_flow_run_states", FlowRunRead) with { Body = PrefectBody.FlowRunQuery, Object = PrefectObject.FlowRun, Unknown = OfDeployment },
        Get("/task_run_states/{id}", "read_task_run_state", TaskRunRead).ById(PrefectObject.TaskRunState),
        Get("/task_run_states/", "read_task_run_states", TaskRunRead) with { Body = PrefectBody.TaskRunQuery, Object = PrefectObject.TaskRun, Unknown = OfDeployment },
        // Names of states that runs of the whole server ever had.
        Get("/observed-states", "read_observed_states", FlowRunRead) with { Unknown = OfDeployment },
    ];
}
