using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// Asks the server for the names that a decision needs and a call doesn't carry: whose flow a run is of, which pool a deployment's. Each question once, however many wait for it.
/// </summary>
internal sealed class PrefectLookups(PrefectClient client, TimeProvider time)
{
    // What an id means doesn't change; the tags and the queue of a thing may.
    private static readonly TimeSpan ForAMoment = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ForAWhile = TimeSpan.FromMinutes(5);

    private readonly KnownAnswers<(PrefectObject Kind, string Id), PrefectThing> _known = new(time);

    /// <summary>What the thing is; null where the server can't be asked.</summary>
    public Task<PrefectThing?> FindAsync(PrefectObject kind, string id, CancellationToken cancellation) =>
        _known.FindAsync((kind, id), () => AskAsync(kind, id), cancellation);

    /// <summary>What the demand's thing is found by: its id, or else its name where the server has a path for it; null where nothing tells.</summary>
    public static (PrefectObject Kind, string Id)? Of(PrefectNames names) => (names.ObjectId ?? ByName(names)) is { } id && names.Object != PrefectObject.None ? (names.Object, id) : null;

    // As in the path: it stands where an id would.
    private static string? ByName(PrefectNames names)
    {
        string[]? parts = names switch
        {
            { Object: PrefectObject.Deployment, Flow: { } flow, Deployment: { } deployment } => [flow, deployment],
            { Object: PrefectObject.Variable, Variable: { } variable } => [variable],
            { Object: PrefectObject.WorkQueue, WorkQueue: { } queue } => [queue],
            _ => null,
        };
        // A name that a path can't have is nobody's.
        if (parts is null || !Array.TrueForAll(parts, IsName))
        {
            return null;
        }

        var path = new StringBuilder("name");
        foreach (var part in parts)
        {
            PrefectPath.Write(path.Append('/'), part);
        }

        return path.ToString();
    }

    /// <summary>Whether the server is asked all the same for what isn't there: it is about to be made, or the client asks in order to learn that it isn't. Nothing of it is anybody's then.</summary>
    public static bool MayBeMissing(PrefectObject kind, string id) => kind == PrefectObject.DeploymentOfFlow || IsChecksum(kind, id);

    // Whatever else the server might answer with: only the thing of that very id, or name, counts.
    private static bool Means(PrefectObject kind, string id, JsonElement answer)
    {
        if (PrefectThing.Text(answer, "id") is not { } told)
        {
            return false;
        }

        if (IsChecksum(kind, id))
        {
            return string.Equals(PrefectThing.Text(answer, "checksum"), id, StringComparison.Ordinal);
        }

        if (!id.StartsWith("name/", StringComparison.Ordinal))
        {
            return string.Equals(told, id, StringComparison.OrdinalIgnoreCase);
        }

        var name = new StringBuilder("/");
        PrefectPath.Write(name, PrefectThing.Text(answer, "name") ?? "");
        return id.EndsWith(name.ToString(), StringComparison.Ordinal);
    }

    // A schema that is meant by what it holds.
    private static bool IsChecksum(PrefectObject kind, string id) => kind == PrefectObject.BlockSchema && !Guid.TryParseExact(id, "D", out _);

    private async Task<(PrefectThing? Found, TimeSpan Keep)> AskAsync(PrefectObject kind, string id)
    {
        switch (kind)
        {
            case PrefectObject.Automation or PrefectObject.ConcurrencyLimit or PrefectObject.SavedSearch:
                return (PrefectThing.Read(kind, default), ForAWhile);
            case PrefectObject.WorkPool:
                return await AskOneAsync(kind, "/api/work_pools/filter", FilterOf(("work_pools", "id", id)), answer => Means(kind, id, answer));
            case PrefectObject.DeploymentOfFlow:
                var (flow, name) = (id[..id.IndexOf('/', StringComparison.Ordinal)], id[(id.IndexOf('/', StringComparison.Ordinal) + 1)..]);
                return await AskOneAsync(PrefectObject.Deployment, "/api/deployments/filter", FilterOf(("flows", "id", flow), ("deployments", "name", name)),
                    answer => PrefectThing.Text(answer, "name") == name && string.Equals(PrefectThing.Text(answer, "flow_id"), flow, StringComparison.OrdinalIgnoreCase));
        }

        if (PathOf(kind, id) is not { } path || await client.AskAsync(HttpMethod.Get, path, null) is not { } found)
        {
            return (null, TimeSpan.Zero);
        }

        if (found.ValueKind == JsonValueKind.Undefined)
        {
            return (PrefectThing.Missing, ForAMoment);
        }

        if (!Means(kind, id, found))
        {
            return (null, TimeSpan.Zero);
        }

        var thing = await ReadAsync(kind, found);
        return (thing, kind is PrefectObject.Flow or PrefectObject.BlockType or PrefectObject.BlockSchema ? ForAWhile : ForAMoment);
    }

