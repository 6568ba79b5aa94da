using Postern.Engines.Prefect;
using Postern.Forwarding;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>One Prefect server behind the gate, running.</summary>
internal sealed class PrefectEngine(PrefectEngineOptions options, PrefectCatalogue catalogue, HttpForwarding http, PrefectCredential credential, PrefectLookups lookups, PrefectListings listings, PrefectCache cache, PrefectHealth health, Metrics metrics)
{
    public string Name => options.Name;

    public PrefectEngineOptions Options => options;

    public PrefectCatalogue Catalogue => catalogue;

    public HttpForwarding Http => http;

    /// <summary>What the server is presented, over reloads.</summary>
    public PrefectCredential Credential => credential;

    public bool Serves(string host) => HostNames.Matches(options.Hosts, host);

    /// <summary>What decisions need and calls don't carry.</summary>
    public PrefectLookups Lookups => lookups;

    /// <summary>What there is on the server, for narrowing lists.</summary>
    public PrefectListings Listings => listings;

    /// <summary>Answers that are the same for everybody, over reloads.</summary>
    public PrefectCache Cache => cache;

    public void NoteReached() => health.Is(PrefectServerState.Well);

    public void NoteRefused() => health.Is(PrefectServerState.RefusesGate);

    public void NoteUnreached() => health.Is(PrefectServerState.Away);

    public MethodMeter MeterOf(PrefectRoute route) => metrics.Method(options.Name, route.Operation, route.Class == RouteClass.Poll);
}

/// <summary>What a server's last answer says of it.</summary>
internal enum PrefectServerState { Well, Away, RefusesGate }

/// <summary>How the server answered last, for readiness. Kept over reloads.</summary>
internal sealed class PrefectHealth
{
    private int _state;

    public PrefectServerState Now => (PrefectServerState)Volatile.Read(ref _state);

    public void Is(PrefectServerState state) => Volatile.Write(ref _state, (int)state);
}
