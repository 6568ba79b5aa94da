using System.Collections.Frozen;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;
using Postern.Telemetry;

namespace Postern.Identity.Jwt;

/// <summary>
/// The key set of one issuer: fetched before it is needed, refreshed ahead, fetched once more for a key id that isn't known, and kept through an outage of the
/// issuer up to <see cref="IssuerOptions.StaleKeys"/>. Nothing on the warm path waits for it.
/// </summary>
internal sealed partial class IssuerKeys : IAsyncDisposable
{
    private const int LargestDocument = 1024 * 1024;
    private static readonly TimeSpan RefreshEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan UnknownKeyEvery = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _fetching = new(1, 1);
    private readonly Task _refreshing;
    private readonly TaskCompletionSource _firstFetch = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private KeySet _keys = KeySet.None;
    private DateTimeOffset? _unreachableSince;
    private long _lastForUnknown;

    public IssuerKeys(IssuerOptions options, TimeProvider time, ILogger logger)
    {
        Options = options;
        _time = time;
        _logger = logger;
        _http = new HttpClient(new SocketsHttpHandler
        {
            // A redirect would let whoever answers for one host choose another to trust.
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            ConnectTimeout = FetchTimeout,
            ActivityHeadersPropagator = null,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        })
        {
            Timeout = FetchTimeout,
            MaxResponseContentBufferSize = LargestDocument,
        };
        _refreshing = Task.Run(RefreshForeverAsync);
    }

    public IssuerOptions Options { get; private set; }

    /// <summary>Completes when keys were fetched for the first time, or that failed.</summary>
    public Task FirstFetch => _firstFetch.Task;

    /// <summary>Since when the issuer has not answered; null while it does.</summary>
    public DateTimeOffset? UnreachableSince => _unreachableSince;

    /// <summary>Whether the keys at hand may be used: fetched, and not older than the bound.</summary>
    public bool IsUsable => _keys.FetchedAt is { } at && _time.GetUtcNow() - at <= Options.StaleKeys;

    public bool Has(string keyId) => IsUsable && Volatile.Read(ref _keys).ById.ContainsKey(keyId);

    public SecurityKey? Find(string keyId) => Volatile.Read(ref _keys).ById.GetValueOrDefault(keyId);

    /// <summary>The only key, for tokens without a key id; null where there are none or several.</summary>
    public SecurityKey? Only => Volatile.Read(ref _keys) is { ById.Count: 1 } keys ? keys.ById.Values[0] : null;

    /// <summary>
    /// Fetches once more for a key id that isn't known. Rate-limited: random key ids must not become traffic to the issuer.
    /// False where no fetch was made, so that an unknown key may just be too new: that is no answer.
    /// </summary>
    public async ValueTask<bool> RefetchAsync(CancellationToken cancellation)
    {
        var now = _time.GetTimestamp();
        var last = Interlocked.Read(ref _lastForUnknown);
        if ((last != 0 && _time.GetElapsedTime(last, now) < UnknownKeyEvery) || Interlocked.CompareExchange(ref _lastForUnknown, now, last) != last)
        {
            // Somebody else's fetch may be under way: its end is the answer.
            var running = _fetching.CurrentCount == 0;
            await _fetching.WaitAsync(cancellation);
            _fetching.Release();
            return running;
        }

        return await FetchAsync(cancellation);
    }

    /// <summary>Takes over changed settings that don't change where the keys come from.</summary>
    public IssuerKeys Adopt(IssuerOptions options)
    {
        Options = options;
        if (options.KeySet is not null)
        {
            // A reload may have come because this very file changed.
            _ = FetchAsync(_stopping.Token);
        }

        return this;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _refreshing;
        _http.Dispose();
        _stopping.Dispose();
        _fetching.Dispose();
    }

