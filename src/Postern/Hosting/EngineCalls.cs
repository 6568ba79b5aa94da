using Postern.Admin;
using Postern.Engines.Prefect;
using Postern.Engines.Temporal;
using Postern.Model;

namespace Postern.Hosting;

/// <summary>
/// What every call of every engine, and of the gate's own management, demands, in the policy's terms: written from their own tables, so that tests in a policy,
/// <c>explain</c> and the matrix speak of the calls that the gate judges.
/// </summary>
internal static class EngineCalls
{
    public static CallCatalogue Of(TemporalCatalogue temporal) => new(
        [.. temporal.Methods.Select(Call), .. PrefectCatalogue.Shared.Routes.Where(route => !route.IsOpen).SelectMany(Calls), .. ManagementRoutes.All.Where(route => route.Permission != Permission.None).Select(Call)]);

    private static CatalogueCall Call(ManagementRoute route) => new(
        $"{ManagementApi.Engine}/{route.Operation}",
        [new CatalogueDemand(route.Permission, Dimensions.None) { ClusterScope = true, UnlessDenied = route.IsForAnyCaller }]);

    private static CatalogueCall Call(TemporalMethod method)
    {
        var row = method.Row;
        var carried = Carried(method.Names);
        var first = new CatalogueDemand(row.Base, carried) { ClusterScope = row.ClusterScope, Unknown = row.Unknown & ~(carried & ~Dimensions.WorkflowType), Waived = row.Waived & ~carried, UnlessDenied = row.IsOpen };
        // Signal-with-start and update-with-start always do both; the others only where a field says so.
        var always = row.Shape is TemporalShape.SignalWithStart or TemporalShape.MultiOperation or TemporalShape.Schedule;
        return new CatalogueCall(
            $"temporal/{method.Name}",
            [first, .. row.Implied.Select(implied => new CatalogueDemand(implied, carried & PermissionDimensions.Of(implied))
            {
                Sometimes = !always || implied is not (Permission.WorkflowStart or Permission.WorkflowSignal or Permission.WorkflowUpdate),
                ClusterScope = implied == Permission.ClusterAdmin,
                Unknown = PermissionDimensions.Of(implied) & ~carried & (Dimensions.WorkflowType | Dimensions.WorkflowId),
            })])
        {
            IsNarrowable = row.Narrowed is not null,
        };
    }

    // A call whose body says which permission it needs is one call for each: prefect/set_flow_run_state/cancel.
    private static IEnumerable<CatalogueCall> Calls(PrefectRoute route)
        => route.Instead.Select(permission => Call(route, permission, $"/{permission.Name().Split('.')[^1]}")).Prepend(Call(route, route.Base, ""));

    private static CatalogueCall Call(PrefectRoute route, Permission permission, string meaning)
    {
        var carried = route.Named.Aggregate(Dimensions.Server | route.InBody, (set, name) => set | name.Dimension);
        var first = new CatalogueDemand(permission, carried) { Unknown = route.Unknown, UnlessDenied = route.IsForAnyCaller };
        return new CatalogueCall(
            $"prefect/{route.Operation}{meaning}",
            [first, .. route.Implied.Select(implied => new CatalogueDemand(implied, carried & PermissionDimensions.Of(implied))
            {
                Sometimes = true,
                Unknown = PermissionDimensions.Of(implied) & PermissionDimensions.OfPrefect & ~carried,
            })])
        {
            IsNarrowable = route.Family != PrefectFilters.None,
        };
    }

    private static Dimensions Carried(TemporalNames names)
    {
        Dimensions If(TemporalRole role, Dimensions dimension) => names.PathOf(role) is null ? Dimensions.None : dimension;
        return If(TemporalRole.Namespace, Dimensions.Namespace) | If(TemporalRole.TaskQueue, Dimensions.TaskQueue)
            | If(TemporalRole.WorkflowType, Dimensions.WorkflowType) | If(TemporalRole.WorkflowId, Dimensions.WorkflowId)
            | If(TemporalRole.Signal, Dimensions.Signal) | If(TemporalRole.Update, Dimensions.Update) | If(TemporalRole.Query, Dimensions.Query)
            | If(TemporalRole.NexusEndpoint, Dimensions.NexusEndpoint) | If(TemporalRole.NexusService, Dimensions.NexusService)
            | If(TemporalRole.NexusOperation, Dimensions.NexusOperation) | If(TemporalRole.ScheduleId, Dimensions.ScheduleId)
            | If(TemporalRole.ActivityType, Dimensions.ActivityType) | If(TemporalRole.ActivityId, Dimensions.ActivityId);
    }
}
