using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>What kind of traffic a route is: timeouts, limits and how its record is kept follow from it.</summary>
internal enum RouteClass : byte
{
    /// <summary>A page or a file of the user interface.</summary>
    Asset,

    /// <summary>What every client asks before anything else, the same for all of them.</summary>
    Info,

    /// <summary>Somebody looks at something.</summary>
    Read,

    /// <summary>Somebody changes something.</summary>
    Write,

    /// <summary>Runs are handed out to workers and runners, which die of refusals.</summary>
    Poll,

    /// <summary>What workers and running flows report of themselves: lost where it is refused.</summary>
    Worker,

    /// <summary>An answer of any length.</summary>
    Stream,

    Socket,
}

/// <summary>The filter objects that a body can hold, by which the server says which things a call is about. Their written names are in <see cref="PrefectFilterNames"/>.</summary>
[Flags]
internal enum PrefectFilters : uint
{
    None = 0,
    Flows = 1,
    FlowRuns = 1 << 1,
    TaskRuns = 1 << 2,
    Deployments = 1 << 3,
    WorkPools = 1 << 4,
    /// <summary>Queues beside other filters.</summary>
    WorkPoolQueues = 1 << 5,
    WorkQueues = 1 << 6,
    Workers = 1 << 7,
    TaskWorkers = 1 << 8,
    Artifacts = 1 << 9,
    Variables = 1 << 10,
    BlockDocuments = 1 << 11,
    BlockTypes = 1 << 12,
    BlockSchemas = 1 << 13,
    Logs = 1 << 14,
    /// <summary>Named <c>filter</c> by the server.</summary>
    Events = 1 << 15,
    Automations = 1 << 16,
}

/// <summary>How the demands of a call follow from its body, or its query.</summary>
internal enum PrefectBody : byte
{
    /// <summary>The path says it all: the body is passed on unread.</summary>
    Unread,

    /// <summary>Filters that say which things the call is about.</summary>
    Filter,

    /// <summary>Filters of block documents, which may ask for their secrets.</summary>
    BlockFilter,

    /// <summary>Filters of runs, and the state that they are brought to.</summary>
    BulkState,
    State,
    FlowRunCreate, FlowRunUpdate,
    DeploymentRun, DeploymentRuns,
    Flow, FlowUpdate,
    TaskRunCreate,
    DeploymentCreate, DeploymentUpdate, ScheduleUpdate,
    DeploymentIds, FlowIds, FlowRunIds,
    PoolCreate, PoolUpdate, QueueCreate, QueueUpdate,
    /// <summary>A worker asks for the runs of some of a pool's queues.</summary>
    QueueNames,
    Heartbeat,
    BlockDocumentCreate, BlockDocumentUpdate, BlockTypeCreate, BlockSchemaCreate,
    VariableCreate, VariableUpdate,
    AutomationUpdate,
    Logs, Events,
    ArtifactCreate,
    /// <summary>Values against a schema, which may mean variables.</summary>
    Values,
    /// <summary>The filter stands in the query, as the server wrote it there.</summary>
    EventPage,
    /// <summary>The run whose states are asked for stands in the query.</summary>
    FlowRunQuery, TaskRunQuery,
    /// <summary>Labels of a run, among which the gate's own are nobody's to write.</summary>
    Labels,
}

/// <summary>One operation of a Prefect server. The tables are <see cref="PrefectRoutes"/>.</summary>
/// <param name="Operation">Its name in policies and records, without the engine's: <c>create_flow_run_from_deployment</c>.</param>
/// <param name="Method">The only method that it has.</param>
/// <param name="Template">Its path. A parameter is one whole segment; those of <see cref="PrefectCatalogue"/> that are ids are UUIDs.</param>
/// <param name="Base">The permission that every call of it needs; what a body says may put another in its place.</param>
/// <param name="Class">What kind of traffic it is.</param>
internal sealed record PrefectRoute(string Operation, string Method, string Template, Permission Base, RouteClass Class)
{
    /// <summary>The template's segments; a parameter's in braces.</summary>
    public string[] Parts { get; } = Template.Trim('/').Split('/');

    /// <summary>How the demands follow from the body.</summary>
    public PrefectBody Body { get; init; }

