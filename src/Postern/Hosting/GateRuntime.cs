using Microsoft.Extensions.Logging;
using Postern.Admin;
using Postern.Audit;
using Postern.Audit.Sinks;
using Postern.Configuration;
using Postern.Engines;
using Postern.Engines.Temporal;
using Postern.Forwarding;
using Postern.Identity;
using Postern.Limits;
using Postern.Identity.Jwt;
using Postern.Identity.Login;
using Postern.Identity.Postern;
using Postern.Identity.Session;
using Postern.OAuth;
using Postern.Model;
using Postern.Pipeline;
using Postern.Policy;
using Postern.Telemetry;
using Postern.Tokens;

namespace Postern.Hosting;

/// <summary>
/// Everything of one gate that outlives a reload (audit, signing keys, connections, counters), and the making of a <see cref="GateState"/> from a configuration.
/// </summary>
internal sealed class GateRuntime : IAsyncDisposable
{
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly string _data;
    private readonly System.Runtime.CompilerServices.ConditionalWeakTable<UpstreamPool, EngineAnswers> _answers = [];
    private readonly Dictionary<string, (TemporalEngineOptions Options, UpstreamPool Pool)> _pools = new(StringComparer.Ordinal);
    private readonly PrefectServers _prefect;
    private readonly List<CallRates> _allRates = [];
    private CallRates? _rates;
    private readonly Dictionary<string, UpstreamTokenMinter> _minters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HttpClient> _logins = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TemporalCatalogue> _catalogues = new(StringComparer.Ordinal);

    public GateRuntime(PosternOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        _time = time;
        _loggers = loggers;
        _data = options.Data;
        Directory.CreateDirectory(options.Data);
        Audit = new AuditLog(new FileAuditSink(options.Audit, time, loggers.CreateLogger<FileAuditSink>()), time, loggers.CreateLogger<AuditLog>(), Metrics.Meter);
        Keys = new SigningKeys(Path.Combine(options.Data, "keys", "engine"), time, loggers.CreateLogger<SigningKeys>());
        Seals = new SealKeys(Path.Combine(options.Data, "keys", "seal"), time, loggers.CreateLogger<SealKeys>());
        Accounts = options.Identity.KeepsAccounts ? new AccountStore(options, time, loggers) : null;
        Authorizations = Accounts is null ? null : new OAuthRecords(Audit, Metrics.Meter, Accounts.Directory, time);
        Owned = new OwnedQueues(time);
        Wheel = new DeadlineWheel(time);
        _prefect = new PrefectServers(Metrics, time, loggers);
        Metrics.Meter.CreateObservableGauge("postern.upstream.connections", () => _pools.Values.Sum(entry => entry.Pool.Lanes.Count), "{connection}", "Connections to engines");
        Metrics.Meter.CreateObservableGauge("postern.upstream.open", () => _pools.Values.Sum(entry => entry.Pool.Lanes.Sum(lane => lane.Outstanding)), "{call}", "Calls that wait for an engine");
        Metrics.Meter.CreateObservableGauge("postern.tokens.minted", () => _minters.Values.Sum(minter => minter.Count), "{token}", "Minted tokens kept");
        BreakGlassSessions = Metrics.Meter.CreateCounter<long>("postern.breakglass.sessions", "{session}", "Sessions that credentials for emergencies began");
        Reloads = Metrics.Meter.CreateCounter<long>("postern.reloads", "{reload}", "Reloads by result");
    }

    public Metrics Metrics { get; } = new();

    public AuditLog Audit { get; }

    /// <summary>The keys of what the engine is presented.</summary>
    public SigningKeys Keys { get; }

    /// <summary>The keys of what the gate hands out and must know again.</summary>
    public SealKeys Seals { get; }

    /// <summary>The keys of caller assertions, which are no credentials; null while none are written.</summary>
    public SigningKeys? CallerKeys { get; private set; }

