using System.Globalization;
using System.Text.Json;

namespace Postern.Identity.Jwt;

/// <summary>The three times of a token (RFC 7519 §4.1).</summary>
internal readonly record struct TokenTimes(DateTimeOffset Expires, DateTimeOffset? NotBefore, DateTimeOffset? Issued)
{
    // The last year that a DateTimeOffset holds, so that a leeway can be added to what is later still.
    private const double LatestSeconds = 253370764800;

    /// <summary>Null where there is no <c>exp</c>, or a time can't be read.</summary>
    public static TokenTimes? Read(JsonElement claims) =>
        TryRead(claims, "exp", out var expires) && expires is { } end && TryRead(claims, "nbf", out var notBefore) && TryRead(claims, "iat", out var issued)
            ? new TokenTimes(end, notBefore, issued)
            : null;

    /// <summary>As <see cref="Read"/>, where <c>exp</c> may be missing. Null where a time can't be read.</summary>
    public static (DateTimeOffset? Expires, DateTimeOffset? NotBefore, DateTimeOffset? Issued)? ReadOptional(JsonElement claims) =>
        TryRead(claims, "exp", out var expires) && TryRead(claims, "nbf", out var notBefore) && TryRead(claims, "iat", out var issued) ? (expires, notBefore, issued) : null;

    /// <summary>A span as people say it: <c>3 minutes</c>.</summary>
    public static string Words(TimeSpan span)
    {
        var (count, unit) = span.TotalSeconds < 90 ? (span.TotalSeconds, "second") : span.TotalMinutes < 90 ? (span.TotalMinutes, "minute")
            : span.TotalHours < 36 ? (span.TotalHours, "hour") : (span.TotalDays, "day");
        var whole = Math.Max(1, (long)count);
        return string.Create(CultureInfo.InvariantCulture, $"{whole} {unit}{(whole == 1 ? "" : "s")}");
    }

    // A number of seconds, not always whole. Anything else under the name is no time.
    private static bool TryRead(JsonElement claims, string name, out DateTimeOffset? time)
    {
        time = null;
        if (!claims.TryGetProperty(name, out var value))
        {
            return true;
        }

        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var seconds) || !double.IsFinite(seconds) || seconds < 0)
        {
            return false;
        }

        time = DateTimeOffset.UnixEpoch.AddSeconds(Math.Min(seconds, LatestSeconds));
        return true;
    }
}
