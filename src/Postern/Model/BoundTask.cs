namespace Postern.Model;

/// <summary>One attempt of an activity that a token is bound to: it holds while that attempt runs, and nowhere but for that.</summary>
internal sealed record BoundTask
{
    /// <summary>Name of the engine, as configured.</summary>
    public required string Engine { get; init; }

    public required string Namespace { get; init; }

    public required string WorkflowId { get; init; }

    public required string RunId { get; init; }

    public required string ActivityId { get; init; }

    public required string ActivityType { get; init; }

    /// <summary>From 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>When the attempt began, by the engine's clock: of a reset activity the attempts are counted anew.</summary>
    public required DateTimeOffset Started { get; init; }
}
