using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// Lists of events say in full where their next page is, with the scheme and the name by which the server believes to be called; clients send their credential there. It is said as the client calls the gate.
/// </summary>
internal static class PrefectNextPage
{
    private const string Path = "/api/events/filter/next?";
    private static readonly JsonSerializerOptions s_asItIs = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether the answer may name a next page.</summary>
    public static bool IsNamed(PrefectCall call) => call.Route.Operation is "read_events" or "read_account_events_page";

    public static void Correct(PrefectCall call, HeldAnswer held)
    {
        var (request, response) = (call.Context.Request, call.Context.Response);
        if (!IsNamed(call) || response.StatusCode != StatusCodes.Status200OK || held.Bytes is not { } answer || PrefectAnswers.Plain(response, answer) is not { IsEmpty: false } plain
            || At(plain, $"{request.Scheme}://{request.Host.Value}") is not { } corrected)
        {
            return;
        }

        held.Replace(corrected);
        response.Headers.ContentEncoding = default;
        response.ContentLength = corrected.Length;
    }

    /// <summary>The answer with its next page at the origin; null where it is there already, or there is none.</summary>
    public static byte[]? At(ReadOnlyMemory<byte> answer, string origin)
    {
        try
        {
            var reader = new Utf8JsonReader(answer.Span);
            while (reader.Read())
            {
                if (reader.CurrentDepth != 1 || reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals("next_page"u8))
                {
                    continue;
                }

                reader.Read();
                if (reader.TokenType != JsonTokenType.String || Moved(reader.GetString()!, origin) is not { } moved)
                {
                    return null;
                }

                return [.. answer.Span[..(int)reader.TokenStartIndex], .. JsonSerializer.SerializeToUtf8Bytes(moved, s_asItIs), .. answer.Span[(int)reader.BytesConsumed..]];
            }
        }
        catch (JsonException)
        {
            // What isn't JSON names nothing.
        }

        return null;
    }

    private static string? Moved(string text, string origin)
    {
        var authority = text.IndexOf("://", StringComparison.Ordinal);
        var path = authority < 0 ? -1 : text.IndexOf('/', authority + 3);
        return path < 0 || !text.AsSpan(path).StartsWith(Path, StringComparison.Ordinal) || text.AsSpan(0, path).Equals(origin, StringComparison.Ordinal)
            // Something before the gate may speak TLS for it: nobody is sent away from there.
            || text.AsSpan(0, path).Equals(origin.Replace("http://", "https://", StringComparison.Ordinal), StringComparison.Ordinal)
            ? null : string.Concat(origin, text.AsSpan(path));
    }
}
