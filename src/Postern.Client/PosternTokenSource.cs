using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Postern.Client;

/// <summary>
/// Short-lived tokens from a Postern gate, always fresh: asked for when first wanted, replaced ahead of their end, once for all who wait. While a new one can't be
/// had the old one serves until it ends. Safe for concurrent use; make one and keep it.
/// </summary>
public sealed class PosternTokenSource : IAsyncDisposable
{
    private const int LongestAnswer = 256 * 1024;
    private static readonly TimeSpan s_unstatedLife = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan s_justNow = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(30);

    private readonly PosternTokenOptions _options;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _ending = new();
    private Task<PosternToken>? _fetching;
    private volatile PosternToken? _current;
    private long _refreshAtTicks;
    private int _failures;

    /// <summary>A source of tokens. Nothing is asked for yet.</summary>
    /// <param name="options">Which token, from where.</param>
    /// <param name="http">What to ask with; the source doesn't dispose it. Default: one that follows no redirects.</param>
    /// <param name="time">The clock. Default: the system's.</param>
    /// <exception cref="ArgumentException">The options can't be meant: a credential would leave in clear text, or a number is out of its range.</exception>
    public PosternTokenSource(PosternTokenOptions options, HttpClient? http = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!options.Endpoint.IsAbsoluteUri || (options.Endpoint.Scheme != Uri.UriSchemeHttps && !(options.Endpoint.Scheme == Uri.UriSchemeHttp && (options.Endpoint.IsLoopback || options.AllowClearText))))
        {
            throw new ArgumentException($"{options.Endpoint} would get a credential in clear text; take https, or say AllowClearText.", nameof(options));
        }

        if (options.RefreshAt is not (> 0 and < 1) || options.Timeout <= TimeSpan.Zero)
        {
            throw new ArgumentException("RefreshAt lies between 0 and 1, and Timeout is above zero.", nameof(options));
        }

