using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Dev.Engine.Authorization;

/// <summary>
/// The public keys, fetched as the stock server fetches them, its trap included: whatever the status says, a body that is a JSON object replaces the keys
/// (an error document leaves none); no body, or another one, leaves them as they are. An unknown key id doesn't fetch.
/// </summary>
internal sealed partial class KeySet(DevEngineAuthorization options, TimeProvider time, ILogger<KeySet> logger) : IDisposable
{
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(10) };
    private volatile IReadOnlyDictionary<string, SecurityKey> keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
    private ITimer? timer;

    /// <summary>The keys by their id. Another object after each fetch that replaced them.</summary>
    public IReadOnlyDictionary<string, SecurityKey> Keys => keys;

    public async Task StartAsync(CancellationToken cancellation)
    {
        await RefreshAsync(cancellation);
        if (options.RefreshInterval > TimeSpan.Zero)
        {
            timer = time.CreateTimer(_ => _ = RefreshAsync(CancellationToken.None), null, options.RefreshInterval, options.RefreshInterval);
        }
    }

    public async Task RefreshAsync(CancellationToken cancellation)
    {
        try
        {
            using var answer = await http.GetAsync(options.KeySource, cancellation);
            Replace(await answer.Content.ReadAsByteArrayAsync(cancellation));
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or JsonException or InvalidOperationException)
        {
            Log.NotFetched(logger, error, options.KeySource);
        }
    }

    public void Dispose()
    {
        timer?.Dispose();
        http.Dispose();
    }

    private void Replace(byte[] body)
    {
        using var document = JsonDocument.Parse(body);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("not a JSON object");
        }

        var fetched = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
        if (document.RootElement.TryGetProperty("keys", out var list) && list.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in list.EnumerateArray())
            {
                var key = new JsonWebKey(element.GetRawText());
                if (key.Kid is { Length: > 0 } kid && (key.Kty == "RSA" || (key.Kty == "EC" && key.Crv == "P-256")))
                {
                    fetched[kid] = key;
                }
            }
        }

        keys = fetched;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Keys not fetched from {Source}", EventName = "KeysNotFetched")]
        public static partial void NotFetched(ILogger logger, Exception error, Uri source);
    }
}
