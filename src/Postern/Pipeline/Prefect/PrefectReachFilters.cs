using Postern.Engines.Prefect;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// A list of runs whose caller reaches what one set of conditions names, and nothing is denied him there: each condition is a criterion of its own filter, and the server joins them by and.
/// </summary>
internal sealed class PrefectReachFilters
{
    private readonly List<(Place Place, ReachCondition Condition)> _criteria = [];

    private PrefectReachFilters()
    {
    }

    /// <summary>How the list is narrowed so; null where it can't be.</summary>
    public static PrefectReachFilters? Plan(PrefectCall call)
    {
        // What else the call asks for would have a reach of its own.
        if (call.Operation.Count > 1
            || call.CallerState.Policy.ReachOf(call.Operation.First.Permission, call.Engine.Name, new Circumstances(call.Source, call.Time)) is not { Kind: ReachKind.Some, Allowed: [var term], Denied.IsEmpty: true })
        {
            return null;
        }

        var plan = new PrefectReachFilters();
        foreach (var condition in term.Conditions)
        {
            // Any tag is none, too.
            if (condition.Dimension == Dimensions.Tag && condition.Patterns.Any(pattern => pattern.IsAny))
            {
                continue;
            }

            if (PlaceOf(call.Route, condition) is not { } place)
            {
                return null;
            }

            plan._criteria.Add((place, condition));
        }

        return plan._criteria.Count == 0 ? null : plan;
    }

    public async ValueTask<Narrowed> ApplyAsync(PrefectCall call, PrefectFilterBody filters, CancellationToken cancellation)
    {
        foreach (var (place, condition) in _criteria)
        {
            var values = condition.Patterns.Select(pattern => pattern.Text).ToList();
            if (place.Kind != PrefectObject.None)
            {
                if (await call.Engine.Listings.AllAsync(place.Kind, cancellation) is not { } listing)
                {
                    return Narrowed.CannotAsk;
                }

                if (listing == PrefectListing.TooLong)
                {
                    return Narrowed.NotExpressible;
                }

                values = [.. listing.Items.Where(item => condition.Matches(NamesOf(condition.Dimension, item.Thing))).Select(item => ValueOf(place, item)).Distinct(StringComparer.Ordinal)];
            }

            var isExpressed = place.Field == "tags" ? filters.TryTag(place.Filter, values) : filters.TryRestrict(place.Filter, place.Field, values, place.Field == "id");
            if (!isExpressed)
            {
                return Narrowed.NotExpressible;
            }
        }

        return Narrowed.Done;
    }

    private static PrefectNames NamesOf(Dimensions dimension, PrefectThing thing) => dimension switch
    {
        Dimensions.Flow => new PrefectNames { Flow = thing.Flow },
        Dimensions.Deployment => new PrefectNames { Deployment = thing.Deployment },
        Dimensions.WorkPool => new PrefectNames { WorkPool = thing.WorkPool },
        _ => new PrefectNames { WorkQueue = thing.WorkQueue },
    };

    private static string ValueOf(Place place, PrefectListed item) => place switch
    {
        { Field: "id" } => item.Id,
        { Kind: PrefectObject.WorkPool } => item.Thing.WorkPool!,
        _ => item.Thing.WorkQueue!,
    };

    // Tags and queues are each run's own: its task runs and artifacts are found by the run's.
    private static Place? PlaceOf(PrefectRoute route, ReachCondition condition)
    {
        var areExact = condition.Patterns.All(pattern => pattern.IsExact);
        return condition.Dimension switch
        {
            Dimensions.Flow when Has(PrefectFilters.Flows) => new Place("flows", "id", PrefectObject.Flow),
            Dimensions.Deployment when Has(PrefectFilters.Deployments) => new Place("deployments", "id", PrefectObject.Deployment),
            Dimensions.WorkPool when Has(PrefectFilters.WorkPools) => new Place("work_pools", "name", areExact ? PrefectObject.None : PrefectObject.WorkPool),
            Dimensions.WorkQueue when Has(PrefectFilters.FlowRuns) => new Place("flow_runs", "work_queue_name", areExact ? PrefectObject.None : PrefectObject.WorkQueue),
            Dimensions.Tag when Has(PrefectFilters.FlowRuns) && areExact => new Place("flow_runs", "tags", PrefectObject.None),
            _ => null,
        };

        bool Has(PrefectFilters filter) => (route.Filters & filter) != PrefectFilters.None;
    }

    /// <summary>Where a criterion stands.</summary>
    /// <param name="Filter">The key of the filter.</param>
    /// <param name="Field">The field in it.</param>
    /// <param name="Kind">What is listed in order to name what the condition matches; none where the condition's own names will do.</param>
    private sealed record Place(string Filter, string Field, PrefectObject Kind);
}
