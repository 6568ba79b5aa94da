using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Engines;
using Postern.Engines.Prefect;
using Postern.Forwarding;
using Postern.Pipeline.Prefect;
using Postern.Telemetry;
using Yarp.ReverseProxy.Forwarder;

namespace Postern.Hosting;

/// <summary>The Prefect servers behind the gate, with what outlives a reload: connections, credentials, what was last seen of them.</summary>
internal sealed class PrefectServers : IDisposable
{
    private static readonly TimeSpan TryEvery = TimeSpan.FromSeconds(1);

    private readonly Dictionary<string, Kept> _kept = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _ending = new();
    private readonly Lazy<ServiceProvider> _yarp;
    private readonly Metrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _trials;

    public PrefectServers(Metrics metrics, TimeProvider time, ILoggerFactory loggers)
    {
        _metrics = metrics;
        _time = time;
        _logger = loggers.CreateLogger<PrefectServers>();
        // It would write two lines for every call, with the query in them; what goes wrong it returns.
        _yarp = new Lazy<ServiceProvider>(() => new ServiceCollection().AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance).AddLogging().AddHttpForwarder().BuildServiceProvider());
        _trials = time.CreateTimer(static state => ((PrefectServers)state!).TryCredentials(), this, TryEvery, TryEvery);
    }

    public PrefectEngine Build(PrefectEngineOptions options)
    {
        if (!_kept.TryGetValue(options.Name, out var kept) || !kept.Serves(options))
        {
            // Open calls end on their old connections by themselves.
            _kept[options.Name] = kept = new Kept(options, CreateForwarding(options), kept?.Credential ?? new PrefectCredential(options.Credential), kept?.Health ?? new PrefectHealth(), _time, _logger);
        }

        kept.Credential.Offer(options.Credential);
        return new PrefectEngine(options, PrefectCatalogue.Shared, kept.Http, kept.Credential, kept.Lookups, kept.Listings, kept.Cache, kept.Health, _metrics);
    }

    public IEnumerable<string> Missing()
    {
        foreach (var (name, kept) in _kept)
        {
            if (kept.Health.Now != PrefectServerState.Well)
            {
                yield return kept.Health.Now == PrefectServerState.Away ? $"engine {name}: can't be reached" : $"engine {name}: refuses what the gate presents";
            }
        }
    }

    public void Dispose()
    {
        _ending.Cancel();
        _trials.Dispose();
        foreach (var kept in _kept.Values)
        {
            kept.Http.Dispose();
        }

        if (_yarp.IsValueCreated)
        {
            _yarp.Value.Dispose();
        }

        _ending.Dispose();
    }

    private HttpForwarding CreateForwarding(PrefectEngineOptions options)
    {
        _ = PrefectEngineValidator.TryReadAddress(options.Address, out var address);
        var tls = options.Tls is { } written ? UpstreamTls.Create(written, address.Host, System.Net.Security.SslApplicationProtocol.Http11) : null;
        return new HttpForwarding(_yarp.Value.GetRequiredService<IHttpForwarder>(), address, tls, options.Timeout);
    }

    private void TryCredentials()
    {
        foreach (var kept in _kept.Values)
        {
            _ = kept.Trial.RunAsync(_ending.Token);
        }
    }

    private sealed class Kept(PrefectEngineOptions options, HttpForwarding http, PrefectCredential credential, PrefectHealth health, TimeProvider time, ILogger logger)
    {
        public HttpForwarding Http => http;

        public PrefectCredential Credential => credential;

        public PrefectHealth Health => health;

        public PrefectLookups Lookups { get; } = new(new PrefectClient(http, credential), time);

        public PrefectListings Listings { get; } = new(new PrefectClient(http, credential), time);

        public PrefectCache Cache { get; } = new(time);

        public CredentialTrial Trial { get; } = new(options.Name, http, credential, logger);

        public bool Serves(PrefectEngineOptions other) => other.Address == options.Address && Equals(other.Tls, options.Tls) && other.Timeout == options.Timeout;
    }
}
