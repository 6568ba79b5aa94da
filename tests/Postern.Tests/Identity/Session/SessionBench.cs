using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.Session;
using Postern.Model;
using Postern.Storage;
using Postern.Tests.Audit;
using Postern.Tests.Identity.Accounts;

namespace Postern.Tests.Identity.Session;

/// <summary>Sessions on gates that share one store, each with a memory of its own that is brought up when told.</summary>
internal sealed class SessionBench : IAsyncDisposable
{
    public const string Origin = "https://prefect.example.com";

    private readonly string _folder = Directory.CreateTempSubdirectory("postern-sessions-").FullName;
    private readonly List<SqliteStore> _opened = [];

    public ManualTime Time { get; } = new();

    public SessionsOptions Options { get; } = new();

    public Revocations Revocations { get; } = new();

    /// <summary>Whom sessions speak for.</summary>
    public Func<BrowserSession, AuthenticationResult> Restore { get; set; } = session => new VerifiedToken(
        new Caller { Kind = CallerKind.Human, Issuer = "okta", Subject = "alice", Name = session.CallerName, DisplayName = "alice" }, DateTimeOffset.MaxValue, Lease.Lasting());

    public async Task<SessionGate> GateAsync()
    {
        var store = new SqliteStore(Path.Combine(_folder, SqliteStore.FileName), Time);
        _opened.Add(store);
        await store.MigrateAsync(CancellationToken.None);
        return new SessionGate(this, store);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>One gate's part.</summary>
internal sealed class SessionGate
{
    private readonly SqliteStore _store;
    private StoreRevision? _revision;

    public SessionGate(SessionBench bench, SqliteStore store)
    {
        _store = store;
        Directory = new SessionDirectory(bench.Time);
        Sessions = new BrowserSessions(
            Directory, AccountBench.Hash, bench.Options, store, (_, _) => CatchUpAsync(), bench.Revocations, session => bench.Restore(session), bench.Time, NullLogger.Instance);
    }

    public SessionDirectory Directory { get; }

    public BrowserSessions Sessions { get; }

    /// <summary>What the store's feed does by itself.</summary>
    public async Task CatchUpAsync()
    {
        var changes = _revision is { } since ? await _store.ChangesSinceAsync(since, CancellationToken.None) : await _store.ReadAsync(CancellationToken.None);
        Directory.Apply(changes);
        _revision = changes.Revision;
    }

    /// <summary>Logs alice in; the value of her cookie.</summary>
    public async Task<string> BeginAsync(string subject = "alice", string? session = "s1") => ValueOf(await Sessions.BeginAsync(
        new NewSession(SessionBench.Origin, "okta/" + subject, "{}", "okta", subject, session), CancellationToken.None));

    public async Task<SessionFinding> FindAsync(string cookie, string method = "GET", string origin = SessionBench.Origin, Action<IHeaderDictionary>? with = null)
    {
        var headers = new HeaderDictionary { ["Cookie"] = $"AMP_x=1; {SessionCookies.NameAt(origin)}={cookie}; prefect_ui_version=v2" };
        with?.Invoke(headers);
        return await Sessions.FindAsync(origin, method, false, headers, CancellationToken.None);
    }

    /// <summary>The session as the store has it once what is written beside requests is there.</summary>
    public async Task<BrowserSession?> StoredAsync(string id, Func<BrowserSession?, bool> until)
    {
        for (var i = 0; i < 500; i++)
        {
            if (await _store.BrowserSessionAsync(id, CancellationToken.None) is var stored && until(stored))
            {
                await CatchUpAsync();
                return stored;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException("It wasn't written.");
    }

    public static string ValueOf(string setCookie) => setCookie.Split(';')[0].Split('=', 2)[1];
}