    /// <summary>The keys of the gate's own tokens; null while none are issued.</summary>
    public SigningKeys? TokenKeys { get; private set; }

    /// <summary>The gate's own accounts; null where it keeps none.</summary>
    public AccountStore? Accounts { get; }

    /// <summary>What is kept of requests for tokens; null where the gate keeps no accounts.</summary>
    public OAuthRecords? Authorizations { get; }

    public DeadlineWheel Wheel { get; }

    public RecentPollers Pollers { get; } = new();

    public OwnedQueues Owned { get; }

    public System.Diagnostics.Metrics.Counter<long> Reloads { get; }

    public System.Diagnostics.Metrics.Counter<long> BreakGlassSessions { get; }

    /// <summary>Makes the running state of a configuration beside the one that serves. Nothing of the old is ended here.</summary>
    public GateState Build(PosternOptions options, PolicySet policy, IdentitySources identity)
    {
        IReadOnlyList<TemporalEngine> engines = [.. options.Engines.Temporal.Select(BuildEngine)];
        var (authorization, sessions) = BuildAuthorization(options, policy, identity, engines);
        return new GateState(options, policy, identity, new AuditClasses(options.Audit), engines)
        {
            Rates = RatesOf(options.Limits.Rates),
            Prefect = [.. options.Engines.Prefect.Select(_prefect.Build)],
            Authorization = authorization,
            Sessions = sessions,
        };
    }

    /// <summary>Knows the gate's own tokens again; null where none are issued.</summary>
    public PosternIdentitySource? BuildTokenSource(PosternOptions options)
    {
        if (options.Tokens is not { } tokens || Accounts is null)
        {
            return null;
        }

        // Made when first wanted: a gate that issues nothing needs no key for it.
        var keys = TokenKeys ??= new SigningKeys(Path.Combine(_data, "keys", "token"), _time, _loggers.CreateLogger<SigningKeys>());
        return new PosternIdentitySource(
            tokens.Issuer, tokens.ClockSkew, id => keys.Find(id) is { } key ? new VerifyingKey(key.Credentials.Key, () => key.IsWithdrawn) : null,
            Accounts.Directory, Accounts.Revocations, options.Identity.CallerIssuers(), _time);
    }

    /// <summary>The catalogue of an engine's API, read once per descriptor file.</summary>
    public TemporalCatalogue CatalogueOf(TemporalEngineOptions engine)
    {
        var key = engine.Descriptors ?? "";
        return _catalogues.TryGetValue(key, out var catalogue) ? catalogue : _catalogues[key] = TemporalCatalogue.Load(engine.Descriptors);
    }

    /// <summary>Completes when each engine's addresses were looked up once.</summary>
    public Task FirstResolve => Task.WhenAll(_pools.Values.Select(entry => entry.Pool.FirstResolve));

    public IEnumerable<string> Missing()
    {
        foreach (var (name, entry) in _pools)
        {
            if (entry.Pool.Lanes.Count == 0)
            {
                yield return $"engine {name}: no address known";
            }
            else if (entry.Pool.IsUnreachable)
            {
                yield return $"engine {name}: can't be reached";
            }
        }

        foreach (var missing in _prefect.Missing())
        {
            yield return missing;
        }

        if (Audit.IsFaulted)
        {
            yield return "audit: records can't be kept";
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var entry in _pools.Values)
        {
            await entry.Pool.DisposeAsync();
        }

        if (Accounts is not null)
        {
            await Accounts.DisposeAsync();
        }

        _prefect.Dispose();
        _allRates.ForEach(rates => rates.Dispose());
        await Audit.DisposeAsync();
        Wheel.Dispose();
        Keys.Dispose();
        CallerKeys?.Dispose();
        TokenKeys?.Dispose();
        foreach (var http in _logins.Values)
        {
            http.Dispose();
        }

        Metrics.Dispose();
    }

