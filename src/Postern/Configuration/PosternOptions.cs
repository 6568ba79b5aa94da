using Postern.Audit;
using Postern.Engines.Prefect;
using Postern.Engines.Temporal;
using Postern.Hosting;
using Postern.Identity;
using Postern.Storage;
using Postern.Tokens;

namespace Postern.Configuration;

/// <summary>The whole of <c>postern.yaml</c>, as written. The root composes the rooms' options and checks what crosses them.</summary>
internal sealed record PosternOptions
{
    /// <summary>Public listeners. Required: at least one.</summary>
    [Required("[{ address: 0.0.0.0:7233, tls: { certificate: tls.crt, key: tls.key } }]")]
    public IReadOnlyList<ListenOptions> Listen { get; init; } = [];

    /// <summary>Health, readiness, metrics, reload, and the management API. Default 127.0.0.1:7239.</summary>
    public AdminOptions Admin { get; init; } = new();

    /// <summary>Listener for public keys only. Default: none, the keys are then served on the admin listener.</summary>
    public KeysOptions? Keys { get; init; }

    /// <summary>Networks (CIDR) whose <c>X-Forwarded-For</c> counts. Default: nobody's.</summary>
    public IReadOnlyList<string> TrustedProxies { get; init; } = [];

    /// <summary>Folder for signing keys and the store. Required.</summary>
    [Required("/var/lib/postern"), Path(PathKind.Folder)]
    public string Data { get; init; } = "";

    /// <summary>Where accounts, keys, sessions and revocations are kept. Default: SQLite in the data folder. Restart-only.</summary>
    public StorageOptions Storage { get; init; } = new();

    /// <summary>What stands behind the gate. Required: at least one.</summary>
    [Required("{ temporal: [{ name: main, addresses: [temporal-frontend:7233], credential: { mint: { audience: temporal } } }] }")]
    public EnginesOptions Engines { get; init; } = new();

    /// <summary>Who is trusted to say who is calling. Required: at least one source.</summary>
    public IdentityOptions Identity { get; init; } = new();

    /// <summary>The gate's own token endpoint (OAuth 2.0), on every public listener. Default: none.</summary>
    public TokensOptions? Tokens { get; init; }

    /// <summary>Policy files or folders (every <c>*.yaml</c> in them, in name order). Required: at least one.</summary>
    [Required("[policy.yaml]"), Path(PathKind.FileOrFolder)]
    public IReadOnlyList<string> Policy { get; init; } = [];

    /// <summary>The record of every call.</summary>
    public AuditOptions Audit { get; init; } = new();

    /// <summary>Sizes and counts that bound one caller's cost.</summary>
    public LimitsOptions Limits { get; init; } = new();

    /// <summary>Shutdown. Restart-only.</summary>
    public ShutdownOptions Shutdown { get; init; } = new();
}

/// <summary>Engines by kind.</summary>
internal sealed record EnginesOptions
{
    /// <summary>Temporal clusters. One gate listener serves one cluster by default; several are told apart by host name.</summary>
    public IReadOnlyList<TemporalEngineOptions> Temporal { get; init; } = [];

    /// <summary>Prefect servers. One that lists no hosts takes every HTTP call that isn't for another engine; several are told apart by host name.</summary>
    public IReadOnlyList<PrefectEngineOptions> Prefect { get; init; } = [];
}
