using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Engines.Prefect;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline.Prefect;

/// <summary>What came of narrowing a call to what its caller may see.</summary>
internal enum Narrowed : byte { Done, NotExpressible, CannotAsk, Nothing, NoList }

/// <summary>
/// A call about whatever its filters find is narrowed to what its caller may see, with the server's own filters, so that its counts and pages stay right. Everything of a kind is judged by the
/// same policy as any call, by its names, and what is allowed is named in the filter; where no kind tells allowed from refused, the call is refused.
/// </summary>
internal static class PrefectNarrowing
{
    // By what lists of runs can be narrowed, from the least to the most. What one of these tells of a run is the rest of its names' business.
    private static readonly Pivot[] Pivots =
    [
        new(PrefectObject.WorkPool, PrefectFilters.WorkPools, "name", Dimensions.WorkPool),
        new(PrefectObject.Flow, PrefectFilters.Flows, "id", Dimensions.Flow),
        // The queue a run may have got of its own.
        new(PrefectObject.Deployment, PrefectFilters.Deployments, "id", Dimensions.Deployment | Dimensions.Flow | Dimensions.WorkPool),
    ];

    public static async ValueTask<Narrowed> NarrowAsync(PrefectCall call, CancellationToken cancellation)
    {
        if (call.Route.Body == PrefectBody.EventPage)
        {
            return await PrefectEventLists.JudgePageAsync(call, cancellation);
        }

        if (call.Route is { Family: PrefectFilters.None, Body: not PrefectBody.QueueNames })
        {
            return Narrowed.NoList;
        }

        var root = call.Body is { Length: > 0 } bytes ? JsonNode.Parse(bytes.Span) : null;
        if ((root ?? new JsonObject()) is not JsonObject body)
        {
            return Narrowed.NotExpressible;
        }

        var filters = new PrefectFilterBody(body);
        var outcome = call.Route.Family switch
        {
            PrefectFilters.None => await ToQueuesAsync(call, body, cancellation),
            PrefectFilters.Flows => await ToItsOwnAsync(call, filters, PrefectObject.Flow, "id", cancellation),
            PrefectFilters.Deployments => await ToItsOwnAsync(call, filters, PrefectObject.Deployment, "id", cancellation),
            PrefectFilters.WorkPools => await ToItsOwnAsync(call, filters, PrefectObject.WorkPool, "name", cancellation),
            PrefectFilters.WorkQueues => await ToItsOwnAsync(call, filters, PrefectObject.WorkQueue, "id", cancellation),
            PrefectFilters.Variables => await ToItsOwnAsync(call, filters, PrefectObject.Variable, "id", cancellation),
            PrefectFilters.BlockDocuments => await ToItsOwnAsync(call, filters, PrefectObject.BlockDocument, "id", cancellation),
            PrefectFilters.BlockTypes => await ToItsOwnAsync(call, filters, PrefectObject.BlockType, "slug", cancellation),
            PrefectFilters.BlockSchemas => await ToItsOwnAsync(call, filters, PrefectObject.BlockType, "block_type_id", cancellation),
            PrefectFilters.FlowRuns or PrefectFilters.TaskRuns or PrefectFilters.Artifacts => await OfRunsAsync(call, filters, cancellation),
            PrefectFilters.Logs => await PrefectEventLists.OfLogsAsync(call, filters, cancellation),
            PrefectFilters.Events => await PrefectEventLists.NarrowAsync(call, filters, cancellation),
            _ => Narrowed.NotExpressible,
        };
        if (outcome == Narrowed.Done)
        {
            call.Body = JsonSerializer.SerializeToUtf8Bytes(body);
            call.Note ??= "narrowed to what the caller may see";
        }

        return outcome;
    }

    /// <summary>What of one kind is named so that nothing else is found by it; or why that can't be.</summary>
    public static async ValueTask<(Narrowed Outcome, PrefectObject Kind, IReadOnlyList<PrefectListed> Allowed)> FindPivotAsync(PrefectCall call, Func<PrefectObject, PrefectFilters, bool> isUsable, CancellationToken cancellation)
    {
        foreach (var pivot in Pivots)
        {
            if (!isUsable(pivot.Kind, pivot.Filter))
            {
                continue;
            }

            if (await call.Engine.Listings.AllAsync(pivot.Kind, cancellation) is not { } listing)
            {
                return (Narrowed.CannotAsk, pivot.Kind, []);
            }

            if (listing != PrefectListing.TooLong && Allowed(call, pivot, listing) is { } allowed)
            {
                return (Narrowed.Done, pivot.Kind, allowed);
            }
        }

        return (Narrowed.NotExpressible, PrefectObject.None, []);
    }

    public static DecisionKind Decide(PrefectCall call, PrefectThing thing) =>
        call.CallerState.Policy.DecideAll(call.Operation.With(demand => PrefectAuthorizeStage.Complete(demand, thing)), new Circumstances(call.Source, call.Time), out _).Kind;