    private async Task RefreshForeverAsync()
    {
        try
        {
            while (true)
            {
                await FetchAsync(_stopping.Token);
                _firstFetch.TrySetResult();
                // In short steps: a fetch for an unknown key may find the issuer away in between, and its return must be noticed soon.
                var fetched = _time.GetTimestamp();
                do
                {
                    await Task.Delay(RetryEvery, _time, _stopping.Token);
                }
                while (_unreachableSince is null && _time.GetElapsedTime(fetched) < RefreshEvery);
            }
        }
        catch (OperationCanceledException)
        {
            _firstFetch.TrySetResult();
        }
    }

    private async Task<bool> FetchAsync(CancellationToken cancellation)
    {
        await _fetching.WaitAsync(cancellation);
        try
        {
            var set = Options.KeySet is { } file ? await File.ReadAllTextAsync(file, cancellation) : await DiscoverAsync(cancellation);
            var keys = Read(set);
            if (keys.Count == 0)
            {
                throw new FormatException("the key set has no usable key");
            }

            var before = Interlocked.Exchange(ref _keys, new KeySet(keys, _time.GetUtcNow()));
            if (_unreachableSince is not null || before.FetchedAt is null || !before.ById.Keys.ToHashSet().SetEquals(keys.Keys))
            {
                Log.KeysFetched(_logger, Options.Name, keys.Count);
            }

            _unreachableSince = null;
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or FormatException or ArgumentException or UnauthorizedAccessException
                                  || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            _unreachableSince ??= _time.GetUtcNow();
            Log.KeysNotFetched(_logger, Options.Name, e.Message);
            return false;
        }
        finally
        {
            _fetching.Release();
        }
    }

    private async Task<string> DiscoverAsync(CancellationToken cancellation)
    {
        var document = await GetAsync(new Uri(Options.Issuer.TrimEnd('/') + "/.well-known/openid-configuration"), cancellation);
        var configuration = OpenIdConnectConfiguration.Create(document);
        if (!string.Equals(configuration.Issuer, Options.Issuer, StringComparison.Ordinal))
        {
            throw new FormatException($"the discovery document names the issuer '{configuration.Issuer}'");
        }

        if (!Uri.TryCreate(configuration.JwksUri, UriKind.Absolute, out var keys))
        {
            throw new FormatException("the discovery document names no key set");
        }

        return await GetAsync(keys, cancellation);
    }

    private async Task<string> GetAsync(Uri address, CancellationToken cancellation)
    {
        if (address.Scheme != Uri.UriSchemeHttps && !(address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
        {
            throw new FormatException($"{address} is neither https nor on this host");
        }

        using var answer = await _http.GetAsync(address, cancellation);
        return answer.StatusCode == HttpStatusCode.OK
            ? await answer.Content.ReadAsStringAsync(cancellation)
            : throw new HttpRequestException($"{address} answered {(int)answer.StatusCode}");
    }

    private static FrozenDictionary<string, SecurityKey> Read(string set)
    {
        var keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
        foreach (var key in new JsonWebKeySet(set).Keys)
        {
            // Symmetric keys have no place in a public set: with one, whoever reads the set could sign.
            if (key.Kty is "RSA" or "EC" && key.Use is null or "" or "sig" && !keys.ContainsKey(key.Kid ?? ""))
            {
                keys[key.Kid ?? ""] = key;
            }
        }

        return keys.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private sealed record KeySet(FrozenDictionary<string, SecurityKey> ById, DateTimeOffset? FetchedAt)
    {
        public static readonly KeySet None = new(FrozenDictionary<string, SecurityKey>.Empty, null);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Identity + 1, LogLevel.Information, "Issuer {Issuer}: {Count} keys")]
        public static partial void KeysFetched(ILogger logger, string issuer, int count);

        [LoggerMessage(EventIds.Identity + 2, LogLevel.Warning, "Issuer {Issuer}: keys can't be fetched: {Reason}. Keys at hand stay in use within their bound")]
        public static partial void KeysNotFetched(ILogger logger, string issuer, string reason);
    }
}
