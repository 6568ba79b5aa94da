using Postern.Model;
using static Postern.Model.Permission;

namespace Postern.Engines.Prefect;

/// <summary>Deployments, work pools, their queues and workers.</summary>
internal static partial class PrefectRoutes
{
    private static PrefectRoute[] Deployments =>
    [
        Post("/deployments/", "create_deployment", DeploymentWrite) with
        {
            Body = PrefectBody.DeploymentCreate, Object = PrefectObject.Flow, Unknown = Dimensions.Flow, InBody = OfPool | Dimensions.Deployment | Dimensions.Tag,
        },
        Patch("/deployments/{id}", "update_deployment", DeploymentWrite).ById(PrefectObject.Deployment) with { Body = PrefectBody.DeploymentUpdate, Instead = [DeploymentPause] },
        Get("/deployments/{id}", "read_deployment", DeploymentRead).ById(PrefectObject.Deployment),
        Delete("/deployments/{id}", "delete_deployment", DeploymentDelete).ById(PrefectObject.Deployment),
        (Get("/deployments/name/{flow_name}/{deployment_name}", "read_deployment_by_name", DeploymentRead) with { Unknown = OfDeployment })
            .Of(Dimensions.Flow, "flow_name").Of(Dimensions.Deployment, "deployment_name") with { Object = PrefectObject.Deployment },
        Find("/deployments/filter", "read_deployments", DeploymentRead, PrefectFilters.Deployments, QueueFilters),
        Find("/deployments/paginate", "paginate_deployments", DeploymentRead, PrefectFilters.Deployments, QueueFilters),
        Find("/deployments/count", "count_deployments", DeploymentRead, PrefectFilters.Deployments, QueueFilters),
        Bulk("/deployments/bulk_delete", "bulk_delete_deployments", DeploymentDelete, PrefectFilters.Deployments),
        // The runs of deployments that a process serves by itself: each is named, whatever pool it has.
        Post("/deployments/get_scheduled_flow_runs", "get_scheduled_flow_runs_for_deployments", WorkPoolPoll, RouteClass.Poll) with
        {
            Body = PrefectBody.DeploymentIds, Object = PrefectObject.Deployment, Unknown = OfPool,
        },
        Post("/deployments/{id}/schedule", "schedule_deployment", Permission.DeploymentRun).ById(PrefectObject.Deployment),
        Post("/deployments/{id}/resume_deployment", "resume_deployment", DeploymentPause).ById(PrefectObject.Deployment),
        Post("/deployments/{id}/pause_deployment", "pause_deployment", DeploymentPause).ById(PrefectObject.Deployment),
        Post("/deployments/{id}/create_flow_run", "create_flow_run_from_deployment", Permission.DeploymentRun).ById(PrefectObject.Deployment) with
        {
            Body = PrefectBody.DeploymentRun, Implied = [DeploymentOverride],
        },
        Post("/deployments/{id}/create_flow_run/bulk", "bulk_create_flow_runs_from_deployment", Permission.DeploymentRun).ById(PrefectObject.Deployment) with
        {
            Body = PrefectBody.DeploymentRuns, Implied = [DeploymentOverride],
        },
        Get("/deployments/{id}/work_queue_check", "work_queue_check_for_deployment", DeploymentRead).ById(PrefectObject.Deployment),
        Get("/deployments/{id}/schedules", "read_deployment_schedules", DeploymentRead).ById(PrefectObject.Deployment),
        Post("/deployments/{id}/schedules", "create_deployment_schedules", DeploymentWrite).ById(PrefectObject.Deployment),
        Patch("/deployments/{id}/schedules/{schedule_id}", "update_deployment_schedule", DeploymentWrite).ById(PrefectObject.Deployment) with
        {
            Body = PrefectBody.ScheduleUpdate, Instead = [DeploymentPause],
        },
        Delete("/deployments/{id}/schedules/{schedule_id}", "delete_deployment_schedule", DeploymentWrite).ById(PrefectObject.Deployment),
    ];

