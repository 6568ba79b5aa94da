using Postern.Pipeline.Prefect;

namespace Postern.Pipeline;

/// <summary>The stages, made once, and the state that calls take at their start.</summary>
internal sealed class GateStages(RouteStage route, AuthenticateStage authenticate, ReadStage read, AuthorizeStage authorize, ForwardStage forward)
{
    private GateState? _state;

    public RouteStage Route => route;

    public AuthenticateStage Authenticate => authenticate;

    public ReadStage Read => read;

    public BoundTaskStage BoundTask { get; } = new();

    public AuthorizeStage Authorize => authorize;

    public required LimitStage Limit { get; init; }

    public StampStage Stamp { get; } = new();

    public AttachStage Attach { get; } = new();

    public required AuditStage Audit { get; init; }

    public ForwardStage Forward => forward;

    /// <summary>Behind the refusal of a command.</summary>
    public required FailedTaskStage FailedTask { get; init; }

    /// <summary>In Forward's place, for what the gate answers itself.</summary>
    public AnswerStage Answer { get; } = new();

    /// <summary>The path of HTTP calls to a Prefect server.</summary>
    public required PrefectPipeline Prefect { get; init; }

    public required HealthService Health { get; init; }

    /// <summary>What a call that begins now sees.</summary>
    public GateState State => Volatile.Read(ref _state) ?? throw new InvalidOperationException("The gate was asked before it had a state.");

    public void Swap(GateState state) => Volatile.Write(ref _state, state);
}
