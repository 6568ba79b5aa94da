using System.Text;
using System.Text.Json;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>What was found out about a thing on the server. A name that is null it doesn't have.</summary>
internal sealed record PrefectThing(bool Exists)
{
    public static readonly PrefectThing Missing = new(false);

    public string? Flow { get; init; }

    public string? FlowId { get; init; }

    public string? Deployment { get; init; }

    public string? DeploymentId { get; init; }

    public string? FlowRunId { get; init; }

    public string? WorkPool { get; init; }

    public string? WorkQueue { get; init; }

    public string? Variable { get; init; }

    public string? BlockType { get; init; }

    public string? Block { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>What the server's own description says of a thing by itself; whose flow or run it is besides, others say.</summary>
    public static PrefectThing Read(PrefectObject kind, JsonElement answer) => kind switch
    {
        PrefectObject.Flow => new(true) { Flow = Text(answer, "name"), FlowId = Text(answer, "id"), Tags = TagsOf(answer) },
        PrefectObject.Deployment => new(true)
        {
            Deployment = Text(answer, "name"), DeploymentId = Text(answer, "id"), WorkPool = Text(answer, "work_pool_name"), WorkQueue = Text(answer, "work_queue_name"), Tags = TagsOf(answer),
        },
        PrefectObject.FlowRun => new(true)
        {
            FlowRunId = Text(answer, "id"), WorkPool = Text(answer, "work_pool_name"), WorkQueue = Text(answer, "work_queue_name"), DeploymentId = Text(answer, "deployment_id"), Tags = TagsOf(answer),
        },
        PrefectObject.WorkPool => new(true) { WorkPool = Text(answer, "name") },
        PrefectObject.WorkQueue => new(true) { WorkPool = Text(answer, "work_pool_name"), WorkQueue = Text(answer, "name") },
        PrefectObject.Variable => new(true) { Variable = Text(answer, "name"), Tags = TagsOf(answer) },
        PrefectObject.BlockDocument => new(true) { Block = Text(answer, "name"), BlockType = Inner(answer, "block_type", "slug") },
        PrefectObject.BlockType => new(true) { BlockType = Text(answer, "slug") },
        PrefectObject.BlockSchema => new(true) { BlockType = Inner(answer, "block_type", "slug") },
        _ => new(true),
    };

    public static string? Inner(JsonElement from, string outer, string name) => from.TryGetProperty(outer, out var inner) && inner.ValueKind == JsonValueKind.Object ? Text(inner, name) : null;

    public static string? Text(JsonElement from, string name) =>
        from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static IReadOnlyList<string> TagsOf(JsonElement from) =>
        from.TryGetProperty("tags", out var tags) && tags.ValueKind == JsonValueKind.Array
            ? [.. tags.EnumerateArray().Where(tag => tag.ValueKind == JsonValueKind.String).Select(tag => tag.GetString()!)]
            : [];
}

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
        if (parts is null || Array.Exists(parts, part => part is "" or "." or ".." || part.AsSpan().ContainsAny("/\\;")))
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

    // Whatever else the server might answer with: only the thing of that very id, or name, counts.
    private static bool Means(string id, JsonElement answer)
    {
        if (PrefectThing.Text(answer, "id") is not { } told)
        {
            return false;
        }

        if (!id.StartsWith("name/", StringComparison.Ordinal))
        {
            return string.Equals(told, id, StringComparison.OrdinalIgnoreCase);
        }

        var name = new StringBuilder("/");
        PrefectPath.Write(name, PrefectThing.Text(answer, "name") ?? "");
        return id.EndsWith(name.ToString(), StringComparison.Ordinal);
    }

    private async Task<(PrefectThing? Found, TimeSpan Keep)> AskAsync(PrefectObject kind, string id)
    {
        if (kind == PrefectObject.DeploymentOfFlow)
        {
            return (await OfFlowAsync(id), TimeSpan.Zero);
        }

        if (PathOf(kind, id) is not { } path || await client.AskAsync(HttpMethod.Get, path, null) is not { } answer)
        {
            return (null, TimeSpan.Zero);
        }

        if (answer.ValueKind == JsonValueKind.Undefined)
        {
            return (PrefectThing.Missing, ForAMoment);
        }

        if (!Means(id, answer))
        {
            return (null, TimeSpan.Zero);
        }

        var thing = await ReadAsync(kind, answer);
        return (thing, kind is PrefectObject.Flow or PrefectObject.BlockType or PrefectObject.BlockSchema ? ForAWhile : ForAMoment);
    }

    // The flow's id, a slash, the deployment's name.
    private async Task<PrefectThing?> OfFlowAsync(string id)
    {
        var slash = id.IndexOf('/', StringComparison.Ordinal);
        var flow = await FindAsync(PrefectObject.Flow, id[..slash], CancellationToken.None);
        return flow is not { Exists: true } ? flow
            : ByName(new PrefectNames { Object = PrefectObject.Deployment, Flow = flow.Flow, Deployment = id[(slash + 1)..] }) is { } name
                ? await FindAsync(PrefectObject.Deployment, name, CancellationToken.None)
            : null;
    }

    private async Task<PrefectThing?> ReadAsync(PrefectObject kind, JsonElement answer)
    {
        switch (kind)
        {
            case PrefectObject.Deployment:
                return await WithFlowAsync(answer, PrefectThing.Read(kind, answer));
            case PrefectObject.FlowRun:
                return await WithDeploymentAsync(answer, PrefectThing.Read(kind, answer));
            case PrefectObject.TaskRun or PrefectObject.Artifact:
                return await OfFlowRunAsync(PrefectThing.Text(answer, "flow_run_id"));
            case PrefectObject.FlowRunState or PrefectObject.TaskRunState:
                return await OfFlowRunAsync(PrefectThing.Inner(answer, "state_details", "flow_run_id"));
            default:
                return PrefectThing.Read(kind, answer);
        }
    }

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

    // Without a run it belongs to nothing that has a name: a rule that asks for one doesn't match.
    private async Task<PrefectThing?> OfFlowRunAsync(string? id) => id is null ? new PrefectThing(true) : await FindAsync(PrefectObject.FlowRun, id, CancellationToken.None);

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
        PrefectObject.BlockSchema => $"/api/block_schemas/{id}",
        PrefectObject.Artifact => $"/api/artifacts/{id}",
        _ => null,
    };
}