    // What the server has no path for it finds by a filter.
    private async Task<(PrefectThing? Found, TimeSpan Keep)> AskOneAsync(PrefectObject kind, string path, byte[] filter, Func<JsonElement, bool> isMeant)
    {
        if (await client.AskAsync(HttpMethod.Post, path, filter) is not { ValueKind: JsonValueKind.Array } answer)
        {
            return (null, TimeSpan.Zero);
        }

        if (answer.GetArrayLength() == 0)
        {
            // It may be made at any moment.
            return (PrefectThing.Missing, TimeSpan.Zero);
        }

        return answer.GetArrayLength() == 1 && isMeant(answer[0]) ? (await ReadAsync(kind, answer[0]), ForAMoment) : (null, TimeSpan.Zero);
    }

    private static byte[] FilterOf(params ReadOnlySpan<(string Filter, string Field, string Value)> criteria)
    {
        var body = new JsonObject { ["limit"] = 2 };
        foreach (var (filter, field, value) in criteria)
        {
            body[filter] = new JsonObject { [field] = new JsonObject { ["any_"] = new JsonArray(value) } };
        }

        return JsonSerializer.SerializeToUtf8Bytes(body);
    }

    private async Task<PrefectThing?> ReadAsync(PrefectObject kind, JsonElement answer) => kind switch
    {
        PrefectObject.Deployment => await WithFlowAsync(answer, PrefectThing.Read(kind, answer)),
        PrefectObject.FlowRun => await WithDeploymentAsync(answer, PrefectThing.Read(kind, answer)),
        PrefectObject.TaskRun => await OfRunAsync(PrefectThing.Text(answer, "flow_run_id"), null, PrefectThing.OfNone(PrefectThing.TagsOf(answer))),
        PrefectObject.Artifact => await OfRunAsync(PrefectThing.Text(answer, "flow_run_id"), PrefectThing.Text(answer, "task_run_id"), PrefectThing.OfNone([])),
        // Every state is some run's: where it doesn't say whose, nobody knows.
        PrefectObject.FlowRunState or PrefectObject.TaskRunState =>
            await OfRunAsync(PrefectThing.Inner(answer, "state_details", "flow_run_id"), PrefectThing.Inner(answer, "state_details", "task_run_id"), new PrefectThing(true)),
        PrefectObject.BlockDocument or PrefectObject.BlockSchema => await WithTypeAsync(answer, PrefectThing.Read(kind, answer)),
        _ => PrefectThing.Read(kind, answer),
    };

    private async Task<PrefectThing?> WithDeploymentAsync(JsonElement run, PrefectThing thing)
    {
        if (thing.DeploymentId is { } id)
        {
            if (await FindAsync(PrefectObject.Deployment, id, CancellationToken.None) is not { } deployment)
            {
                return null;
            }

            // A deployment that was deleted leaves its runs: they belong to none from then on.
            thing = thing with { Deployment = deployment.Deployment };
        }

        return await WithFlowAsync(run, thing);
    }

    private async Task<PrefectThing?> WithFlowAsync(JsonElement answer, PrefectThing thing)
    {
        if (PrefectThing.Text(answer, "flow_id") is not { } id)
        {
            return thing;
        }

        return await FindAsync(PrefectObject.Flow, id, CancellationToken.None) is { } flow ? thing with { Flow = flow.Flow, FlowId = id } : null;
    }

    private async Task<PrefectThing?> OfRunAsync(string? flowRun, string? taskRun, PrefectThing otherwise) =>
        flowRun is not null ? await FindAsync(PrefectObject.FlowRun, flowRun, CancellationToken.None)
        : taskRun is not null ? await FindAsync(PrefectObject.TaskRun, taskRun, CancellationToken.None)
        : otherwise;

    // The server may leave out the type and say its id.
    private async Task<PrefectThing?> WithTypeAsync(JsonElement answer, PrefectThing thing)
    {
        if (thing.BlockType is not null || PrefectThing.Text(answer, "block_type_id") is not { } id)
        {
            return thing;
        }

        return await FindAsync(PrefectObject.BlockType, id, CancellationToken.None) is { } type ? thing with { BlockType = type.BlockType, Tells = thing.Tells | type.Tells } : null;
    }

    private static string? PathOf(PrefectObject kind, string id) => kind switch
    {
        PrefectObject.Flow => $"/api/flows/{id}",
        PrefectObject.FlowRun => $"/api/flow_runs/{id}",
        PrefectObject.FlowRunState => $"/api/flow_run_states/{id}",
        PrefectObject.TaskRun => $"/api/task_runs/{id}",
        PrefectObject.TaskRunState => $"/api/task_run_states/{id}",
        PrefectObject.Deployment => $"/api/deployments/{id}",
        PrefectObject.WorkQueue => $"/api/work_queues/{id}",
        PrefectObject.Variable => $"/api/variables/{id}",
        PrefectObject.BlockDocument => $"/api/block_documents/{id}",
        PrefectObject.BlockType => $"/api/block_types/{id}",
        PrefectObject.BlockSchema when IsChecksum(kind, id) => WithName("/api/block_schemas/checksum/", id),
        PrefectObject.BlockSchema => $"/api/block_schemas/{id}",
        PrefectObject.Artifact => $"/api/artifacts/{id}",
        _ => null,
    };

    private static bool IsName(string part) => part is not ("" or "." or "..") && !part.AsSpan().ContainsAny("/\\;");

    private static string? WithName(string path, string name)
    {
        if (!IsName(name))
        {
            return null;
        }

        var text = new StringBuilder(path);
        PrefectPath.Write(text, name);
        return text.ToString();
    }
}
