using System.Net;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Client;

/// <summary>The gate's public keys, kept in memory and fetched again for one that is unknown.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle holds nothing to release.")]
internal sealed class CallerKeys(HttpClient http, CallerAssertionOptions options, TimeProvider time)
{
    private const int Longest = 1024 * 1024;

    private readonly SemaphoreSlim _fetching = new(1, 1);
    private volatile Dictionary<string, SecurityKey> _keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
    private DateTimeOffset? _triedAt;
    private Exception? _trouble;

    /// <summary>The key of this id; null where the gate has none.</summary>
    /// <exception cref="CallerKeysUnavailableException">The key isn't known here and the gate can't be asked.</exception>
    public async ValueTask<SecurityKey?> FindAsync(string id, CancellationToken cancellation)
    {
        if (_keys.TryGetValue(id, out var known))
        {
            return known;
        }

        await _fetching.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (_keys.TryGetValue(id, out known))
            {
                return known;
            }

            // Made-up key ids must not become a flood at the gate.
            if (_triedAt is not { } tried || time.GetUtcNow() - tried >= options.FetchAtMostEvery)
            {
                _trouble = await FetchAsync(cancellation).ConfigureAwait(false);
                _triedAt = time.GetUtcNow();
            }

            return _keys.TryGetValue(id, out known) ? known
                : _trouble is null ? null : throw new CallerKeysUnavailableException($"The gate's keys at {options.KeySet} can't be had: {_trouble.Message}", _trouble);
        }
        finally
        {
            _fetching.Release();
        }
    }

    private async Task<Exception?> FetchAsync(CancellationToken cancellation)
    {
        try
        {
            using var response = await http.GetAsync(options.KeySet, cancellation).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                return new HttpRequestException($"it answers {(int)response.StatusCode}", null, response.StatusCode);
            }

            await response.Content.LoadIntoBufferAsync(Longest, cancellation).ConfigureAwait(false);
            var set = new JsonWebKeySet(await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false));
            var keys = set.Keys.Where(key => key.Kty == JsonWebAlgorithmsKeyTypes.EllipticCurve && key.Crv == "P-256" && !string.IsNullOrEmpty(key.Kid))
                .DistinctBy(key => key.Kid).ToDictionary(key => key.Kid, SecurityKey (key) => key, StringComparer.Ordinal);
            if (keys.Count == 0)
            {
                return new InvalidDataException("it names no key");
            }

            _keys = keys;
            return null;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or ArgumentException or System.Text.Json.JsonException)
        {
            return e;
        }
    }
}
