using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Postern.Identity.Introspection;

/// <summary>
/// Asks one endpoint about tokens: one question at a time for each token, within a time, a size and a number. While the endpoint fails it is asked about one token
/// every few seconds only, so that its outage costs callers no waiting and its return meets no crowd.
/// </summary>
internal sealed class IntrospectionClient : IDisposable
{
    private const int LargestAnswer = 64 * 1024;
    private const int MostUnderWay = 256;
    private const int FailuresThatOpen = 5;
    private static readonly TimeSpan OpenFor = TimeSpan.FromSeconds(5);

    private readonly Uri _endpoint;
    private readonly AuthenticationHeaderValue _credential;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly Dictionary<TokenDigest, Task<IntrospectionAnswer>> _underWay = [];
    private readonly Lock _gate = new();
    private int _failures;
    private long _openedAt;

    public IntrospectionClient(IntrospectionOptions options, TimeProvider time)
    {
        Options = options;
        _time = time;
        _endpoint = new Uri(options.Endpoint);
        // RFC 6749 §2.3.1: each half is form-encoded first, so that a colon in the id is none.
        _credential = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{WebUtility.UrlEncode(options.ClientId)}:{WebUtility.UrlEncode(options.ClientSecret.Reveal())}")));
        _http = new HttpClient(new SocketsHttpHandler
        {
            // A redirect would carry the token to whomever the endpoint names.
            AllowAutoRedirect = false,
            UseProxy = _endpoint.Scheme == Uri.UriSchemeHttps,
            UseCookies = false,
            ConnectTimeout = options.Timeout,
            MaxConnectionsPerServer = 32,
            ActivityHeadersPropagator = null,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = options.Timeout,
            MaxResponseContentBufferSize = LargestAnswer,
        };
    }

    public IntrospectionOptions Options { get; }

    /// <summary>Since when it has given no answer, and why not the last time; null where it answered last, or wasn't asked.</summary>
    public IntrospectionOutage? Outage { get; private set; }

    /// <summary>Whether a client of these options would ask the same endpoint in the same way.</summary>
    public bool Serves(IntrospectionOptions options) =>
        Options.Endpoint == options.Endpoint && Options.ClientId == options.ClientId && Options.ClientSecret.Reveal() == options.ClientSecret.Reveal() && Options.Timeout == options.Timeout;

    public async ValueTask<IntrospectionAnswer> AskAsync(string token, TokenDigest digest, CancellationToken cancellation)
    {
        Task<IntrospectionAnswer>? asked;
        lock (_gate)
        {
            if (!_underWay.TryGetValue(digest, out asked))
            {
                if (_underWay.Count >= MostUnderWay)
                {
                    return IntrospectionAnswer.None("too many questions are under way");
                }

                if (!MayAsk())
                {
                    return IntrospectionAnswer.None("it failed several times, and is asked again in seconds");
                }

                asked = Task.Run(() => AskOnceAsync(token, digest), CancellationToken.None);
                _underWay.Add(digest, asked);
            }
        }

        // The caller may go; the answer is everybody's.
        return await asked.WaitAsync(cancellation);
    }

    public void Dispose() => _http.Dispose();

    private async Task<IntrospectionAnswer> AskOnceAsync(string token, TokenDigest digest)
    {
        IntrospectionAnswer answer;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _endpoint)
            {
                Content = new FormUrlEncodedContent([new("token", token), new("token_type_hint", "access_token")]),
            };
            request.Headers.Authorization = _credential;
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
            using var response = await _http.SendAsync(request);
            answer = response.StatusCode == HttpStatusCode.OK
                ? IntrospectionAnswer.Read(await response.Content.ReadAsByteArrayAsync())
                : IntrospectionAnswer.None(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
                    ? $"it refuses this gate's own client id and secret ({(int)response.StatusCode})"
                    : $"it answered {(int)response.StatusCode}");
        }
        catch (OperationCanceledException)
        {
            answer = IntrospectionAnswer.None("it didn't answer in time");
        }
#pragma warning disable CA1031 // Whatever a stranger's answer makes the client throw, there is no answer.
        catch (Exception e)
#pragma warning restore CA1031
        {
            answer = IntrospectionAnswer.None(e.Message);
        }

        lock (_gate)
        {
            _underWay.Remove(digest);
            Note(answer);
        }

        return answer;
    }

    private bool MayAsk()
    {
        if (_failures < FailuresThatOpen)
        {
            return true;
        }

        if (_time.GetElapsedTime(_openedAt) < OpenFor)
        {
            return false;
        }

        // One goes ahead and sees whether it is back.
        _openedAt = _time.GetTimestamp();
        return true;
    }

    private void Note(IntrospectionAnswer answer)
    {
        _failures = answer.Failure is null ? 0 : _failures + 1;
        Outage = answer.Failure is { } failure ? new IntrospectionOutage(Outage?.Since ?? _time.GetUtcNow(), failure) : null;
        if (_failures == FailuresThatOpen)
        {
            _openedAt = _time.GetTimestamp();
        }
    }
}

/// <summary>An endpoint that gives no answers.</summary>
/// <param name="Since">Since when.</param>
/// <param name="Reason">Why not the last time.</param>
internal sealed record IntrospectionOutage(DateTimeOffset Since, string Reason);
