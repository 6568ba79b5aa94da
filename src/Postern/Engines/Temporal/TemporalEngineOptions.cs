using Postern.Configuration;

namespace Postern.Engines.Temporal;

/// <summary>One Temporal cluster behind the gate.</summary>
internal sealed record TemporalEngineOptions
{
    /// <summary>Name in audit, metrics and logs. Required, unique.</summary>
    [Required("main")]
    public string Name { get; init; } = "";

    /// <summary>Frontend addresses, <c>host:port</c>. A name with several addresses: all are used, re-resolved every 30 s. Required.</summary>
    [Required("[temporal-frontend:7233]")]
    public IReadOnlyList<string> Addresses { get; init; } = [];

    /// <summary>Host names (<c>:authority</c>) that select this engine. Required for all but one where several are configured.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    /// <summary>TLS towards the frontend. Default: clear text.</summary>
    public UpstreamTlsOptions? Tls { get; init; }

    /// <summary>What the gate presents to the frontend. Required: exactly one kind.</summary>
    [Required("{ mint: { audience: temporal } }")]
    public TemporalCredentialOptions Credential { get; init; } = new();

    /// <summary>What is written into messages of the verified caller.</summary>
    public TemporalIdentityOptions Identity { get; init; } = new();

    /// <summary>
    /// Addresses beside <c>temporal://system</c> that the server may call when what a client started has ended (<c>completion_callbacks</c>): <c>https://hooks.example.com/temporal/*</c>. The star
    /// stands in the path only. The caller needs <c>nexus.call</c>; any other address needs <c>cluster.admin</c>. The server has an allow-list of its own. Default: none.
    /// </summary>
    public IReadOnlyList<string> CompletionCallbacks { get; init; } = [];

    /// <summary>
    /// Whether a worker may answer tasks that weren't handed out by a gate with these keys: for the hour in which the gate is put in front of workers that run.
    /// Which queue such a task is of can't be known, so a condition on the task queue counts as met. Default false: such answers are refused.
    /// </summary>
    public bool AcceptUnsealedTasks { get; init; }

    /// <summary>File with a newer API's descriptor set (<c>.binpb</c>); its rows stand beside it in <c>temporal-operations.yaml</c>. Default: the built-in one.</summary>
    [Path]
    public string? Descriptors { get; init; }

    /// <summary>Connections per resolved address. Default 4; 1 to 64.</summary>
    [Between("1", "64")]
    public int ConnectionsPerAddress { get; init; } = 4;
}

/// <summary>What the gate presents upstream: exactly one member is set.</summary>
[OneWord(nameof(None))]
internal sealed record TemporalCredentialOptions
{
    /// <summary>A JWT that the gate mints per caller and grant.</summary>
    public MintOptions? Mint { get; init; }

    /// <summary>A static bearer token.</summary>
    public Secret? Bearer { get; init; }

    /// <summary>No credential in the call; where <see cref="UpstreamTlsOptions.Certificate"/> is set, that is the credential.</summary>
    public bool None { get; init; }
}

/// <summary>The minted JWT.</summary>
internal sealed record MintOptions
{
    /// <summary>The <c>aud</c> claim; the server's <c>audience</c>. Required.</summary>
    [Required("temporal")]
    public string Audience { get; init; } = "";

    /// <summary>Life of a minted token. Default 10m; 2m to 1h: the server has no clock leeway.</summary>
    [Between("2m", "1h")]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(10);
}

/// <summary>What is stamped.</summary>
internal sealed record TemporalIdentityOptions
{
    /// <summary>Whether the caller's name overrides <c>identity</c> in client calls. Default true.</summary>
    public bool Stamp { get; init; } = true;

    /// <summary>
    /// Which calls carry a signed assertion of the caller, for workflow and activity code to read (docs/caller-assertion.md): <c>starts</c> (default) of workflows, with or without a signal or an
    /// update; <c>writes</c>, also signals, updates, schedules and standalone activities; <c>off</c>. An assertion takes about 700 bytes of each workflow's history.
    /// </summary>
    public TemporalAssertion Assertion { get; init; } = TemporalAssertion.Starts;

    /// <summary>
    /// How long after its call an assertion is valid: for workflow code by the time at which its workflow was started, for activities by the clock, so that it should be longer than a
    /// workflow runs. Default 30d; 1m to 400d. A schedule's is valid for 400 days, since it reaches whatever the schedule starts.
    /// </summary>
    [Between("1m", "400d")]
    public TimeSpan AssertionLifetime { get; init; } = TimeSpan.FromDays(30);
}

/// <summary>Which calls carry an assertion of their caller.</summary>
internal enum TemporalAssertion { Off, Starts, Writes }
