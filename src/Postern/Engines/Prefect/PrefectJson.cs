using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Unicode;

namespace Postern.Engines.Prefect;

/// <summary>
/// Bodies, read so that nobody can read them in another way: the server's reader takes the last of two equal keys, other encodings than UTF-8, and halves of characters. All
/// of that is refused.
/// </summary>
internal static class PrefectJson
{
    private const int Depth = 64;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, AllowTrailingCommas = false, CommentHandling = JsonCommentHandling.Disallow, MaxDepth = Depth };

    /// <summary>
    /// Whether a body of this type is JSON to the server. Without a type it is; of any other type it answers as if there were no body, so that a filter would hold nobody back.
    /// </summary>
    public static bool IsJson(string? contentType)
    {
        if (string.IsNullOrWhiteSpace(contentType))
        {
            return true;
        }

        return MediaTypeHeaderValue.TryParse(contentType, out var type)
            && string.Equals(type.MediaType, "application/json", StringComparison.OrdinalIgnoreCase)
            && type.Parameters.All(p => string.Equals(p.Name, "charset", StringComparison.OrdinalIgnoreCase) && string.Equals(p.Value?.Trim('"'), "utf-8", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Reads a body.</summary>
    /// <param name="body">All of it.</param>
    /// <param name="document">The body; null where it is empty. The caller disposes it.</param>
    /// <param name="fault">Why it is refused, in a few words that repeat nothing of it.</param>
    public static bool TryRead(ReadOnlyMemory<byte> body, out JsonDocument? document, out string fault)
    {
        document = null;
        fault = "";
        if (body.IsEmpty)
        {
            return true;
        }

        if (!Utf8.IsValid(body.Span))
        {
            fault = "its body isn't UTF-8";
            return false;
        }

        try
        {
            document = JsonDocument.Parse(body, s_strict);
        }
        catch (JsonException)
        {
            fault = "its body isn't JSON of one meaning";
            return false;
        }
        catch (InvalidOperationException)
        {
            // A key that is half a character, found where keys are compared.
        }

        if (document is not null && !HoldsHalves(body.Span))
        {
            return true;
        }

        document?.Dispose();
        document = null;
        fault = "its body has a string that isn't text";
        return false;
    }

    // Of JSON that is well-formed: escapes stand in strings alone.
    private static bool HoldsHalves(ReadOnlySpan<byte> json)
    {
        for (var at = json.IndexOf((byte)'\\'); at >= 0; at = json.IndexOf((byte)'\\'))
        {
            json = json[at..];
            if (json[1] != 'u')
            {
                json = json[2..];
                continue;
            }

            var unit = Unit(json);
            json = json[6..];
            if (!char.IsSurrogate(unit))
            {
                continue;
            }

            if (char.IsLowSurrogate(unit) || json.Length < 6 || json[0] != '\\' || json[1] != 'u' || !char.IsLowSurrogate(Unit(json)))
            {
                return true;
            }

            json = json[6..];
        }

        return false;
    }

    private static char Unit(ReadOnlySpan<byte> escape) => (char)ushort.Parse(escape[2..6], System.Globalization.NumberStyles.AllowHexSpecifier, System.Globalization.CultureInfo.InvariantCulture);
}
