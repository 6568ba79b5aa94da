using System.Net;
using Postern.Audit;
using Postern.Configuration;
using Postern.Engines.Temporal;
using Postern.Forwarding;
using Postern.Identity;
using Postern.Limits;
using Postern.OAuth;
using Postern.Pipeline.Prefect;
using Postern.Policy;
using Postern.Telemetry;
using Postern.Tokens;

namespace Postern.Pipeline;

/// <summary>
/// Everything that a reload replaces, as one reference: a call takes it at its start and sees nothing else until its end.
/// </summary>
internal sealed record GateState(
    PosternOptions Options,
    PolicySet Policy,
    IdentitySources Identity,
    AuditClasses AuditClasses,
    IReadOnlyList<TemporalEngine> Engines)
{
    /// <summary>How much each caller may do.</summary>
    public required CallRates Rates { get; init; }

    /// <summary>The Prefect servers.</summary>
    public IReadOnlyList<PrefectEngine> Prefect { get; init; } = [];

    /// <summary>The gate's own authorization server; null where none is configured.</summary>
    public AuthorizationServer? Authorization { get; init; }

    /// <summary>People's sessions at engines' pages; null where no engine has any.</summary>
    public SessionLogins? Sessions { get; init; }

    public IReadOnlyList<IPNetwork> TrustedProxies { get; } = [.. Options.TrustedProxies.Select(network => IPNetwork.Parse(network))];

    /// <summary>
    /// The engine that serves a host name: the one that lists it, otherwise the one that lists none. Null where no engine is meant.
    /// </summary>
    public TemporalEngine? EngineFor(string? host)
    {
        TemporalEngine? unnamed = null;
        // By index: an enumerator over an interface would be an allocation per call.
        for (var i = 0; i < Engines.Count; i++)
        {
            var engine = Engines[i];
            if (engine.Hosts.Count == 0)
            {
                unnamed = engine;
            }
            else if (host is not null && engine.Serves(host))
            {
                return engine;
            }
        }

        return unnamed;
    }

    /// <summary>The Prefect server that serves a host name, by the same rule. Null where none is meant.</summary>
    public PrefectEngine? PrefectFor(string? host)
    {
        PrefectEngine? unnamed = null;
        for (var i = 0; i < Prefect.Count; i++)
        {
            var engine = Prefect[i];
            if (engine.Options.Hosts.Count == 0)
            {
                unnamed = engine;
            }
            else if (host is not null && engine.Serves(host))
            {
                return engine;
            }
        }

        return unnamed;
    }
}

/// <summary>One Temporal cluster behind the gate, running: what its calls are read with, where they go, and what they present there.</summary>
internal sealed class TemporalEngine(
    TemporalEngineOptions options, TemporalCatalogue catalogue, UpstreamPool pool, UpstreamTokenMinter? minter, CallerAssertions? assertions, Metrics metrics, EngineClient client,
    EngineAnswers answers, PageTokens pages, TaskSealing tasks, EngineLookups lookups)
{
    // What a stamp usually takes: a name with the client's own behind it; a token with its payload. More only costs a copy.
    private const int RoomForName = 160;
    private const int RoomForAssertion = 1024;

    private readonly MethodMeter[] _meters = [.. catalogue.Methods.Select(method => metrics.Method(options.Name, method.Name, method.Row.IsTaskPoll))];
    private readonly Uri?[] _uris = new Uri?[catalogue.Methods.Count];

    public string Name => options.Name;

    public TemporalEngineOptions Options => options;

    public IReadOnlyList<string> Hosts => options.Hosts;

    public TemporalCatalogue Catalogue => catalogue;

    public UpstreamPool Pool => pool;

    public UpstreamTokenMinter? Minter => minter;

    /// <summary>For the gate's own questions to the engine.</summary>
    public EngineClient Client => client;

    /// <summary>What the engine says of itself to everybody.</summary>
    public EngineAnswers Answers => answers;

    /// <summary>Places in its lists that callers go through.</summary>
    public PageTokens Pages => pages;

    /// <summary>Seals the tasks that it hands out.</summary>
    public TaskSealing Tasks => tasks;

    /// <summary>What decisions need and messages don't carry.</summary>
    public EngineLookups Lookups => lookups;

    /// <summary>Signs assertions of callers; null where none are written.</summary>
    public CallerAssertions? Assertions => assertions;

    /// <summary>The static credential, where the engine takes one.</summary>
    public string? Bearer { get; } = BearerOf(options);

    /// <summary>The header value of the static credential; null where the engine takes none.</summary>
    public static string? BearerOf(TemporalEngineOptions options) => options.Credential.Bearer is { } bearer ? "Bearer " + bearer.Reveal() : null;

    /// <summary>Where the server may call by itself.</summary>
    public CallbackAddresses Callbacks { get; } = new(options.CompletionCallbacks);

    public bool Serves(string host) => HostNames.Matches(options.Hosts, host);

    /// <summary>Whether calls of the method carry an assertion of their caller.</summary>
    public bool IsAsserted(TemporalMethod method) => assertions is not null && method.Stamp is { } stamp && stamp.IsAsserted(options.Identity.Assertion);

    /// <summary>Bytes that will be stamped behind a message of the method, as far as can be told before; 0 where it leaves as it came.</summary>
    public int RoomFor(TemporalMethod method) => method.Stamp is not { } stamp
        ? 0
        : (options.Identity.Stamp && stamp.HasIdentity ? RoomForName : 0) + (IsAsserted(method) ? RoomForAssertion : 0);

    public MethodMeter MeterOf(TemporalMethod method) => _meters[method.Index];

    public Uri UriOf(TemporalMethod method) => _uris[method.Index] ??= new Uri($"{pool.Scheme}://{pool.Authority}{method.Path}");
}
