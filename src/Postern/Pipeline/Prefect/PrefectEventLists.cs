using System.Text.Json.Nodes;
using Postern.Engines.Prefect;
using Postern.Model;
using Postern.Policy;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// Lists of events and of lines of logs. Their filters know ids alone: what the client asks for is judged one by one, and where he asks for all events they are narrowed to what is related to
/// what he may see.
/// </summary>
internal static class PrefectEventLists
{
    private const int MostAsked = 200;

    // Events of a deployment are those of its runs too, each of which may have other tags and another queue.
    private const Dimensions OfEachRun = Dimensions.WorkQueue | Dimensions.Tag;

    /// <summary>The client names runs himself: each is judged.</summary>
    public static async ValueTask<Narrowed> OfLogsAsync(PrefectCall call, PrefectFilterBody filters, CancellationToken cancellation)
    {
        var (ids, kind) = filters.Asked("logs", "flow_run_id", "any_") is { } runs ? (runs, PrefectObject.FlowRun) : (filters.Asked("logs", "task_run_id", "any_"), PrefectObject.TaskRun);
        if (ids is null || ids.Count > MostAsked)
        {
            return Narrowed.NotExpressible;
        }

        foreach (var text in ids)
        {
            if (!Guid.TryParse(text, out var id))
            {
                return Narrowed.NotExpressible;
            }

            if (await JudgeAsync(call, kind, id.ToString(), cancellation) is var judged and not Narrowed.Done)
            {
                return judged;
            }
        }

        return Narrowed.Done;
    }

    /// <summary>Events are of many kinds of things, and name each by its kind and id.</summary>
    public static async ValueTask<Narrowed> NarrowAsync(PrefectCall call, PrefectFilterBody filters, CancellationToken cancellation)
    {
        if (ResourceOf(filters) is not { } resource)
        {
            return Narrowed.NotExpressible;
        }

        if (resource["id"] is JsonArray { Count: > 0 } asked)
        {
            return await JudgeAsync(call, asked, cancellation);
        }

        var (outcome, kind, allowed) = await PrefectNarrowing.FindPivotAsync(call, (_, _) => true, cancellation);
        if (outcome == Narrowed.Done)
        {
            resource["id"] = new JsonArray([.. allowed.Select(item => item.Id).DefaultIfEmpty(Guid.Empty.ToString()).Select(id => (JsonNode)PrefectResources.Write(kind, id))]);
        }

        return outcome;
    }

    /// <summary>The next page says in its token what it is a page of, and anybody could write one: it is judged as a first page would be, and can't be changed.</summary>
    public static async ValueTask<Narrowed> JudgePageAsync(PrefectCall call, CancellationToken cancellation)
    {
        if (!PrefectPageToken.TryRead(call.Path.Query, out var page))
        {
            return Narrowed.NotExpressible;
        }

        using (page)
        {
            return JsonObject.Create(page!.RootElement) is { } token && ResourceOf(new PrefectFilterBody(token)) is { } resource && resource["id"] is JsonArray { Count: > 0 } asked
                ? await JudgeAsync(call, asked, cancellation)
                : Narrowed.NotExpressible;
        }
    }

    // Nothing in it but ids, which say what is meant, and labels, which narrow them.
    private static JsonObject? ResourceOf(PrefectFilterBody filters) =>
        filters.In("filter", "any_resource") is { } resource && !resource.Any(entry => entry.Key is not ("id" or "labels") && entry.Value is not null) ? resource : null;

    private static async ValueTask<Narrowed> JudgeAsync(PrefectCall call, JsonArray asked, CancellationToken cancellation)
    {
        if (asked.Count > MostAsked)
        {
            return Narrowed.NotExpressible;
        }

        foreach (var item in asked)
        {
            if (item is not JsonValue value || !value.TryGetValue<string>(out var text) || PrefectResources.Read(text) is not var (kind, id))
            {
                return Narrowed.NotExpressible;
            }

            if (await JudgeAsync(call, kind, id, cancellation) is var judged and not Narrowed.Done)
            {
                return judged;
            }
        }

        return Narrowed.Done;
    }

    private static async ValueTask<Narrowed> JudgeAsync(PrefectCall call, PrefectObject kind, string id, CancellationToken cancellation)
    {
        if (await call.Engine.Lookups.FindAsync(kind, id, cancellation) is not { } thing)
        {
            return Narrowed.CannotAsk;
        }

        if (kind == PrefectObject.Deployment)
        {
            thing = thing with { Tells = thing.Tells & ~OfEachRun };
        }

        return thing.Exists && PrefectNarrowing.Decide(call, thing) == DecisionKind.Allow ? Narrowed.Done : Narrowed.Nothing;
    }
}
