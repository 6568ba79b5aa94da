using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>The level that the stock server's authorizer asks for.</summary>
internal enum TemporalAccess : byte
{
    Read,
    Write,
    Admin,
}

/// <summary>Whether the stock server's authorizer looks at a namespace's permission or at the system's.</summary>
internal enum TemporalScope : byte
{
    Namespace,
    Cluster,
}

/// <summary>Who answers a call.</summary>
internal enum TemporalAnswer : byte
{
    /// <summary>The engine: the call is forwarded.</summary>
    Engine,

    /// <summary>The gate, with what the engine last said to it: the same to every caller.</summary>
    ToCallers,

    /// <summary>As <see cref="ToCallers"/>, also while a caller's credential can't be verified: SDKs don't start without it.</summary>
    ToAnybody,

    /// <summary>The gate, with those of the engine's namespaces that the caller may see.</summary>
    Namespaces,

    /// <summary>The gate, with those of the engine's Nexus endpoints that the caller may see.</summary>
    NexusEndpoints,
}

/// <summary>How the demands of a call follow from its message.</summary>
internal enum TemporalShape : byte
{
    /// <summary>One demand with the names that the message carries.</summary>
    Plain,

    /// <summary>As plain, but the message may give the namespace by its id.</summary>
    NamespaceById,

    /// <summary>As plain; an empty namespace means the whole cluster.</summary>
    NamespaceOptional,

    /// <summary>A start: what its policies may end, and eager execution, count too.</summary>
    Start,

    /// <summary>A start and a signal.</summary>
    SignalWithStart,

    /// <summary>A start and an update, in elements.</summary>
    MultiOperation,

    /// <summary>A schedule with the start that it makes.</summary>
    Schedule,

    /// <summary>A schedule set off or caught up by hand.</summary>
    SchedulePatch,

    /// <summary>A batch: what it does on workflows that only its query knows.</summary>
    Batch,

    /// <summary>A reset, and what follows it.</summary>
    Reset,

    /// <summary>A worker asks for tasks.</summary>
    Poll,

    /// <summary>A worker answers a task by its token.</summary>
    Answer,

    /// <summary>A workflow task's answer with its commands.</summary>
    WorkflowTaskAnswer,

    /// <summary>A worker tells of itself and names its queues, or doesn't.</summary>
    WorkerReport,

    /// <summary>Options of running activities, which may move them to another queue.</summary>
    ActivityOptions,

    /// <summary>Queues as a list.</summary>
    TaskQueueList,

    /// <summary>A Nexus endpoint with its target.</summary>
    NexusEndpoint,

    /// <summary>A Nexus operation that stands alone: its headers count too.</summary>
    NexusStart,

    /// <summary>Another cluster's address.</summary>
    RemoteCluster,
}

/// <summary>One method of the Temporal API: what it demands and how the stock server sees it. The table is <see cref="TemporalOperations"/>.</summary>
/// <param name="Name">The method's name without its service.</param>
/// <param name="Base">The permission that every call of it needs.</param>
/// <param name="Access">What the stock authorizer asks for.</param>
/// <param name="AuditClass">How carefully its record is kept.</param>
internal sealed record TemporalOperation(string Name, Permission Base, TemporalAccess Access, AuditClass AuditClass)
{
    /// <summary>Whose permission the stock authorizer looks at.</summary>
    public TemporalScope Scope { get; init; }

    /// <summary>True where only a binding with <c>scope: cluster</c> grants the base permission.</summary>
    public bool ClusterScope { get; init; }

    /// <summary>True where the server may hold the call open for a minute.</summary>
    public bool LongPoll { get; init; }

    /// <summary>How the demands follow from the message.</summary>
    public TemporalShape Shape { get; init; }

    /// <summary>What the permission has, the engine acts on, and the message doesn't carry.</summary>
    public Dimensions Unknown { get; init; }

    /// <summary>What was decided when the task was handed out.</summary>
    public Dimensions Waived { get; init; }

    /// <summary>Who answers it.</summary>
    public TemporalAnswer Answer { get; init; }

    /// <summary>True where every authenticated caller may make the call, unless a deny names it.</summary>
    public bool IsOpen => Answer != TemporalAnswer.Engine;

    /// <summary>True where a "no" is answered as the engine answers for a namespace that isn't there.</summary>
    public bool Hides { get; init; }

    /// <summary>The top-level field with the visibility query that says on which workflows the call acts; null where it has none, or none that can be narrowed.</summary>
    public string? Narrowed { get; init; }

    /// <summary>True for the three calls with which a worker waits for tasks.</summary>
    public bool IsTaskPoll => Shape == TemporalShape.Poll;

    /// <summary>Permissions that fields of the message may add, for the matrix.</summary>
    public IReadOnlyList<Permission> Implied { get; init; } = [];
}