    private static PrefectRoute[] Pools =>
    [
        Post("/work_pools/", "create_work_pool", WorkPoolWrite) with { Body = PrefectBody.PoolCreate, InBody = Dimensions.WorkPool },
        Get("/work_pools/{name}", "read_work_pool", WorkPoolRead).Of(Dimensions.WorkPool),
        Patch("/work_pools/{name}", "update_work_pool", WorkPoolWrite).Of(Dimensions.WorkPool) with { Body = PrefectBody.PoolUpdate, Instead = [WorkPoolPause] },
        Delete("/work_pools/{name}", "delete_work_pool", WorkPoolDelete).Of(Dimensions.WorkPool),
        Find("/work_pools/filter", "read_work_pools", WorkPoolRead, PrefectFilters.WorkPools, PrefectFilters.WorkPools) with { Unknown = Dimensions.WorkPool },
        Find("/work_pools/count", "count_work_pools", WorkPoolRead, PrefectFilters.WorkPools, PrefectFilters.WorkPools) with { Unknown = Dimensions.WorkPool },
        Post("/work_pools/{name}/concurrency_status", "read_work_pool_concurrency_status", WorkPoolRead, RouteClass.Read).Of(Dimensions.WorkPool),
        // Without names of queues: the runs of all of the pool's.
        (Post("/work_pools/{name}/get_scheduled_flow_runs", "get_scheduled_flow_runs", WorkPoolPoll, RouteClass.Poll) with { Body = PrefectBody.QueueNames, InBody = Dimensions.WorkQueue })
            .Of(Dimensions.WorkPool),
        (Post("/work_pools/{work_pool_name}/workers/heartbeat", "worker_heartbeat", WorkerHeartbeat, RouteClass.Worker) with { Body = PrefectBody.Heartbeat })
            .Of(Dimensions.WorkPool, "work_pool_name"),
        // A filter of workers knows no pools, and the path has the pool: nothing to narrow.
        Post("/work_pools/{work_pool_name}/workers/filter", "read_workers", WorkerRead, RouteClass.Read).Of(Dimensions.WorkPool, "work_pool_name") with { Filters = PrefectFilters.Workers },
        Delete("/work_pools/{work_pool_name}/workers/{name}", "delete_worker", WorkPoolWrite).Of(Dimensions.WorkPool, "work_pool_name"),
        Post("/task_workers/filter", "read_task_workers", WorkerRead, RouteClass.Read) with { Filters = PrefectFilters.TaskWorkers },
    ];

    private static PrefectRoute[] Queues =>
    [
        (Post("/work_pools/{work_pool_name}/queues", "create_work_pool_queue", WorkPoolWrite) with { Body = PrefectBody.QueueCreate, InBody = Dimensions.WorkQueue })
            .Of(Dimensions.WorkPool, "work_pool_name"),
        Get("/work_pools/{work_pool_name}/queues/{name}", "read_work_pool_queue", WorkPoolRead).Of(Dimensions.WorkPool, "work_pool_name").Of(Dimensions.WorkQueue),
        Patch("/work_pools/{work_pool_name}/queues/{name}", "update_work_pool_queue", WorkPoolWrite).Of(Dimensions.WorkPool, "work_pool_name").Of(Dimensions.WorkQueue) with
        {
            Body = PrefectBody.QueueUpdate, Instead = [WorkPoolPause],
        },
        Delete("/work_pools/{work_pool_name}/queues/{name}", "delete_work_pool_queue", WorkPoolDelete).Of(Dimensions.WorkPool, "work_pool_name").Of(Dimensions.WorkQueue),
        Find("/work_pools/{work_pool_name}/queues/filter", "read_work_pool_queues", WorkPoolRead, PrefectFilters.WorkQueues, PrefectFilters.WorkQueues).Of(Dimensions.WorkPool, "work_pool_name"),
        // Queues by themselves, as before there were pools: the server puts them into a pool of its own choice.
        Post("/work_queues/", "create_work_queue", WorkPoolWrite) with { Body = PrefectBody.QueueCreate, Unknown = Dimensions.WorkPool, InBody = Dimensions.WorkQueue },
        Patch("/work_queues/{id}", "update_work_queue", WorkPoolWrite).ById(PrefectObject.WorkQueue) with { Body = PrefectBody.QueueUpdate, Instead = [WorkPoolPause] },
        Get("/work_queues/{id}", "read_work_queue", WorkPoolRead).ById(PrefectObject.WorkQueue),
        Delete("/work_queues/{id}", "delete_work_queue", WorkPoolDelete).ById(PrefectObject.WorkQueue),
        (Get("/work_queues/name/{name}", "read_work_queue_by_name", WorkPoolRead) with { Object = PrefectObject.WorkQueue, Unknown = Dimensions.WorkPool }).Of(Dimensions.WorkQueue),
        Post("/work_queues/{id}/get_runs", "read_work_queue_runs", WorkPoolPoll, RouteClass.Poll).ById(PrefectObject.WorkQueue),
        Find("/work_queues/filter", "read_work_queues", WorkPoolRead, PrefectFilters.WorkQueues, PrefectFilters.WorkQueues),
        Post("/work_queues/{id}/concurrency_status", "read_work_queue_concurrency_status", WorkPoolRead, RouteClass.Read).ById(PrefectObject.WorkQueue),
        Get("/work_queues/{id}/status", "read_work_queue_status", WorkPoolRead).ById(PrefectObject.WorkQueue),
    ];
}
