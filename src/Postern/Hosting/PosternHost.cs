using System.Net;
using Microsoft.Extensions.Logging;
using Postern.Admin;
using Postern.Configuration;
using Postern.Identity;
using Postern.Identity.ApiKeys;
using Postern.Identity.BreakGlass;
using Postern.Identity.Certificates;
using Postern.Identity.Federated;
using Postern.Identity.Introspection;
using Postern.Identity.Jwt;
using Postern.Model;
using Postern.Pipeline;
using Postern.Pipeline.Prefect;
using Postern.Policy;
using Postern.Telemetry;

namespace Postern.Hosting;

/// <summary>A configuration that can't be used, with everything that is wrong with it.</summary>
internal sealed class InvalidConfigurationException(IReadOnlyList<Problem> problems)
    : Exception(string.Join(Environment.NewLine, problems.Where(problem => problem.Severity == Severity.Error)))
{
    public IReadOnlyList<Problem> Problems => problems;
}

/// <summary>One running gate: its listeners, its state, its reloads and its end.</summary>
internal sealed partial class PosternHost : IAsyncDisposable
{
    // What was revoked ends within seconds, on every gate.
    private static readonly TimeSpan RecheckEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainedWithin = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan FirstKeysWithin = TimeSpan.FromSeconds(1);

    private readonly string _configuration;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ILoggerFactory _loggers;
    private readonly GateRuntime _runtime;
    private readonly GateStages _stages;
    private readonly KestrelListeners _listeners;
    private readonly CancellationTokenSource _draining;
    private readonly CancellationTokenSource _pastGrace = new();
    private readonly SemaphoreSlim _reloading = new(1, 1);
    private readonly PosternOptions _startedWith;
    private AdminServer? _admin;
    private AdminServer? _keys;
    private FileChanges? _changes;
    private ITimer? _recheck;
    private IdentitySources _identity;
    private IReadOnlyList<string> _files;
    private string? _lastReloadProblem;
    private int _ended;

    private PosternHost(string configuration, GateConfiguration loaded, TimeProvider time, ILoggerFactory loggers)
    {
        _configuration = configuration;
        _time = time;
        _loggers = loggers;
        _logger = loggers.CreateLogger<PosternHost>();
        _startedWith = loaded.Options;
        _files = loaded.Files;
        _draining = new CancellationTokenSource();
        _runtime = new GateRuntime(loaded.Options, time, loggers);
        _identity = Identify(loaded.Options, null);
        var limits = new LimitStage();
        var audit = new AuditStage(_runtime.Audit, time, loggers.CreateLogger<AuditStage>());
        _stages = new GateStages(
            new RouteStage(_runtime.Metrics.Method("", "unknown", isPoll: false)),
            new AuthenticateStage(limits),
            new ReadStage(_runtime.Wheel),
            new AuthorizeStage(_runtime.Pollers, _runtime.Owned, loggers.CreateLogger<AuthorizeStage>()),
            new ForwardStage(_runtime.Wheel))
        {
            Limit = limits,
            Audit = audit,
            FailedTask = new FailedTaskStage(audit),
            Prefect = BuildPrefect(limits),
            Health = new HealthService(_draining.Token),
        };
        _stages.Swap(_runtime.Build(loaded.Options, loaded.Policy, _identity));
        _listeners = KestrelListeners.Create(loaded.Options.Listen, loaded.Options.Limits, loggers);
    }

    /// <summary>Public listeners in order of the configuration, with the ports that were taken.</summary>
    public IReadOnlyList<IPEndPoint> Addresses => _listeners.Bound;

    public IPEndPoint AdminAddress => _admin!.Address;

    /// <summary>Where public keys are served.</summary>
    public IPEndPoint KeysAddress => (_keys ?? _admin)!.Address;

