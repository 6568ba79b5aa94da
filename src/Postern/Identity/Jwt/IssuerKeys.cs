using Microsoft.Extensions.Logging;
using Postern.Telemetry;

namespace Postern.Identity.Jwt;

/// <summary>What is known of a key that a token names.</summary>
/// <param name="Key">The key, or null.</param>
/// <param name="IsCertain">Without a key: true where the issuer was asked and has none such; false where that can't be told at the moment.</param>
/// <param name="IsTooOften">Whether that can't be told only because unknown keys are asked for too often: the issuer answers, and its keys are at hand.</param>
internal readonly record struct KeyAnswer(IssuerKey? Key, bool IsCertain, bool IsTooOften = false);

/// <summary>What came of asking the issuer.</summary>
internal enum Asked : byte
{
    /// <summary>It was not asked, so soon after the last time.</summary>
    TooSoon,
    /// <summary>It was asked and gave no answer, or none in time.</summary>
    Unanswered,
    /// <summary>It answered a fetch that had begun before.</summary>
    Joined,
    /// <summary>It answered.</summary>
    Answered,
}

/// <summary>
/// The key set of one issuer: fetched before it is needed, refreshed ahead, fetched once more for a key id that isn't known, and kept through an outage of the
/// issuer up to <see cref="IIssuerOptions.StaleKeys"/>. Nothing on the warm path waits for it, and however many ask, one fetch is under way.
/// </summary>
internal sealed partial class IssuerKeys : IAsyncDisposable
{
    private const int MostAbsentIds = 256;
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan RereadEvery = TimeSpan.FromSeconds(30);
    // Also after a fetch for an unknown key that found the issuer away: its return must be noticed within seconds, since until then callers wait for it.
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan AskEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WarnEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PatienceOfACall = TimeSpan.FromSeconds(5);

    private readonly string _name;
    private readonly TimeSpan _staleAfter;
    private readonly KeySetSource _source;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _firstFetch = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private readonly HashSet<string> _absent = new(StringComparer.Ordinal);
    private IssuerKeySet? _set;
    private Task<bool>? _underWay;
    private DateTimeOffset? _awaySince;
    private long? _askedAt;
    private long? _warnedAt;
    private bool _ended;

