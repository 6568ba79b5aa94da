using System.Net;
using Temporalio.Api.Enums.V1;

namespace Postern.Dev.Engine;

/// <summary>How the embedded engine runs. Everything has a default that works on a developer's machine.</summary>
internal sealed record DevEngineOptions
{
    /// <summary>Where it listens, clear text HTTP/2. Default: a free port on loopback.</summary>
    public IPEndPoint Endpoint { get; init; } = new(IPAddress.Loopback, 0);

    /// <summary>Namespaces that exist from the start.</summary>
    public IReadOnlyList<string> Namespaces { get; init; } = ["default", "payments", "payroll", "reports"];

    /// <summary>Search attributes that every namespace knows from the start, besides the system's own.</summary>
    public IReadOnlyDictionary<string, IndexedValueType> SearchAttributes { get; init; } = new Dictionary<string, IndexedValueType>(StringComparer.Ordinal);

    /// <summary>Who may call. Null (default): everyone, without a token.</summary>
    public DevEngineAuthorization? Authorization { get; init; }

    /// <summary>Age at which a connection is told to go away (GOAWAY; open calls end in peace). Null (default): never. The server's own value is 5 minutes ± 10 %.</summary>
    public TimeSpan? MaxConnectionAge { get; init; }

    /// <summary>How long calls may go on after <see cref="MaxConnectionAge"/> before the connection is cut. Default 70 s, as the server's.</summary>
    public TimeSpan MaxConnectionAgeGrace { get; init; } = TimeSpan.FromSeconds(70);

    /// <summary>A stopping worker's open polls are ended by its ShutdownWorker, and namespaces say so in their capabilities. Default false, as the server's.</summary>
    public bool CompletePollsOnShutdown { get; init; }

    /// <summary>A run that continues as new starts its successor no sooner than this after its own start. Default 1 s, as the server's.</summary>
    public TimeSpan ContinueAsNewInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Workflows may start, signal and cancel workflows of other namespaces (<c>system.enableCrossNamespaceCommands</c>). Default false, as the server's.</summary>
    public bool CrossNamespaceCommands { get; init; }

    /// <summary>Workflows may signal-with-start others through the endpoint <c>__temporal_system</c> (<c>history.enableSignalWithStartFromWorkflow</c>). Default false, as the server's.</summary>
    public bool SignalWithStartFromWorkflow { get; init; }

    /// <summary>The clock. Default: the system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>What the stock server's <c>global.authorization</c> section says, for <c>authorizer: default</c> and <c>claimMapper: default</c>.</summary>
internal sealed record DevEngineAuthorization
{
    /// <summary>Where the key set is fetched from (http or https).</summary>
    public required Uri KeySource { get; init; }

    /// <summary>How often it is fetched again. Zero: only once, at start. Default 10 s.</summary>
    public TimeSpan RefreshInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>What a token's <c>aud</c> must hold; null: not checked.</summary>
    public string? Audience { get; init; }

    /// <summary>Name of the claim with the permissions. Default <c>permissions</c>.</summary>
    public string PermissionsClaim { get; init; } = "permissions";

    /// <summary>How a permission is read: groups <c>namespace</c> and <c>role</c>. Null: split at the first colon.</summary>
    public string? PermissionsRegex { get; init; }

    /// <summary>Histories name who called (<c>frontend.enablePrincipalPropagation</c>). Default true.</summary>
    public bool PropagatePrincipal { get; init; } = true;
}
