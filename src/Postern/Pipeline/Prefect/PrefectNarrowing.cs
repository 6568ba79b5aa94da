using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Engines.Prefect;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline.Prefect;

/// <summary>What came of narrowing a call to what its caller may see.</summary>
internal enum Narrowed : byte { Done, NotExpressible, CannotAsk, Nothing }

/// <summary>
/// A call about whatever its filters find is narrowed to what its caller may see, with the server's own filters, so that its counts and pages stay right. Everything of a kind is judged by the
/// same policy as any call, by its names, and what is allowed is named in the filter; where no kind tells allowed from refused, the call is refused.
/// </summary>
internal static class PrefectNarrowing
{
    private const int MostAsked = 200;

    // By what lists of runs can be narrowed, from the least to the most. What one of these tells of a run is the rest of its names' business.
    private static readonly Pivot[] Pivots =
    [
        new(PrefectObject.WorkPool, PrefectFilters.WorkPools, "name", Dimensions.WorkPool),
        new(PrefectObject.Flow, PrefectFilters.Flows, "id", Dimensions.Flow),
        new(PrefectObject.Deployment, PrefectFilters.Deployments, "id", Dimensions.Deployment | Dimensions.Flow | Dimensions.WorkPool | Dimensions.WorkQueue),
    ];

    public static async ValueTask<Narrowed> NarrowAsync(PrefectCall call, CancellationToken cancellation)
    {
        var root = call.Body is { Length: > 0 } bytes ? JsonNode.Parse(bytes.Span) : new JsonObject();
        if (root is not JsonObject body)
        {
            return Narrowed.NotExpressible;
        }

        var filters = new PrefectFilterBody(body);
        var outcome = call.Route.Family switch
        {
            PrefectFilters.Flows => await ToItsOwnAsync(call, filters, PrefectObject.Flow, "id", cancellation),
            PrefectFilters.Deployments => await ToItsOwnAsync(call, filters, PrefectObject.Deployment, "id", cancellation),
            PrefectFilters.WorkPools => await ToItsOwnAsync(call, filters, PrefectObject.WorkPool, "name", cancellation),
            PrefectFilters.WorkQueues => await ToItsOwnAsync(call, filters, PrefectObject.WorkQueue, "id", cancellation),
            PrefectFilters.Variables => await ToItsOwnAsync(call, filters, PrefectObject.Variable, "id", cancellation),
            PrefectFilters.BlockDocuments => await ToItsOwnAsync(call, filters, PrefectObject.BlockDocument, "id", cancellation),
            PrefectFilters.BlockTypes => await ToItsOwnAsync(call, filters, PrefectObject.BlockType, "slug", cancellation),
            PrefectFilters.FlowRuns or PrefectFilters.TaskRuns or PrefectFilters.Artifacts => await ByPivotAsync(call, filters, cancellation),
            PrefectFilters.Logs => await ByAskedAsync(call, filters.Asked("logs", "flow_run_id", "any_"), PrefectObject.FlowRun, filters.Asked("logs", "task_run_id", "any_"), PrefectObject.TaskRun, cancellation),
            PrefectFilters.Events => await OfEventsAsync(call, filters, cancellation),
            _ => Narrowed.NotExpressible,
        };
        if (outcome == Narrowed.Done)
        {
            call.Body = JsonSerializer.SerializeToUtf8Bytes(body);
            call.Note ??= "narrowed to what the caller may see";
        }

        return outcome;
    }

    // Everything of the kind that is listed, with all its names.
    private static async ValueTask<Narrowed> ToItsOwnAsync(PrefectCall call, PrefectFilterBody filters, PrefectObject kind, string field, CancellationToken cancellation)
    {
        if (await call.Engine.Listings.AllAsync(kind, cancellation) is not { } listing)
        {
            return Narrowed.CannotAsk;
        }

        var allowed = new List<string>();
        foreach (var item in listing.Items)
        {
            var decision = Decide(call, item.Thing, Dimensions.None);
            if (decision == DecisionKind.CannotTell)
            {
                return Narrowed.NotExpressible;
            }

            if (decision == DecisionKind.Allow)
            {
                allowed.Add(Value(item, field));
            }
        }

        return filters.TryRestrict(PrefectFilterNames.Of(call.Route.Family).Single(), field, allowed, field == "id") ? Narrowed.Done : Narrowed.NotExpressible;
    }

    private static async ValueTask<Narrowed> ByPivotAsync(PrefectCall call, PrefectFilterBody filters, CancellationToken cancellation)
    {
        foreach (var pivot in Pivots)
        {
            var (key, field) = Place(call.Route, pivot);
            if (key is null)
            {
                continue;
            }

            if (await call.Engine.Listings.AllAsync(pivot.Kind, cancellation) is not { } listing)
            {
                return Narrowed.CannotAsk;
            }

            if (Allowed(call, pivot, listing) is { } allowed)
            {
                return filters.TryRestrict(key, field, allowed, field != "name") ? Narrowed.Done : Narrowed.NotExpressible;
            }
        }

        return Narrowed.NotExpressible;
    }

