using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Services;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Sdk.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>How a run begins: what its first event says, and what a later run of the same chain inherits.</summary>
internal sealed record RunStart
{
    public required NamespaceEntry Namespace { get; init; }

    public required string WorkflowId { get; init; }

    public required string RunId { get; init; }

    public required string Type { get; init; }

    public required string TaskQueue { get; init; }

    public Payloads? Input { get; init; }

    public Header? Header { get; init; }

    public Memo? Memo { get; init; }

    public SearchAttributes? SearchAttributes { get; init; }

    public UserMetadata? UserMetadata { get; init; }

    public Priority? Priority { get; init; }

    public Duration? ExecutionTimeout { get; init; }

    public Duration? RunTimeout { get; init; }

    public TimeSpan TaskTimeout { get; init; } = TimeSpan.FromSeconds(10);

    public RetryPolicy? RetryPolicy { get; init; }

    public string Cron { get; init; } = "";

    public string Identity { get; init; } = "";

    public string RequestId { get; init; } = "";

    public int Attempt { get; init; } = 1;

    /// <summary>First run of the chain of retries, crons and continuations.</summary>
    public string FirstRunId { get; init; } = "";

    /// <summary>The run that this one was reset from, or itself.</summary>
    public string OriginalRunId { get; init; } = "";

    public string ContinuedRunId { get; init; } = "";

    public ContinueAsNewInitiator Initiator { get; init; }

    public Failure? ContinuedFailure { get; init; }

    public Payloads? LastResult { get; init; }

    public TimeSpan Backoff { get; init; }

    public DateTimeOffset? ExecutionExpiration { get; init; }

    /// <summary>When the chain's first run started.</summary>
    public DateTimeOffset? ChainStart { get; init; }

    public ParentLink? Parent { get; init; }

    public WorkflowExecution? Root { get; init; }

    public bool EagerAccepted { get; init; }

    /// <summary>Who is told of the end.</summary>
    public IReadOnlyList<Callback> Callbacks { get; init; } = [];

    /// <summary>What the start came from.</summary>
    public IReadOnlyList<Link> Links { get; init; } = [];
}

/// <summary>Whose child a run is.</summary>
internal sealed record ParentLink(WorkflowRun Run, long InitiatedEventId);
