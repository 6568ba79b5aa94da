using Microsoft.Extensions.Logging;
using Postern.Configuration;
using Postern.Identity.Accounts;
using Postern.Identity.BreakGlass;
using Postern.Identity.Session;
using Postern.Model;
using Postern.Storage;
using Postern.Telemetry;
using Postern.Tokens;

namespace Postern.Hosting;

/// <summary>
/// The gate's own accounts: the store where they are kept, the memory from which calls are judged, and what carries changes from the one to the other.
/// </summary>
internal sealed partial class AccountStore : IAsyncDisposable
{
    private static readonly TimeSpan NoteUsesEvery = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SweepEvery = TimeSpan.FromHours(1);

    private readonly SqlStore _store;
    private readonly StoreFeed _feed;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _ending = new();
    private readonly ITimer _noting;
    private readonly ITimer _sweeping;
    private readonly SemaphoreSlim _writing = new(1, 1);

    public AccountStore(PosternOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        _time = time;
        _logger = loggers.CreateLogger<AccountStore>();
        Directory = new AccountDirectory(time);
        Passwords = new PasswordCheck(Directory, time);
        Sessions = new SessionDirectory(time);
        Hash = CredentialKeys.HashOf(options.Data, time, loggers);
        BreakGlassSeal = CredentialKeys.SealOf(options.Data, time, loggers);
        BreakGlassUses = new BreakGlassUses(CredentialKeys.MarkersIn(options.Data));
        Logins = CredentialKeys.LoginsOf(options.Data, time, loggers);
        _store = StoreFactory.Create(options.Storage, options.Data, time);
        _feed = new StoreFeed(_store, Take, time, loggers.CreateLogger<StoreFeed>());
        _noting = time.CreateTimer(_ => _ = NoteUsesAsync(), null, NoteUsesEvery, NoteUsesEvery);
        _sweeping = time.CreateTimer(_ => _ = SweepAsync(), null, SweepEvery, SweepEvery);
    }

    public AccountDirectory Directory { get; }

    public Revocations Revocations { get; } = new();

    /// <summary>Kept over reloads, with what it has counted.</summary>
    public PasswordCheck Passwords { get; }

    /// <summary>Sessions of browsers.</summary>
    public SessionDirectory Sessions { get; }

    public SecretHash Hash { get; }

    public SecretSeal BreakGlassSeal { get; }

    public BreakGlassUses BreakGlassUses { get; }

    /// <summary>Closes what a browser carries through a login.</summary>
    public Sealer Logins { get; }

    public IStore Store => _store;

    /// <summary>Waits until what was written holds in this gate.</summary>
    public Task SeenAsync(StoreRevision revision, CancellationToken cancellation) => _feed.SeenAsync(revision, cancellation);

    /// <summary>Migrates the store and reads it. A store that is away stops nothing.</summary>
    public Task StartAsync(CancellationToken cancellation) => _feed.StartAsync(cancellation);

    /// <summary>What doesn't keep the gate from serving and should be seen all the same.</summary>
    public IEnumerable<string> Notes()
    {
        if (_feed.LostSince is { } since)
        {
            yield return $"store {_store.Place}: out of reach since {since:O}, this gate goes on with what it has: {_feed.LostReason}";
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _noting.DisposeAsync();
        await _sweeping.DisposeAsync();
        await NoteUsesAsync();
        await _ending.CancelAsync();
        await _feed.DisposeAsync();
        await _store.DisposeAsync();
        Passwords.Dispose();
        _ending.Dispose();
        _writing.Dispose();
    }

    private void Take(StoreChanges changes)
    {
        Revocations.Apply(changes);
        Directory.Apply(changes);
        Sessions.Apply(changes);
    }

    private async Task NoteUsesAsync()
    {
        if (!await _writing.WaitAsync(0))
        {
            return;
        }

        try
        {
            var uses = Directory.TakeUses();
            if (uses.Count > 0)
            {
                await _store.NoteUsesAsync(uses, _ending.Token);
            }
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
        {
            // When a key was last used is worth knowing and not worth more: the next use is noted again.
            Log.UsesNotNoted(_logger, e.Message);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task SweepAsync()
    {
        try
        {
            Revocations.Sweep(_time.GetUtcNow());
            Sessions.Sweep(_time.GetUtcNow());
            await _store.SweepAsync(_time.GetUtcNow(), _ending.Token);
        }
        catch (Exception e) when (e is StoreUnavailableException or OperationCanceledException)
        {
            // Any gate may do it, at any time.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Hosting + 10, LogLevel.Warning, "Uses of keys could not be written down: {Reason}")]
        public static partial void UsesNotNoted(ILogger logger, string reason);
    }
}