    /// <summary>The filters that the body can hold: where a call is about whatever they find, it can be narrowed by them.</summary>
    public PrefectFilters Filters { get; init; }

    /// <summary>What the call lists, counts or acts on; <see cref="PrefectFilters.None"/> where it names what it is about.</summary>
    public PrefectFilters Family { get; init; }

    /// <summary>The kind of thing that the call is about.</summary>
    public PrefectObject Object { get; init; }

    /// <summary>The parameter of the path that is its id; null where there is none.</summary>
    public string? Id { get; init; }

    /// <summary>Parameters of the path that are names.</summary>
    public IReadOnlyList<(string Parameter, Dimensions Dimension)> Named { get; init; } = [];

    /// <summary>Dimensions of the base permission that nothing in the call says, and on which the server nevertheless acts. A look-up or a filter tells.</summary>
    public Dimensions Unknown { get; init; }

    /// <summary>Dimensions whose names the body carries, for tests of a policy.</summary>
    public Dimensions InBody { get; init; }

    /// <summary>Permissions that a body may ask for in place of the base: a call that only pauses, a state that ends a run. Each is a call of its own to tests of a policy and in the matrix.</summary>
    public IReadOnlyList<Permission> Instead { get; init; } = [];

    /// <summary>Permissions that a body or a query may add, for the matrix.</summary>
    public IReadOnlyList<Permission> Implied { get; init; } = [];

    /// <summary>Whether its query can ask for secrets in clear.</summary>
    public bool TellsSecrets { get; init; }

    /// <summary>Whether it needs no credential.</summary>
    public bool IsOpen { get; init; }

    /// <summary>Whether what it says depends on what a body holds, so that the body has to be read first.</summary>
    public bool JudgesBody => Body is not (PrefectBody.Unread or PrefectBody.EventPage or PrefectBody.FlowRunQuery or PrefectBody.TaskRunQuery);

    public bool IsSocket => Class == RouteClass.Socket;

    /// <summary>True where every authenticated caller may make the call, unless a deny names it.</summary>
    public bool IsForAnyCaller => Base == Permission.ServerInfo;

    /// <summary>How carefully a call's record is kept, by the permission that it turned out to ask for first: who ends a run or sends it on isn't its worker.</summary>
    public AuditClass AuditOf(Permission asked) => asked is Permission.FlowRunCancel or Permission.FlowRunRetry ? AuditClass.Write : Class switch
    {
        RouteClass.Write => AuditClass.Write,
        RouteClass.Poll or RouteClass.Worker => AuditClass.Progress,
        RouteClass.Socket when Base is Permission.EventWrite or Permission.TaskRunPoll or Permission.WorkerHeartbeat => AuditClass.Progress,
        _ => AuditClass.Read,
    };

    /// <summary>Whether a segment of a template is a parameter.</summary>
    public static bool IsParameter(string part) => part.StartsWith('{');

    public override string ToString() => $"{Method} {Template}";
}

/// <summary>The keys by which bodies name filters.</summary>
internal static class PrefectFilterNames
{
    private static readonly (PrefectFilters Filter, string Name)[] Names =
    [
        (PrefectFilters.Flows, "flows"), (PrefectFilters.FlowRuns, "flow_runs"), (PrefectFilters.TaskRuns, "task_runs"), (PrefectFilters.Deployments, "deployments"),
        (PrefectFilters.WorkPools, "work_pools"), (PrefectFilters.WorkPoolQueues, "work_pool_queues"), (PrefectFilters.WorkQueues, "work_queues"),
        (PrefectFilters.Workers, "workers"), (PrefectFilters.TaskWorkers, "task_worker_filter"), (PrefectFilters.Artifacts, "artifacts"),
        (PrefectFilters.Variables, "variables"), (PrefectFilters.BlockDocuments, "block_documents"), (PrefectFilters.BlockTypes, "block_types"),
        (PrefectFilters.BlockSchemas, "block_schemas"), (PrefectFilters.Logs, "logs"), (PrefectFilters.Events, "filter"), (PrefectFilters.Automations, "automations"),
    ];

    /// <summary>The keys of a set of filters, in order.</summary>
    public static IEnumerable<string> Of(PrefectFilters filters) => Names.Where(n => (filters & n.Filter) != PrefectFilters.None).Select(n => n.Name);
}
