using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>
/// One row per operation of a Prefect server. A call without a row is an unknown operation and refused; a test keeps the table and the server's own description alike.
/// Operations that only older servers have (<c>/admin/database</c>, notification policies) have none.
/// </summary>
internal static partial class PrefectRoutes
{
    private const string Api = "/api";

    private const Dimensions OfPool = Dimensions.WorkPool | Dimensions.WorkQueue;
    private const Dimensions OfFlow = Dimensions.Flow | Dimensions.Tag;
    private const Dimensions OfBlock = Dimensions.BlockType | Dimensions.Block;
    private const Dimensions OfDeployment = OfPool | OfFlow | Dimensions.Deployment;

    // All that this engine has but the server itself, which every call names.
    private const Dimensions OfObjects = OfDeployment | OfBlock | Dimensions.Variable;

    private const PrefectFilters RunFilters = PrefectFilters.Flows | PrefectFilters.FlowRuns | PrefectFilters.TaskRuns | PrefectFilters.Deployments;
    private const PrefectFilters PoolFilters = RunFilters | PrefectFilters.WorkPools;
    private const PrefectFilters QueueFilters = PoolFilters | PrefectFilters.WorkPoolQueues;

    /// <summary>Any page of the user interface: its own router knows which there are. The template stands for every path outside the API.</summary>
    public static PrefectRoute Page { get; } = new("ui_page", "GET", "/{page}", Permission.ServerInfo, RouteClass.Asset);

    /// <summary>Any file of the user interface.</summary>
    public static PrefectRoute Asset { get; } = new("ui_asset", "GET", "/{file}", Permission.ServerInfo, RouteClass.Asset);

    /// <summary>Every row, the API's first.</summary>
    public static IReadOnlyList<PrefectRoute> All { get; } =
    [
        .. Flows, .. FlowRuns, .. TaskRuns, .. States, .. Deployments, .. Pools, .. Queues, .. Blocks, .. Variables, .. Artifacts, .. Logs, .. Events, .. Automations,
        .. Concurrency, .. SavedSearches, .. Server, .. Interface, .. Sockets, .. Pages,
    ];

    private static PrefectRoute Get(string template, string operation, Permission permission, RouteClass routeClass = RouteClass.Read)
        => new(operation, "GET", Api + template, permission, routeClass);

    private static PrefectRoute Post(string template, string operation, Permission permission, RouteClass routeClass = RouteClass.Write)
        => new(operation, "POST", Api + template, permission, routeClass);

    private static PrefectRoute Put(string template, string operation, Permission permission) => new(operation, "PUT", Api + template, permission, RouteClass.Write);

    private static PrefectRoute Patch(string template, string operation, Permission permission, RouteClass routeClass = RouteClass.Write)
        => new(operation, "PATCH", Api + template, permission, routeClass);

    private static PrefectRoute Delete(string template, string operation, Permission permission) => new(operation, "DELETE", Api + template, permission, RouteClass.Write);

    // A list, a count, a page, a history: whatever its filters find.
    private static PrefectRoute Find(string template, string operation, Permission permission, PrefectFilters family, PrefectFilters filters)
        => Post(template, operation, permission, RouteClass.Read) with
        {
            Body = PrefectBody.Filter,
            Family = family,
            Filters = filters,
            Unknown = PermissionDimensions.Of(permission) & OfObjects,
        };

    // What acts on all that its filters find.
    private static PrefectRoute Bulk(string template, string operation, Permission permission, PrefectFilters family)
        => Find(template, operation, permission, family, family) with { Class = RouteClass.Write };

    // About one thing, by its id: what else the permission has is looked up.
    private static PrefectRoute ById(this PrefectRoute route, PrefectObject kind, string parameter = "id") => route with
    {
        Object = kind,
        Id = parameter,
        Unknown = PermissionDimensions.Of(route.Base) & OfObjects,
    };

    // About one thing, by its name: that dimension is known.
    private static PrefectRoute Of(this PrefectRoute route, Dimensions dimension, string parameter = "name") => route with
    {
        Named = [.. route.Named, (parameter, dimension)],
        Unknown = route.Unknown & ~dimension,
    };
}