    // What of the kind is allowed; null where that depends on something else as well.
    private static List<string>? Allowed(PrefectCall call, Pivot pivot, PrefectListing listing)
    {
        var unknown = call.Operation.First.Unknown & ~pivot.Tells;
        var allowed = new List<string>();
        foreach (var item in listing.Items)
        {
            switch (Decide(call, item.Thing, unknown))
            {
                case DecisionKind.Allow:
                    allowed.Add(Value(item, pivot.Field));
                    break;
                case DecisionKind.CannotTell:
                    return null;
            }
        }

        // What belongs to none of the kind isn't found by a filter on it. Where it may be allowed another kind must tell, unless this is the last that could: then less is shown than might be, never more.
        return pivot.Kind == PrefectObject.Deployment || Decide(call, new PrefectThing(true), unknown) == DecisionKind.Deny ? allowed : null;
    }

    // The client names runs himself: each is judged.
    private static async ValueTask<Narrowed> ByAskedAsync(
        PrefectCall call, IReadOnlyList<string>? asked, PrefectObject kind, IReadOnlyList<string>? otherwise, PrefectObject other, CancellationToken cancellation)
    {
        var (ids, of) = asked is not null ? (asked, kind) : (otherwise, other);
        if (ids is null || ids.Count > MostAsked)
        {
            return Narrowed.NotExpressible;
        }

        foreach (var text in ids)
        {
            if (!Guid.TryParse(text, out var id) || await call.Engine.Lookups.FindAsync(of, id.ToString(), cancellation) is not { } thing)
            {
                return Narrowed.CannotAsk;
            }

            if (!thing.Exists || Decide(call, thing, Dimensions.None) != DecisionKind.Allow)
            {
                return Narrowed.Nothing;
            }
        }

        return Narrowed.Done;
    }

    // Events are of many kinds of things, and name each by its kind and id. Where the client asks for some, each of those is judged; otherwise for whatever is related to what may be seen.
    private static async ValueTask<Narrowed> OfEventsAsync(PrefectCall call, PrefectFilterBody filters, CancellationToken cancellation)
    {
        if (filters.In("filter", "any_resource") is not { } resource || resource.Any(entry => entry.Key is not ("id" or "labels") && entry.Value is not null))
        {
            return Narrowed.NotExpressible;
        }

        if (resource["id"] is JsonArray { Count: > 0 and <= MostAsked } asked)
        {
            foreach (var item in asked)
            {
                if (item is not JsonValue value || !value.TryGetValue<string>(out var text) || PrefectResources.Read(text) is not var (kind, id))
                {
                    return Narrowed.NotExpressible;
                }

                if (await call.Engine.Lookups.FindAsync(kind, id, cancellation) is not { } thing)
                {
                    return Narrowed.CannotAsk;
                }

                if (!thing.Exists || Decide(call, thing, Dimensions.None) != DecisionKind.Allow)
                {
                    return Narrowed.Nothing;
                }
            }

            return Narrowed.Done;
        }

        foreach (var pivot in Pivots)
        {
            if (await call.Engine.Listings.AllAsync(pivot.Kind, cancellation) is not { } listing)
            {
                return Narrowed.CannotAsk;
            }

            if (Allowed(call, pivot with { Field = "id" }, listing) is { } allowed)
            {
                resource["id"] = new JsonArray([.. allowed.DefaultIfEmpty(Guid.Empty.ToString()).Select(id => (JsonNode)PrefectResources.Write(pivot.Kind, id))]);
                return Narrowed.Done;
            }
        }

        return Narrowed.NotExpressible;
    }

    private static DecisionKind Decide(PrefectCall call, PrefectThing thing, Dimensions unknown) =>
        call.CallerState.Policy.DecideAll(
            call.Operation.With(demand => PrefectAuthorizeStage.Complete(demand, thing, demand.Unknown & ~unknown)), new Circumstances(call.Source, call.Time), out _).Kind;

    // Beside the run's own filter stand those of what it belongs to; where they don't, the run's own may name its deployment.
    private static (string? Key, string Field) Place(PrefectRoute route, Pivot pivot) =>
        (route.Filters & pivot.Filter) != PrefectFilters.None ? (PrefectFilterNames.Of(pivot.Filter).Single(), pivot.Field)
        : pivot.Kind == PrefectObject.Deployment && route.Family == PrefectFilters.FlowRuns ? (PrefectFilterNames.Of(PrefectFilters.FlowRuns).Single(), "deployment_id")
        : (null, "");

    private static string Value(PrefectListed item, string field) => field switch
    {
        "name" => item.Thing.WorkPool!,
        "slug" => item.Thing.BlockType!,
        _ => item.Id,
    };

    /// <summary>A kind of thing by which runs are told apart.</summary>
    /// <param name="Kind">The kind.</param>
    /// <param name="Filter">Its filter.</param>
    /// <param name="Field">The field of the filter that names it.</param>
    /// <param name="Tells">The dimensions of a run that it settles.</param>
    private sealed record Pivot(PrefectObject Kind, PrefectFilters Filter, string Field, Dimensions Tells);
}