    // Everything of the kind that is listed, with all its names.
    private static async ValueTask<Narrowed> ToItsOwnAsync(PrefectCall call, PrefectFilterBody filters, PrefectObject kind, string field, CancellationToken cancellation)
    {
        var (outcome, allowed) = await AllowedAsync(call, kind, _ => true, cancellation);
        return outcome != Narrowed.Done ? outcome
            : filters.TryRestrict(PrefectFilterNames.Of(call.Route.Family).Single(), field, [.. allowed.Select(item => Value(item, field))], field is "id" or "block_type_id") ? Narrowed.Done
            : Narrowed.NotExpressible;
    }

    // Names of none are all of the pool's queues: those that the caller may are named in their place. A worker of none of them is none of this pool.
    private static async ValueTask<Narrowed> ToQueuesAsync(PrefectCall call, JsonObject body, CancellationToken cancellation)
    {
        var pool = call.Operation.First.Prefect!.WorkPool;
        var (outcome, allowed) = await AllowedAsync(call, PrefectObject.WorkQueue, queue => queue.WorkPool == pool, cancellation);
        if (outcome == Narrowed.Done && allowed.Count == 0)
        {
            return Narrowed.Nothing;
        }

        if (outcome == Narrowed.Done)
        {
            body["work_queue_names"] = new JsonArray([.. allowed.Select(queue => (JsonNode)queue.Thing.WorkQueue!)]);
        }

        return outcome;
    }

    private static async ValueTask<(Narrowed Outcome, List<PrefectListed> Allowed)> AllowedAsync(PrefectCall call, PrefectObject kind, Func<PrefectThing, bool> isMeant, CancellationToken cancellation)
    {
        var allowed = new List<PrefectListed>();
        if (await call.Engine.Listings.AllAsync(kind, cancellation) is not { } listing)
        {
            return (Narrowed.CannotAsk, allowed);
        }

        if (listing == PrefectListing.TooLong)
        {
            return (Narrowed.NotExpressible, allowed);
        }

        foreach (var item in listing.Items.Where(item => isMeant(item.Thing)))
        {
            var decision = Decide(call, item.Thing);
            if (decision == DecisionKind.CannotTell)
            {
                return (Narrowed.NotExpressible, allowed);
            }

            if (decision == DecisionKind.Allow)
            {
                allowed.Add(item);
            }
        }

        return (Narrowed.Done, allowed);
    }

    private static async ValueTask<Narrowed> OfRunsAsync(PrefectCall call, PrefectFilterBody filters, CancellationToken cancellation)
    {
        if (PrefectReachFilters.Plan(call) is { } plan)
        {
            return await plan.ApplyAsync(call, filters, cancellation);
        }

        var (outcome, kind, allowed) = await FindPivotAsync(call, (kind, filter) => Place(call.Route, kind, filter).Key is not null, cancellation);
        if (outcome != Narrowed.Done)
        {
            return outcome;
        }

        var pivot = Pivots.Single(pivot => pivot.Kind == kind);
        var (key, field) = Place(call.Route, kind, pivot.Filter);
        return filters.TryRestrict(key!, field, [.. allowed.Select(item => Value(item, pivot.Field))], pivot.Field == "id") ? Narrowed.Done : Narrowed.NotExpressible;
    }

    // What of the kind is allowed; null where that depends on something else as well.
    private static List<PrefectListed>? Allowed(PrefectCall call, Pivot pivot, PrefectListing listing)
    {
        var allowed = new List<PrefectListed>();
        foreach (var item in listing.Items)
        {
            switch (Decide(call, item.Thing with { Tells = item.Thing.Tells & pivot.Tells }))
            {
                case DecisionKind.Allow:
                    allowed.Add(item);
                    break;
                case DecisionKind.CannotTell:
                    return null;
            }
        }

        // What belongs to none of the kind isn't found by a filter on it. Where it may be allowed another kind must tell, unless this is the last that could: then less is shown than might be, never more.
        return pivot.Kind == PrefectObject.Deployment || Decide(call, new PrefectThing(true) { Tells = pivot.Tells }) == DecisionKind.Deny ? allowed : null;
    }

    // Beside the run's own filter stand those of what it belongs to; where they don't, the run's own may name its deployment.
    private static (string? Key, string Field) Place(PrefectRoute route, PrefectObject kind, PrefectFilters filter) =>
        (route.Filters & filter) != PrefectFilters.None ? (PrefectFilterNames.Of(filter).Single(), kind == PrefectObject.WorkPool ? "name" : "id")
        : kind == PrefectObject.Deployment && route.Family == PrefectFilters.FlowRuns ? (PrefectFilterNames.Of(PrefectFilters.FlowRuns).Single(), "deployment_id")
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