    private (AuthorizationServer?, SessionLogins?) BuildAuthorization(PosternOptions options, PolicySet policy, IdentitySources identity, IReadOnlyList<TemporalEngine> engines)
    {
        if (options.Tokens is not { } settings || Accounts is not { } accounts || Authorizations is not { } records || TokenKeys is not { } keys || identity.Source<PosternIdentitySource>() is not { } source)
        {
            return default;
        }

        var logger = _loggers.CreateLogger<AuthorizationServer>();
        var tokens = new AccessTokens(keys, settings.Issuer);
        var issuer = new TokenIssuer(tokens, settings, [.. options.Engines.Temporal.Select(engine => engine.Name), .. options.Engines.Prefect.Select(engine => engine.Name)], accounts.Directory, records, _time, logger);
        var clients = new OAuthClients(identity, accounts.Directory, new ClientAssertions(accounts.Directory, accounts.Store, settings.Issuer, _time));
        var sessions = new Sessions(new RefreshTokens(accounts.Hash), issuer, settings, source, accounts.Revocations, accounts.Store, accounts.SeenAsync, _time);
        var tasks = new TaskBindings(engines, policy, _time);
        var status = new TokenStatus(tokens, settings, source, accounts.Directory, accounts.Revocations, accounts.Store, accounts.SeenAsync, sessions, tasks, _time);
        var seals = new LoginSeals(accounts.Logins, settings.Issuer.StartsWith("https:", StringComparison.Ordinal));
        var provider = BuildProvider(options, identity);
        var signIns = new SignIns(provider, accounts.Passwords, accounts.Directory, seals, settings, records, _time, logger);
        var logins = new Logins(signIns, accounts.Store, settings, sessions, _time) { Pages = [.. Origins(options).Select(origin => origin + SessionPaths.Callback)] };
        var devices = new DeviceLogins(signIns, seals, accounts.Store, settings, sessions, new DevicePolls(_time), _time);
        signIns.Done = (context, pending, login) => pending.Request.Device is null ? logins.HandOutAsync(context, pending.Request, login) : devices.AskAsync(context, pending, login);
        signIns.Failed = logins.FailAsync;
        var grants = new TokenGrants(issuer, new TokenExchange(identity, accounts.Directory, tasks, issuer), tasks, sessions, logins, devices);
        byte[] WhoAmI(Caller caller, System.Net.IPAddress? from) => WhoAmIEndpoints.Write(caller, policy, new Circumstances(from, _time.GetUtcNow()));
        return (
            new AuthorizationServer(tokens, identity, clients, grants, status, signIns, logins, devices, records, WhoAmI, _time, logger),
            BuildSessions(options, settings, accounts, identity, source, logins, provider, WhoAmI));
    }

    private LoginProvider? BuildProvider(PosternOptions options, IdentitySources identity)
    {
        if (options.Identity.Issuers.FirstOrDefault(issuer => issuer.Login is not null) is not { Login: { } login } issuer || identity.Source<JwtIdentitySource>() is not { } source)
        {
            return null;
        }

        // Kept over reloads: a login may be on its way.
        if (!_logins.TryGetValue(issuer.Issuer, out var http))
        {
            _logins[issuer.Issuer] = http = KeySetSource.CreateClient(issuer.Issuer);
        }

        return new LoginProvider(issuer, login, http, source, _time);
    }

    private SessionLogins? BuildSessions(
        PosternOptions options, TokensOptions settings, AccountStore accounts, IdentitySources identity, PosternIdentitySource source, Logins logins, LoginProvider? provider,
        Func<Caller, System.Net.IPAddress?, byte[]> whoAmI)
    {
        if (Origins(options) is not { Count: > 0 } origins)
        {
            return null;
        }

        var sessions = new BrowserSessions(
            accounts.Sessions, accounts.Hash, options.Identity.Sessions, accounts.Store, accounts.SeenAsync, accounts.Revocations,
            session => LoggedIn.Read(session.Caller) is { } login
                ? source.Restore(login.Claims, login.Kind, session.ExpiresAt)
                : new Refusal(RefusalReason.Unauthenticated, "Your session was begun by another version of the gate.", "a login that can't be read"),
            _time, _loggers.CreateLogger<BrowserSessions>());
        var logouts = options.Identity.Issuers.FirstOrDefault(issuer => issuer.Login is not null) is { Login: { } login } issuer && identity.Source<JwtIdentitySource>() is { } tokens
            ? new LogoutTokens(issuer, login, tokens, sessions, accounts.Store, _time)
            : null;
        return new SessionLogins(
            sessions, origins, logins, isSecure => new LoginSeals(accounts.Logins, isSecure), settings.Issuer, provider, logouts, identity, whoAmI, _time, _loggers.CreateLogger<SessionLogins>());
    }

