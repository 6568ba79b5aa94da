using System.Numerics;

namespace Postern.Model;

/// <summary>The written names of dimensions, and the way from a dimension to the name that a demand carries.</summary>
internal static class DimensionNames
{
    private static readonly (Dimensions Dimension, string Name, string Words)[] Table =
    [
        (Dimensions.Namespace, "namespace", "the namespace"),
        (Dimensions.TaskQueue, "taskQueue", "the task queue"),
        (Dimensions.WorkflowType, "workflowType", "the workflow type"),
        (Dimensions.WorkflowId, "workflowId", "the workflow id"),
        (Dimensions.Signal, "signal", "the signal's name"),
        (Dimensions.Update, "update", "the update's name"),
        (Dimensions.Query, "query", "the query's name"),
        (Dimensions.NexusEndpoint, "nexusEndpoint", "the Nexus endpoint"),
        (Dimensions.NexusService, "nexusService", "the Nexus service"),
        (Dimensions.NexusOperation, "nexusOperation", "the Nexus operation"),
        (Dimensions.ScheduleId, "schedule", "the schedule id"),
        (Dimensions.ActivityType, "activityType", "the activity type"),
        (Dimensions.ActivityId, "activityId", "the activity id"),
        (Dimensions.Server, "prefect", "the Prefect server"),
        (Dimensions.WorkPool, "workPool", "the work pool"),
        (Dimensions.WorkQueue, "workQueue", "the work queue"),
        (Dimensions.Deployment, "deployment", "the deployment"),
        (Dimensions.Flow, "flow", "the flow"),
        (Dimensions.Tag, "tag", "the tags"),
        (Dimensions.Variable, "variable", "the variable"),
        (Dimensions.BlockType, "blockType", "the block type"),
        (Dimensions.Block, "block", "the block"),
    ];

    /// <summary>Every dimension, in the order of the enum.</summary>
    public static IReadOnlyList<Dimensions> All { get; } = [.. Table.Select(t => t.Dimension)];

    /// <summary>A single dimension as policies and tests write it: <c>taskQueue</c>.</summary>
    public static string Name(this Dimensions dimension) => Table[Index(dimension)].Name;

    /// <summary>A single dimension in a sentence: <c>the task queue</c>.</summary>
    public static string Words(this Dimensions dimension) => Table[Index(dimension)].Words;

    public static bool TryParse(string name, out Dimensions dimension)
    {
        dimension = Table.FirstOrDefault(t => t.Name == name).Dimension;
        return dimension != Dimensions.None;
    }

    /// <summary>The single dimensions of a set, in order.</summary>
    public static IEnumerable<Dimensions> Each(this Dimensions set) => Table.Select(t => t.Dimension).Where(d => (set & d) != Dimensions.None);

    /// <summary>The place of a single dimension in <see cref="All"/>.</summary>
    public static int Index(this Dimensions dimension) => BitOperations.TrailingZeroCount((uint)dimension);

    /// <summary>The name that the demand carries in one dimension, as people read it: tags one after the other.</summary>
    public static string? ShownIn(this in Demand demand, Dimensions dimension) => demand.NameIn(dimension) is not { } name ? null
        : dimension != Dimensions.Tag ? name
        : PrefectNames.ReadTags(name) is { Length: > 0 } tags ? string.Join(", ", tags) : "none";

    /// <summary>The name that the demand carries in one dimension, or null.</summary>
    public static string? NameIn(this in Demand demand, Dimensions dimension) => dimension switch
    {
        Dimensions.Namespace => demand.Namespace,
        Dimensions.TaskQueue => demand.TaskQueue,
        Dimensions.WorkflowType => demand.WorkflowType,
        Dimensions.WorkflowId => demand.WorkflowId,
        Dimensions.Signal => demand.Signal,
        Dimensions.Update => demand.Update,
        Dimensions.Query => demand.Query,
        Dimensions.NexusEndpoint => demand.NexusEndpoint,
        Dimensions.NexusService => demand.NexusService,
        Dimensions.NexusOperation => demand.NexusOperation,
        Dimensions.ScheduleId => demand.ScheduleId,
        Dimensions.ActivityType => demand.ActivityType,
        Dimensions.ActivityId => demand.ActivityId,
        _ => demand.Prefect?.NameIn(dimension),
    };

    /// <summary>The same demand with another name in one dimension.</summary>
    public static Demand WithName(this in Demand demand, Dimensions dimension, string? name) => dimension switch
    {
        Dimensions.Namespace => demand with { Namespace = name },
        Dimensions.TaskQueue => demand with { TaskQueue = name },
        Dimensions.WorkflowType => demand with { WorkflowType = name },
        Dimensions.WorkflowId => demand with { WorkflowId = name },
        Dimensions.Signal => demand with { Signal = name },
        Dimensions.Update => demand with { Update = name },
        Dimensions.Query => demand with { Query = name },
        Dimensions.NexusEndpoint => demand with { NexusEndpoint = name },
        Dimensions.NexusService => demand with { NexusService = name },
        Dimensions.NexusOperation => demand with { NexusOperation = name },
        Dimensions.ScheduleId => demand with { ScheduleId = name },
        Dimensions.ActivityType => demand with { ActivityType = name },
        Dimensions.ActivityId => demand with { ActivityId = name },
        >= Dimensions.Server and <= Dimensions.Block => demand with { Prefect = (demand.Prefect ?? PrefectNames.None).WithName(dimension, name) },
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "Not a single dimension."),
    };
}