    /// <summary>Reads the configuration, checks it whole, and starts. Throws <see cref="InvalidConfigurationException"/> with every problem.</summary>
    public static async Task<PosternHost> StartAsync(string configuration, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellation)
    {
        var loaded = GateConfiguration.Load(configuration);
        var host = new PosternHost(configuration, loaded, time, loggers);
        try
        {
            await host.StartAsync(loaded, cancellation);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Builds the new state beside the old one and swaps one reference; a configuration with any error changes nothing.</summary>
    public async Task<ReloadAnswer> ReloadAsync(CancellationToken cancellation)
    {
        await _reloading.WaitAsync(cancellation);
        try
        {
            var loaded = GateConfiguration.Load(_configuration);
            var warnings = loaded.Warnings.Select(problem => problem.ToString()).Concat(RestartNeeded(loaded.Options)).Concat(WouldBeDenied(loaded.Policy)).ToList();
            foreach (var certificates in _listeners.Certificates)
            {
                certificates.Reload();
            }

            var before = _identity;
            var identity = Identify(loaded.Options, before);
            var effective = loaded.Options with { Listen = _startedWith.Listen, Admin = _startedWith.Admin, Keys = _startedWith.Keys, Data = _startedWith.Data, Storage = _startedWith.Storage };
            _stages.Swap(_runtime.Build(effective, loaded.Policy, identity));
            _identity = identity;
            _files = loaded.Files;
            _lastReloadProblem = null;
            await before.RetireAsync(identity);
            foreach (var warning in warnings)
            {
                Log.ReloadWarning(_logger, warning);
            }

            _runtime.Reloads.Add(1, new KeyValuePair<string, object?>("result", "ok"));
            Log.Reloaded(_logger, loaded.Policy.Version);
            return new ReloadAnswer(true, loaded.Policy.Version, [], warnings);
        }
        catch (Exception e) when (e is InvalidConfigurationException or IOException or UnauthorizedAccessException or FormatException or System.Security.Cryptography.CryptographicException)
        {
            var problems = e is InvalidConfigurationException invalid ? invalid.Problems.Select(problem => problem.ToString()).ToList() : [e.Message];
            _lastReloadProblem = problems.FirstOrDefault();
            _runtime.Reloads.Add(1, new KeyValuePair<string, object?>("result", "refused"));
            Log.ReloadRefused(_logger, string.Join("; ", problems));
            return new ReloadAnswer(false, _stages.State.Policy.Version, problems, []);
        }
        finally
        {
            _reloading.Release();
        }
    }

    /// <summary>
    /// Ends gently: no new connections, GOAWAY on those that stand, calls end by themselves for the grace, then the rest is refused as draining.
    /// </summary>
    public async Task StopAsync(CancellationToken hurry = default)
    {
        if (Interlocked.Exchange(ref _ended, 1) == 1)
        {
            return;
        }

        var grace = _startedWith.Shutdown.Grace;
        Log.Draining(_logger, grace);
        await _draining.CancelAsync();
        using var cut = new CancellationTokenSource();
        var stopping = _listeners.StopAsync(cut.Token);
        try
        {
            await stopping.WaitAsync(grace, _time, hurry);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            _runtime.Wheel.ElapseAll();
            await _pastGrace.CancelAsync();
            await Task.WhenAny(stopping, Task.Delay(DrainedWithin, _time, CancellationToken.None));
        }

        await cut.CancelAsync();
        await stopping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Log.Stopped(_logger);
    }

    public async ValueTask DisposeAsync()
    {
        _changes?.Dispose();
        if (_recheck is not null)
        {
            await _recheck.DisposeAsync();
        }

        await StopAsync(new CancellationToken(canceled: true));
        await _listeners.DisposeAsync();
        if (_admin is not null)
        {
            await _admin.DisposeAsync();
        }

        if (_keys is not null)
        {
            await _keys.DisposeAsync();
        }

        await _identity.DisposeAsync();
        await _runtime.DisposeAsync();
        _draining.Dispose();
        _pastGrace.Dispose();
        _reloading.Dispose();
    }

    private async Task StartAsync(GateConfiguration loaded, CancellationToken cancellation)
    {
        foreach (var warning in loaded.Warnings)
        {
            Log.ConfigurationWarning(_logger, warning.ToString());
        }

        if (_runtime.Accounts is { } accounts)
        {
            await accounts.StartAsync(cancellation);
        }

        // A gate whose issuer is away starts all the same and says cannot-tell; but calls of the first second shouldn't when it isn't.
        await Task.WhenAny(Task.WhenAll(_identity.FirstFetch, _runtime.FirstResolve), Task.Delay(FirstKeysWithin, _time, cancellation));
        var management = new ManagementApi(() => _stages.State, _runtime.Audit, _runtime.Metrics.Meter, _runtime.Accounts, _time, _loggers.CreateLogger<ManagementApi>());
        var surface = new AdminSurface(Ready, _runtime.Metrics.WriteText, Pollers, ReloadAsync, management.HandleAsync, () => _runtime.Keys.PublicSet, () => _runtime.CallerKeys?.PublicSet ?? default);
        _admin = await AdminServer.StartAdminAsync(loaded.Options.Admin.Address, surface, withKeys: loaded.Options.Keys is null, _loggers, cancellation);
        if (loaded.Options.Keys is { } keys)
        {
            _keys = await AdminServer.StartKeysAsync(keys.Address, surface, _loggers, cancellation);
        }

        await _listeners.StartAsync(new PosternPipeline(_stages, _time, _loggers.CreateLogger<PosternPipeline>()), cancellation);
        _recheck = _time.CreateTimer(static host => ((PosternHost)host!).RecheckOpenCalls(), this, RecheckEvery, RecheckEvery);
        _changes = new FileChanges(() => _files, () => _ = ReloadAsync(CancellationToken.None), _time);
        // Reading configuration and API leaves tens of megabytes behind that serving never needs again.
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        Log.Started(_logger, string.Join(", ", Addresses), _admin.Address.ToString(), loaded.Policy.Version);
    }

    private PrefectPipeline BuildPrefect(LimitStage limits)
    {
        var (read, authorize, limit) = (new PrefectReadStage(_time), new PrefectAuthorizeStage(_loggers.CreateLogger<PrefectAuthorizeStage>()), new PrefectLimitStage(_time));
        var audit = new PrefectAuditStage(_runtime.Audit, _time, _loggers.CreateLogger<PrefectAuditStage>());
        var sockets = new SocketParts(() => _stages.State, read, authorize, limit, audit, limits, _runtime.Wheel, _time, _draining.Token);
        var stages = new PrefectStages(
            new PrefectRouteStage(_runtime.Metrics), new PrefectAuthenticateStage(limits), read, authorize, limit, audit, new PrefectForwardStage(),
            new SocketStage(sockets, _runtime.Metrics, _loggers.CreateLogger<SocketStage>()));
        return new PrefectPipeline(stages, _time, _loggers.CreateLogger<PrefectPipeline>(), _pastGrace.Token);
    }

    private IdentitySources Identify(PosternOptions options, IdentitySources? before)
    {
        var sources = new List<IIdentitySource>();
        if (_runtime.Accounts is { } accounts)
        {
            sources.Add(new ApiKeyIdentitySource(accounts.Directory, accounts.Hash, _time));
            sources.Add(new BreakGlassIdentitySource(
                accounts.BreakGlassSeal, accounts.BreakGlassUses, accounts.Revocations, () => _runtime.BreakGlassSessions.Add(1), _time, _loggers.CreateLogger<BreakGlassIdentitySource>()));
        }

        if (_runtime.BuildTokenSource(options) is { } own)
        {
            sources.Add(own);
        }

        sources.Add(new JwtIdentitySource(options.Identity, before?.Source<JwtIdentitySource>(), _runtime.Accounts?.Revocations, _time, _loggers.CreateLogger<JwtIdentitySource>()));
        if (_runtime.Accounts is { } kept && options.Identity.Federated.Count > 0)
        {
            sources.Add(new FederatedIdentitySource(options.Identity.Federated, before?.Source<FederatedIdentitySource>(), kept.Directory, kept.Revocations, _time, _loggers.CreateLogger<FederatedIdentitySource>()));
        }

        if (options.Identity.Introspection.Count > 0)
        {
            sources.Add(new IntrospectionIdentitySource(
                options.Identity.Introspection, before?.Source<IntrospectionIdentitySource>(), _runtime.Accounts?.Revocations, _time, _loggers.CreateLogger<IntrospectionIdentitySource>()));
        }

        if (options.Identity.Certificates.Count > 0)
        {
            sources.Add(new ClientCertificateIdentitySource(
                options.Identity.Certificates, before?.Source<ClientCertificateIdentitySource>(), _runtime.Accounts?.Directory, _runtime.Accounts?.Revocations, _time));
        }

        return new IdentitySources(sources, before, _time);
    }

    private void RecheckOpenCalls() => _runtime.Wheel.Recheck(new OpenCallCheck(_stages.State, _stages.Limit, _time.GetUtcNow()));

    private Readiness Ready()
    {
        var missing = _runtime.Missing().Concat(_identity.Missing()).ToList();
        if (_draining.IsCancellationRequested)
        {
            missing.Add("shutting down");
        }

        // What a gate goes on without is no reason to take it out of rotation, but it must be seen where one looks.
        var isReady = missing.Count == 0;
        missing.AddRange(_runtime.Accounts?.Notes() ?? []);
        missing.AddRange(_identity.Notes());
        if (_lastReloadProblem is { } problem)
        {
            missing.Add($"last reload refused, the configuration before it is in use: {problem}");
        }

        return new Readiness(isReady, missing);
    }

    private IReadOnlyList<PollerLine> Pollers() => [.. _runtime.Pollers.Now(_time.GetUtcNow()).Select(poller => new PollerLine(
        poller.Caller.Name, poller.Caller.Kind.ToString(), poller.Caller.Issuer, poller.Caller.Subject, poller.Caller.Groups,
        poller.Demand.Permission.Name(), poller.Demand.Namespace, poller.Demand.TaskQueue, poller.LastSeen))];

    private IEnumerable<string> WouldBeDenied(PolicySet policy)
    {
        var now = _time.GetUtcNow();
        foreach (var poller in _runtime.Pollers.Now(now))
        {
            if (policy.For(poller.Caller).Decide(poller.Demand, new Circumstances(null, now)) is { Kind: DecisionKind.Deny } decision)
            {
                yield return $"{poller.Caller.Name} polled {poller.Demand.Namespace}/{poller.Demand.TaskQueue} {(now - poller.LastSeen).TotalSeconds:0} s ago and will be denied ({decision.Reason}); its workers end after 60 s";
            }
        }
    }

    private IEnumerable<string> RestartNeeded(PosternOptions options)
    {
        if (!options.Listen.SequenceEqual(_startedWith.Listen) || options.Admin != _startedWith.Admin || options.Keys != _startedWith.Keys || options.Data != _startedWith.Data
            || !Equals(options.Storage, _startedWith.Storage) || options.Identity.KeepsAccounts != _startedWith.Identity.KeepsAccounts || options.Audit.File != _startedWith.Audit.File || options.Shutdown != _startedWith.Shutdown)
        {
            yield return "listen, admin, keys, data, storage, identity.accounts (whether there are any), audit.file and shutdown change at a restart only; the rest was taken over";
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Hosting + 1, LogLevel.Information, "Postern serves {Addresses}; admin on {Admin}; policy {Policy}")]
        public static partial void Started(ILogger logger, string addresses, string admin, string policy);

        [LoggerMessage(EventIds.Hosting + 2, LogLevel.Information, "Reloaded; policy {Policy}")]
        public static partial void Reloaded(ILogger logger, string policy);

        [LoggerMessage(EventIds.Hosting + 3, LogLevel.Error, "Reload refused, everything stays as it was: {Problems}")]
        public static partial void ReloadRefused(ILogger logger, string problems);

        [LoggerMessage(EventIds.Hosting + 4, LogLevel.Warning, "Reload: {Warning}")]
        public static partial void ReloadWarning(ILogger logger, string warning);

        [LoggerMessage(EventIds.Hosting + 5, LogLevel.Information, "Shutting down: no new connections; open calls have {Grace}")]
        public static partial void Draining(ILogger logger, TimeSpan grace);

        [LoggerMessage(EventIds.Hosting + 6, LogLevel.Information, "Stopped")]
        public static partial void Stopped(ILogger logger);

        [LoggerMessage(EventIds.Hosting + 7, LogLevel.Warning, "Configuration: {Warning}")]
        public static partial void ConfigurationWarning(ILogger logger, string warning);
    }
}
