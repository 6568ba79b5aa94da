using System.Text.Json;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>What was found out about a thing on the server. Of the dimensions that it tells, a name that is null it doesn't have; of the others nothing is known.</summary>
internal sealed record PrefectThing(bool Exists)
{
    public static readonly PrefectThing Missing = new(false);

    private const Dimensions OfRun = Dimensions.WorkPool | Dimensions.WorkQueue | Dimensions.Deployment | Dimensions.Flow | Dimensions.Tag;

    /// <summary>What is known now of whatever is meant by the thing.</summary>
    public Dimensions Tells { get; init; }

    /// <summary>Whether the tags are a flow's own, which its runs and deployments needn't have.</summary>
    public bool HasFlowTags { get; init; }

    /// <summary>Of a deployment: what its runs have where they say nothing else.</summary>
    public PrefectRunDefaults? Defaults { get; init; }

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

    /// <summary>What belongs to nothing that a rule could name: a task in the background, an artifact of no run.</summary>
    public static PrefectThing OfNone(IReadOnlyList<string> tags) => new(true) { Tells = OfRun, Tags = tags };

    /// <summary>What the server's own description says of a thing by itself; whose flow or run it is besides, others say.</summary>
    public static PrefectThing Read(PrefectObject kind, JsonElement answer) => kind switch
    {
        PrefectObject.Flow => new(true) { Tells = Dimensions.Flow | Dimensions.Tag, HasFlowTags = true, Flow = Text(answer, "name"), FlowId = Text(answer, "id"), Tags = TagsOf(answer) },
        PrefectObject.Deployment => new(true)
        {
            Tells = OfRun, Deployment = Text(answer, "name"), DeploymentId = Text(answer, "id"), WorkPool = Text(answer, "work_pool_name"), WorkQueue = Text(answer, "work_queue_name"), Tags = TagsOf(answer),
            Defaults = PrefectRunDefaults.Read(answer),
        },
        PrefectObject.FlowRun => new(true)
        {
            Tells = OfRun, FlowRunId = Text(answer, "id"), WorkPool = Text(answer, "work_pool_name"), WorkQueue = Text(answer, "work_queue_name"), DeploymentId = Text(answer, "deployment_id"), Tags = TagsOf(answer),
        },
        PrefectObject.WorkPool => new(true) { Tells = Dimensions.WorkPool, WorkPool = Text(answer, "name") },
        // An older server says of a queue which pool it is in by an id alone.
        PrefectObject.WorkQueue => new(true)
        {
            Tells = Dimensions.WorkQueue | (Text(answer, "work_pool_name") is null && Text(answer, "work_pool_id") is not null ? Dimensions.None : Dimensions.WorkPool),
            WorkPool = Text(answer, "work_pool_name"), WorkQueue = Text(answer, "name"),
        },
        PrefectObject.Variable => new(true) { Tells = Dimensions.Variable | Dimensions.Tag, Variable = Text(answer, "name"), Tags = TagsOf(answer) },
        PrefectObject.BlockDocument => OfType(answer, Dimensions.Block) with { Block = Text(answer, "name") },
        PrefectObject.BlockType => new(true) { Tells = Dimensions.BlockType, BlockType = Text(answer, "slug") },
        PrefectObject.BlockSchema => OfType(answer, Dimensions.None),
        // Nothing of it is a rule's to name, and what it does to other things isn't known.
        _ => new(true),
    };

    // What has a type always has one: where the answer doesn't say which, it isn't known.
    private static PrefectThing OfType(JsonElement answer, Dimensions besides) =>
        Inner(answer, "block_type", "slug") is { } slug ? new(true) { Tells = besides | Dimensions.BlockType, BlockType = slug } : new(true) { Tells = besides };

    public static string? Inner(JsonElement from, string outer, string name) => from.TryGetProperty(outer, out var inner) && inner.ValueKind == JsonValueKind.Object ? Text(inner, name) : null;

    public static string? Text(JsonElement from, string name) =>
        from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public static IReadOnlyList<string> TagsOf(JsonElement from) =>
        from.TryGetProperty("tags", out var tags) && tags.ValueKind == JsonValueKind.Array
            ? [.. tags.EnumerateArray().Where(tag => tag.ValueKind == JsonValueKind.String).Select(tag => tag.GetString()!)]
            : [];
}
