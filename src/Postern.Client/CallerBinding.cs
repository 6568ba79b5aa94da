namespace Postern.Client;

/// <summary>
/// Where an assertion was found: it proves something there alone. Take the values from the SDK's workflow or activity information, never from a message.
/// </summary>
public sealed record CallerBinding
{
    /// <summary>The namespace of the workflow or standalone activity. Required.</summary>
    public required string Namespace { get; init; }

    /// <summary>The workflow's id; in an activity its workflow's. Null for a standalone activity.</summary>
    public string? WorkflowId { get; init; }

    /// <summary>A standalone activity's id; null anywhere else.</summary>
    public string? ActivityId { get; init; }

    /// <summary>
    /// Workflows whose caller counts here too, nearest first: a child's parent and root. Default: none, so that a caller handed on by a parent isn't one.
    /// </summary>
    public IReadOnlyList<WorkflowName> Ancestors { get; init; } = [];

    /// <summary>
    /// When the call happened that the assertion tells of, as the engine recorded it: the workflow's start time (of its first run), for a signal the workflow's time at its arrival. The assertion must be
    /// valid then, not now: who started a workflow stays the same for as long as it runs. Null: now, for what was only just received.
    /// </summary>
    public DateTimeOffset? At { get; init; }
}

/// <summary>One workflow by its namespace and id.</summary>
/// <param name="Namespace">Its namespace.</param>
/// <param name="WorkflowId">Its id.</param>
public readonly record struct WorkflowName(string Namespace, string WorkflowId);