        _options = options;
        _http = http ?? new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) });
        _time = time ?? TimeProvider.System;
    }

    // Read and written whole by many threads.
    private DateTimeOffset RefreshAt
    {
        get => new(Volatile.Read(ref _refreshAtTicks), TimeSpan.Zero);
        set => Volatile.Write(ref _refreshAtTicks, value.UtcTicks);
    }

    /// <summary>The token in hand, whether it still holds or not; null before the first.</summary>
    public PosternToken? Current => _current;

    /// <summary>A token that holds now. Completes at once where one is in hand; a request that is due soon then goes on in the background.</summary>
    /// <exception cref="PosternTokenException">None is in hand and none can be had.</exception>
    public ValueTask<PosternToken> GetAsync(CancellationToken cancellation = default)
    {
        var now = _time.GetUtcNow();
        if (_current is { } token && now < token.ExpiresAt)
        {
            if (now >= RefreshAt)
            {
                _ = FetchAsync();
            }

            return new ValueTask<PosternToken>(token);
        }

        return new ValueTask<PosternToken>(FetchAsync().WaitAsync(cancellation));
    }

    /// <summary>
    /// A token asked for now, whatever is in hand: for who was told that his is no good any more. One that was got a moment ago is answered again, so that a fleet
    /// of refused calls is one request.
    /// </summary>
    /// <exception cref="PosternTokenException">None can be had; one in hand stays in hand.</exception>
    public Task<PosternToken> RefreshAsync(CancellationToken cancellation = default)
    {
        var now = _time.GetUtcNow();
        if (_current is { } token && now - token.ObtainedAt < s_justNow && now < token.ExpiresAt)
        {
            return Task.FromResult(token);
        }

        RefreshAt = now;
        return FetchAsync().WaitAsync(cancellation);
    }

    /// <summary>
    /// Hands every new token to <paramref name="use"/>, the first before this completes, the others ahead of the end of the one before: shaped for the setters of
    /// Temporal's .NET SDK, <c>token =&gt; connection.ApiKey = token.Value</c>. Ends with the source.
    /// </summary>
    /// <param name="use">Takes a token. What it throws ends the loop.</param>
    /// <param name="failed">Told of each request that failed; the next follows after a while. Default: nobody is told.</param>
    /// <param name="cancellation">Ends the wait for the first token.</param>
    /// <returns>The loop: completes when the source is disposed, faults with what <paramref name="use"/> threw.</returns>
    /// <exception cref="PosternTokenException">The first token can't be had.</exception>
    public async Task<Task> FeedAsync(Action<PosternToken> use, Action<PosternTokenException>? failed = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(use);
        var first = await GetAsync(cancellation).ConfigureAwait(false);
        use(first);
        return FeedOnAsync(first, use, failed);
    }

    /// <summary>Ends feeding, and requests that are under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        if (_fetching is { } fetching)
        {
            await ((Task)fetching).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FeedOnAsync(PosternToken last, Action<PosternToken> use, Action<PosternTokenException>? failed)
    {
        try
        {
            while (true)
            {
                var wait = RefreshAt - _time.GetUtcNow();
                await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, _time, _ending.Token).ConfigureAwait(false);
                try
                {
                    var next = await FetchAsync().ConfigureAwait(false);
                    if (!ReferenceEquals(next, last))
                    {
                        use(last = next);
                    }
                }
                catch (PosternTokenException e)
                {
                    failed?.Invoke(e);
                }
            }
        }
        catch (OperationCanceledException) when (_ending.IsCancellationRequested)
        {
        }
    }

    // One request for all who wait; none of them can cancel it for the others.
    private Task<PosternToken> FetchAsync()
    {
        lock (_lock)
        {
            return _fetching is { IsCompleted: false } ? _fetching : _fetching = Task.Run(FetchOnceAsync, CancellationToken.None);
        }
    }

    private async Task<PosternToken> FetchOnceAsync()
    {
        // Somebody else's request may have just ended.
        if (_current is { } fresh && _time.GetUtcNow() is var now && now < RefreshAt && now < fresh.ExpiresAt)
        {
            return fresh;
        }

        try
        {
            var asked = _time.GetUtcNow();
            var token = await AskAsync(asked).ConfigureAwait(false);
            var life = (token.ExpiresAt - asked) * _options.RefreshAt;
            _failures = 0;
            RefreshAt = asked + life * (0.9 + Random.Shared.NextDouble() / 10);
            _current = token;
            return token;
        }
        catch (PosternTokenException)
        {
            var wait = Math.Min(s_longestWait.TotalSeconds, s_shortestWait.TotalSeconds * Math.Pow(2, Math.Min(_failures++, 10)));
            RefreshAt = _time.GetUtcNow() + TimeSpan.FromSeconds(wait * (0.75 + Random.Shared.NextDouble() / 4));
            throw;
        }
    }

    private async Task<PosternToken> AskAsync(DateTimeOffset asked)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
        timeout.CancelAfter(_options.Timeout);
        try
        {
            using var request = await WriteAsync(timeout.Token).ConfigureAwait(false);
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, timeout.Token).ConfigureAwait(false);
            await response.Content.LoadIntoBufferAsync(LongestAnswer, timeout.Token).ConfigureAwait(false);
            var body = await response.Content.ReadAsByteArrayAsync(timeout.Token).ConfigureAwait(false);
            return Read(response.StatusCode, body, asked);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException || (e is OperationCanceledException && !_ending.IsCancellationRequested))
        {
            throw new PosternTokenException($"No token could be had from {_options.Endpoint}: {(e is OperationCanceledException ? $"no answer within {_options.Timeout}" : e.Message)}", e) { IsTransient = true };
        }
    }

    private async Task<HttpRequestMessage> WriteAsync(CancellationToken cancellation)
    {
        var grant = new PosternGrantRequest(_options.Endpoint);
        await _options.Grant.WriteAsync(grant, cancellation).ConfigureAwait(false);
        foreach (var (name, value) in new[] { ("audience", _options.Audience), ("resource", _options.Resource?.ToString()), ("scope", _options.Scope) })
        {
            if (value is not null)
            {
                grant.Form[name] = value;
            }
        }

        var request = new HttpRequestMessage(HttpMethod.Post, _options.Endpoint) { Content = new FormUrlEncodedContent(grant.Form) };
        if (grant.Basic is { } basic)
        {
            // RFC 6749 §2.3.1: both parts are form-encoded first.
            var both = $"{WebUtility.UrlEncode(basic.Id)}:{WebUtility.UrlEncode(basic.Secret)}";
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(both)));
        }

        return request;
    }

    private PosternToken Read(HttpStatusCode status, byte[] body, DateTimeOffset asked)
    {
        JsonElement answer = default;
        try
        {
            using var document = JsonDocument.Parse(body);
            answer = document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // Judged below: what isn't JSON has no token in it.
        }

        if (status == HttpStatusCode.OK && Text(answer, "access_token") is { Length: > 0 } token && string.Equals(Text(answer, "token_type"), "Bearer", StringComparison.OrdinalIgnoreCase))
        {
            var life = answer.TryGetProperty("expires_in", out var seconds) && seconds.TryGetInt64(out var stated) && stated > 0 ? TimeSpan.FromSeconds(Math.Min(stated, 365L * 86400)) : s_unstatedLife;
            return new PosternToken(token, asked, asked + life);
        }

        var error = Text(answer, "error");
        var why = Text(answer, "error_description") ?? error ?? (status == HttpStatusCode.OK ? "its answer holds no bearer token" : "it gives no reason");
        throw new PosternTokenException($"{_options.Endpoint} gave no token ({(int)status}): {why}")
        {
            Error = error,
            IsTransient = (int)status >= 500 || status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout,
        };
    }

    private static string? Text(JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