    /// <param name="options">The issuer.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <param name="before">The same issuer under other settings: its keys serve until the first fetch of this one.</param>
    public IssuerKeys(IIssuerOptions options, TimeProvider time, ILogger logger, IssuerKeys? before = null)
    {
        _name = options.Name;
        _staleAfter = options.StaleKeys;
        _source = new KeySetSource(options.Issuer, options.KeySet);
        _time = time;
        _logger = logger;
        _set = before is null ? null : Volatile.Read(ref before._set);
        _timer = time.CreateTimer(static state => ((IssuerKeys)state!).Refresh(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Refresh();
    }

    /// <summary>Completes when keys were fetched for the first time, or that failed.</summary>
    public Task FirstFetch => _firstFetch.Task;

    /// <summary>Since when the issuer has not answered; null while it does.</summary>
    public DateTimeOffset? AwaySince
    {
        get
        {
            lock (_gate)
            {
                return _awaySince;
            }
        }
    }

    /// <summary>Whether the keys at hand may be used: fetched, and not older than the bound.</summary>
    public bool IsUsable => Usable() is not null;

    /// <summary>Fetches now, beside the schedule: a reload may have come because the key set's file changed.</summary>
    public void Refresh() => _ = FetchAsync();

    /// <summary>
    /// The key for a token. One that isn't known is asked for once more, within bounds: random key ids must not become traffic to the issuer, so that an id which
    /// the issuer was not asked for is no "no".
    /// </summary>
    public async ValueTask<KeyAnswer> FindAsync(string? keyId, string algorithm, CancellationToken cancellation)
    {
        if (Usable() is { } set)
        {
            if (set.Find(keyId, algorithm) is { } key)
            {
                return new(key, true);
            }

            if (set.Has(keyId))
            {
                // The id is known, its key is of another kind: no fetch makes that right.
                return new(null, true);
            }
        }

        var asked = await AskAsync(cancellation);
        if (asked is Asked.Joined && Usable()?.Find(keyId, algorithm) is null)
        {
            // The fetch that was under way may have begun before the key was published.
            asked = await AskAsync(cancellation);
        }

        if (Usable() is not { } fresh)
        {
            return default;
        }

        if (fresh.Find(keyId, algorithm) is { } found)
        {
            return new(found, true);
        }

        var isAbsent = IsAbsent(keyId ?? "", asked is Asked.Answered);
        return new(null, isAbsent, IsTooOften: !isAbsent && asked is Asked.TooSoon && AwaySince is null);
    }

    /// <summary>Whether the issuer is known to be out of reach; asks it where it was last heard of long ago, within the same bounds.</summary>
    public async ValueTask<bool> IsAwayAsync(CancellationToken cancellation)
    {
        if (_source.IsFile)
        {
            return false;
        }

        if (AwaySince is null && Volatile.Read(ref _set) is { } set && _time.GetUtcNow() - set.FetchedAt >= AskEvery)
        {
            await AskAsync(cancellation);
        }

        return AwaySince is not null;
    }

    public async ValueTask DisposeAsync()
    {
        Task? underWay;
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            underWay = _underWay;
        }

        await _stopping.CancelAsync();
        await _timer.DisposeAsync();
        if (underWay is not null)
        {
            await underWay;
        }

        _firstFetch.TrySetResult();
        _source.Dispose();
        _stopping.Dispose();
    }

    private IssuerKeySet? Usable() => Volatile.Read(ref _set) is { } set && _time.GetUtcNow() - set.FetchedAt <= _staleAfter ? set : null;

    private async ValueTask<Asked> AskAsync(CancellationToken cancellation)
    {
        Task<bool> fetch;
        var outcome = Asked.Answered;
        lock (_gate)
        {
            if (_underWay is { } running)
            {
                fetch = running;
                outcome = Asked.Joined;
            }
            else
            {
                if (_askedAt is { } last && _time.GetElapsedTime(last) < AskEvery)
                {
                    return Asked.TooSoon;
                }

                _askedAt = _time.GetTimestamp();
                fetch = FetchAsync();
            }
        }

        try
        {
            // The caller may go; the fetch is everybody's.
            return await fetch.WaitAsync(PatienceOfACall, _time, cancellation) ? outcome : Asked.Unanswered;
        }
        catch (TimeoutException)
        {
            return Asked.Unanswered;
        }
    }

    // The id of a key that a fetch just now didn't bring is remembered: the same token then gets the same answer without a new fetch.
    private bool IsAbsent(string keyId, bool asked)
    {
        lock (_gate)
        {
            if (asked)
            {
                if (_absent.Count >= MostAbsentIds)
                {
                    _absent.Clear();
                }

                _absent.Add(keyId);
                return true;
            }

            return _awaySince is null && _absent.Contains(keyId);
        }
    }

    private Task<bool> FetchAsync()
    {
        lock (_gate)
        {
            return _ended ? Task.FromResult(false) : _underWay ??= Task.Run(FetchOnceAsync);
        }
    }

    private async Task<bool> FetchOnceAsync()
    {
        string? problem = null;
        IssuerKeySet? fetched = null;
        try
        {
            fetched = IssuerKeySet.Read(await _source.ReadAsync(_stopping.Token), Volatile.Read(ref _set), _time.GetUtcNow());
        }
#pragma warning disable CA1031 // Whatever a stranger's document makes a parser throw: the schedule must live on, or the keys run out unseen.
        catch (Exception e)
#pragma warning restore CA1031
        {
            problem = e.Message;
        }

        lock (_gate)
        {
            _underWay = null;
            if (_ended)
            {
                return false;
            }

            if (fetched is not null)
            {
                Keep(fetched);
            }
            else
            {
                Miss(problem!);
            }
        }

        _firstFetch.TrySetResult();
        return fetched is not null;
    }

    private void Keep(IssuerKeySet fetched)
    {
        var before = _set;
        foreach (var key in fetched.All)
        {
            key.Lease.HoldUntil(fetched.FetchedAt + _staleAfter);
        }

        Volatile.Write(ref _set, fetched);
        foreach (var key in before?.All ?? [])
        {
            if (!fetched.All.Contains(key))
            {
                key.Lease.End();
            }
        }

        if (_awaySince is not null || before is null || !fetched.HasSameKeysAs(before))
        {
            Log.KeysFetched(_logger, _name, fetched.All.Length);
        }

        _awaySince = null;
        _warnedAt = null;
        _timer.Change(_source.IsFile ? RereadEvery : RefreshEvery, Timeout.InfiniteTimeSpan);
    }

    private void Miss(string problem)
    {
        _awaySince ??= _time.GetUtcNow();
        if (_warnedAt is not { } last || _time.GetElapsedTime(last) >= WarnEvery)
        {
            _warnedAt = _time.GetTimestamp();
            Log.KeysNotFetched(_logger, _name, problem);
        }

        _timer.Change(RetryEvery, Timeout.InfiniteTimeSpan);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 1, LogLevel.Information, "Issuer {Issuer}: {Count} keys")]
        public static partial void KeysFetched(ILogger logger, string issuer, int count);

        [LoggerMessage(EventIds.Identity + 2, LogLevel.Warning, "Issuer {Issuer}: keys can't be fetched: {Reason}. Keys at hand stay in use within their bound")]
        public static partial void KeysNotFetched(ILogger logger, string issuer, string reason);
    }
}
