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

    public void NoteReached() => health.Is(PrefectHealth.State.Well);

    public void NoteRefused() => health.Is(PrefectHealth.State.RefusesGate);

    public void NoteUnreached() => health.Is(PrefectHealth.State.Away);

    public MethodMeter MeterOf(PrefectRoute route) => metrics.Method(options.Name, route.Operation, route.Class == RouteClass.Poll);
}

/// <summary>How the server answered last, for readiness. Kept over reloads.</summary>
internal sealed class PrefectHealth
{
    private int _state;

    public enum State { Well, Away, RefusesGate }

    public State Now => (State)Volatile.Read(ref _state);

    public void Is(State state) => Volatile.Write(ref _state, (int)state);
}
