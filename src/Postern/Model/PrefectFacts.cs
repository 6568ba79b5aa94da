namespace Postern.Model;

/// <summary>What the record of a Prefect call says of it, besides what every record says. No value of a parameter, no secret.</summary>
internal sealed class PrefectFacts
{
    public string? WorkPool { get; set; }

    public string? WorkQueue { get; set; }

    public string? Deployment { get; set; }

    public string? DeploymentId { get; set; }

    public string? Flow { get; set; }

    public string? FlowId { get; set; }

    /// <summary>The run that the call is about: as it names it, or as the answer to it does. Several are comma-separated.</summary>
    public string? FlowRunId { get; set; }

    public string? FlowRunName { get; set; }

    public string? TaskRunId { get; set; }

    /// <summary>Names of the parameters that a run was given, comma-separated.</summary>
    public string? Parameters { get; set; }

    /// <summary>The state that was asked for: <c>CANCELLING</c>.</summary>
    public string? State { get; set; }

    /// <summary>What the server made of it: ACCEPT, REJECT, ABORT, WAIT. It says 200 to all of them.</summary>
    public string? StateStatus { get; set; }

    /// <summary>The worker by the name that it gives itself.</summary>
    public string? Worker { get; set; }

    /// <summary>What else the call is about by the id that it carries: <c>automation 3f…</c>.</summary>
    public string? Object { get; set; }
}
