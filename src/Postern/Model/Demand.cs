namespace Postern.Model;

/// <summary>
/// One thing that a call asks for: a permission on named resources. A call with nested parts makes several demands, and is allowed only when each is.
/// A null name means that the call doesn't carry that dimension; <see cref="Unknown"/> says which of those the engine nevertheless acts on.
/// </summary>
internal readonly record struct Demand
{
    public required Permission Permission { get; init; }

    /// <summary>True where the permission acts on the whole cluster and only a binding with <c>scope: cluster</c> grants it.</summary>
    public bool ClusterScope { get; init; }

    public string? Namespace { get; init; }

    /// <summary>The id by which the message names the namespace, whose name has to be looked up; null where it says the name.</summary>
    public string? NamespaceId { get; init; }

    public string? TaskQueue { get; init; }
    public string? WorkflowType { get; init; }
    public string? WorkflowId { get; init; }
    public string? Signal { get; init; }
    public string? Update { get; init; }
    public string? Query { get; init; }
    public string? NexusEndpoint { get; init; }
    public string? NexusService { get; init; }
    public string? NexusOperation { get; init; }
    public string? ScheduleId { get; init; }
    public string? ActivityType { get; init; }
    public string? ActivityId { get; init; }

    /// <summary>The names of a Prefect call; null for a call of another engine.</summary>
    public PrefectNames? Prefect { get; init; }

    /// <summary>
    /// The run of the workflow, where the call names several workflows; empty where it doesn't say which run it means. Null where there is one workflow at most:
    /// the operation has its run.
    /// </summary>
    public string? RunId { get; init; }

    /// <summary>
    /// Dimensions that the permission has, that the message doesn't carry, and that would have to be looked up (Terminate names an id, not a type).
    /// A rule conditioned on one of them can't be decided here: the answer is can't-tell, never allow.
    /// </summary>
    public Dimensions Unknown { get; init; }

    /// <summary>
    /// Dimensions that the engine's own shape keeps out of this call although the right to it was decided when the task was handed out
    /// (an answer to a task names no task queue). A condition on one of them counts as met.
    /// </summary>
    public Dimensions Waived { get; init; }

    /// <summary>
    /// True where another of the call's permissions covers it, so that it needs no binding of its own but no deny may name it: what a worker's answer commands in its
    /// own namespace falls under <c>worker.complete</c>.
    /// </summary>
    public bool UnlessDenied { get; init; }

    /// <summary>Which kind of command inside a worker's answer makes it, in the engine's own numbers; 0 where the call itself does.</summary>
    public byte Command { get; init; }
}

/// <summary>The part of a decision's input that is neither caller nor message.</summary>
internal readonly record struct Circumstances(System.Net.IPAddress? Source, DateTimeOffset Now);
