namespace Postern.Client;

/// <summary>Who made a call, as the gate verified it.</summary>
public sealed record VerifiedCaller
{
    /// <summary>The caller's one name, as in the gate's policy and audit log: <c>okta/alice@example.com</c>.</summary>
    public required string Name { get; init; }

    /// <summary><c>human</c>, <c>service</c> or <c>agent</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Who acted for the caller, outermost first; empty where nobody did.</summary>
    public IReadOnlyList<string> Actors { get; init; } = [];

    /// <summary>The call: <c>StartWorkflowExecution</c>.</summary>
    public required string Method { get; init; }

    /// <summary>The namespace in which it was made.</summary>
    public required string Namespace { get; init; }

    /// <summary>The workflow that it named; of a schedule, what its workflows' ids begin with; null for a standalone activity.</summary>
    public string? WorkflowId { get; init; }

    /// <summary>The schedule that it wrote; null for any other call.</summary>
    public string? ScheduleId { get; init; }

    /// <summary>The standalone activity that it started; null for any other call.</summary>
    public string? ActivityId { get; init; }

    /// <summary>The call's id in the gate's audit log.</summary>
    public required string CallId { get; init; }

    /// <summary>When it was made, by the gate's clock.</summary>
    public required DateTimeOffset CalledAt { get; init; }

    /// <summary>True where the call was made on an ancestor: the caller started the workflow that started this one.</summary>
    public bool IsInherited { get; init; }
}
