using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Postern.Pipeline.Prefect;

/// <summary>What tells one answer from another.</summary>
internal readonly record struct PrefectCacheKey(string Host, string Target, string Encodings, string Version);

/// <summary>
/// Answers that are the same for whoever may have them: what the server is, its description of itself and the files of its pages. A call is judged and recorded as ever; only the server isn't asked
/// again. Bounded; nothing that could be anybody's own is in it.
/// </summary>
internal sealed class PrefectCache(TimeProvider time)
{
    public const int MostEntries = 1_000;
    public const long MostBytes = 32 * 1024 * 1024;

    private const int LongestKey = 256;
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(60);

    // Whoever asks whether the server is well wants to know of now.
    private static readonly FrozenDictionary<string, TimeSpan> s_kept = new Dictionary<string, TimeSpan>
    {
        ["health_check"] = TimeSpan.FromSeconds(1),
        ["server_version"] = s_longest,
        ["read_version"] = s_longest,
        ["ui_asset"] = s_longest,
        ["api_static"] = s_longest,
        ["openapi"] = s_longest,
        ["api_openapi"] = s_longest,
        ["docs"] = s_longest,
        ["api_docs"] = s_longest,
        ["redoc"] = s_longest,
        ["api_redoc"] = s_longest,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    // Of these the answer depends, or the client wants it from the server.
    private static readonly string[] s_asking = ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Cache-Control", "Pragma", "Origin"];

    private readonly Lock _writing = new();
    private readonly System.Collections.Concurrent.ConcurrentDictionary<PrefectCacheKey, Entry> _entries = new();
    private long _bytes;

    /// <summary>The operations whose answers are kept; a test keeps them among those of the catalogue.</summary>
    public static IEnumerable<string> Operations => s_kept.Keys;

    public int Count => _entries.Count;

    /// <summary>What the call's answer is kept under; null where it isn't.</summary>
    public static PrefectCacheKey? KeyOf(PrefectCall call)
    {
        var headers = call.Context.Request.Headers;
        if (!call.Engine.Options.Cache || !s_kept.ContainsKey(call.Route.Operation) || PrefectHeaders.CookieOf(headers.Cookie) is not null || Array.Exists(s_asking, name => headers.ContainsKey(name))
            // A page in the place of a file that isn't there.
            || headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase) && call.Route.Operation is "ui_asset" or "api_static")
        {
            return null;
        }

        var key = new PrefectCacheKey(call.Context.Request.Host.Value ?? "", call.Match.Target, headers.AcceptEncoding.ToString(), headers["X-Prefect-Api-Version"].ToString());
        return key.Host.Length + key.Target.Length + key.Encodings.Length + key.Version.Length > LongestKey ? null : key;
    }

    /// <summary>Answers the call, if there is something to answer it with.</summary>
    public async ValueTask<bool> TryAnswerAsync(PrefectCall call, PrefectCacheKey key)
    {
        if (!_entries.TryGetValue(key, out var entry) || time.GetTimestamp() >= entry.Ends)
        {
            return false;
        }

        var response = call.Context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        foreach (var (name, value) in entry.Headers)
        {
            response.Headers[name] = value;
        }

        response.ContentLength = call.ResponseBytes = entry.Body.Length;
        await response.Body.WriteAsync(entry.Body, call.Context.RequestAborted);
        return true;
    }

    /// <summary>Keeps the server's answer, where it is one for everybody.</summary>
    public void Keep(PrefectCall call, PrefectCacheKey key, ReadOnlyMemory<byte> body)
    {
        var response = call.Context.Response;
        if (LifeOf(call.Route.Operation, response.StatusCode, response.Headers) is not { } life)
        {
            return;
        }

        var headers = response.Headers.Where(header => !header.Key.Equals("Date", StringComparison.OrdinalIgnoreCase) && !header.Key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase)).ToArray();
        Keep(key, new Entry(headers, body.ToArray(), time.GetTimestamp() + (long)(life.TotalSeconds * time.TimestampFrequency)));
    }

    /// <summary>How long an answer holds; null where it is nobody else's.</summary>
    public static TimeSpan? LifeOf(string operation, int status, IHeaderDictionary headers)
    {
        if (status != StatusCodes.Status200OK || !s_kept.TryGetValue(operation, out var life) || headers.SetCookie.Count > 0
            || headers.Vary.SelectMany(Words).Any(word => !(word.Equals("accept-encoding", StringComparison.OrdinalIgnoreCase) || word.Equals("origin", StringComparison.OrdinalIgnoreCase))))
        {
            return null;
        }

        foreach (var word in headers.CacheControl.SelectMany(Words))
        {
            if (word.StartsWith("max-age=", StringComparison.OrdinalIgnoreCase) && int.TryParse(word.AsSpan("max-age=".Length), System.Globalization.CultureInfo.InvariantCulture, out var seconds) && seconds > 0)
            {
                life = TimeSpan.FromSeconds(Math.Min(seconds, life.TotalSeconds));
            }
            else if (!(word.Equals("public", StringComparison.OrdinalIgnoreCase) || word.Equals("immutable", StringComparison.OrdinalIgnoreCase)))
            {
                return null;
            }
        }

        return life;
    }

    private static IEnumerable<string> Words(string? value) => (value ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private void Keep(PrefectCacheKey key, Entry entry)
    {
        lock (_writing)
        {
            Drop(key);
            if (_entries.Count >= MostEntries || _bytes + entry.Body.Length > MostBytes)
            {
                var now = time.GetTimestamp();
                foreach (var (other, old) in _entries)
                {
                    if (now >= old.Ends)
                    {
                        Drop(other);
                    }
                }
            }

            // Full of what still holds: the server answers this one again.
            if (_entries.Count < MostEntries && _bytes + entry.Body.Length <= MostBytes)
            {
                _entries[key] = entry;
                _bytes += entry.Body.Length;
            }
        }
    }

    private void Drop(PrefectCacheKey key)
    {
        if (_entries.TryRemove(key, out var gone))
        {
            _bytes -= gone.Body.Length;
        }
    }

    private sealed record Entry(KeyValuePair<string, StringValues>[] Headers, byte[] Body, long Ends);
}