    private static IReadOnlyList<string> Origins(PosternOptions options) => [.. options.Engines.Prefect.Select(engine => engine.Ui).OfType<string>()];

    private TemporalEngine BuildEngine(TemporalEngineOptions options)
    {
        CallerAssertions? assertions = null;
        if (options.Identity.Assertion != TemporalAssertion.Off)
        {
            // Made when first wanted: a gate that asserts nothing needs no key for it.
            CallerKeys ??= new SigningKeys(Path.Combine(_data, "keys", "caller"), _time, _loggers.CreateLogger<SigningKeys>(), SigningKeyTimes.OfAssertions);
            assertions = new CallerAssertions(CallerKeys, options.Name, options.Identity.AssertionLifetime);
        }

        UpstreamTokenMinter? minter = null;
        if (options.Credential.Mint is { } mint)
        {
            var key = $"{mint.Audience}\n{mint.Lifetime}";
            minter = _minters.TryGetValue(key, out var known) ? known : _minters[key] = new UpstreamTokenMinter(Keys, mint.Audience, mint.Lifetime, _time);
        }

        var pool = PoolFor(options);
        var client = new EngineClient(pool, minter, TemporalEngine.BearerOf(options), _time);
        var catalogue = CatalogueOf(options);
        return new TemporalEngine(options, catalogue, pool, minter, assertions, Metrics, client,
            _answers.GetValue(pool, _ => new EngineAnswers(_time)), new PageTokens(Seals.For("pages")), new TaskSealing(Seals, options.Name), new EngineLookups(client, catalogue, _time));
    }

    // Kept over reloads: a reload must not fill everybody's buckets.
    private CallRates RatesOf(IReadOnlyList<RateOptions> options)
    {
        if (_rates is { } known && known.Options.Count == options.Count && known.Options.Zip(options).All(pair => Same(pair.First, pair.Second)))
        {
            return known;
        }

        _rates = new CallRates(options);
        // Open calls give back to the one that let them through, so none ends before the gate does.
        _allRates.Add(_rates);
        return _rates;

        static bool Same(RateOptions one, RateOptions other) =>
            one with { Engines = other.Engines, Kinds = other.Kinds, Calls = other.Calls } == other
            && one.Engines.SequenceEqual(other.Engines) && one.Kinds.SequenceEqual(other.Kinds) && one.Calls.SequenceEqual(other.Calls);
    }

    private UpstreamPool PoolFor(TemporalEngineOptions options)
    {
        if (_pools.TryGetValue(options.Name, out var known))
        {
            if (known.Options.Addresses.SequenceEqual(options.Addresses, StringComparer.Ordinal) && Equals(known.Options.Tls, options.Tls)
                && known.Options.ConnectionsPerAddress == options.ConnectionsPerAddress)
            {
                return known.Pool;
            }

            // Open calls end on their old connections by themselves.
            known.Pool.Retire();
        }

        var pool = new UpstreamPool(options.Addresses, options.ConnectionsPerAddress, options.Tls is { } tls ? host => UpstreamTls.Create(tls, host, System.Net.Security.SslApplicationProtocol.Http2) : null, _time, _loggers.CreateLogger<UpstreamPool>());
        _pools[options.Name] = (options, pool);
        return pool;
    }
}
