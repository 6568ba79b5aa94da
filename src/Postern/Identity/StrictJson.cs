using System.Text.Json;

namespace Postern.Identity;

/// <summary>Reads what strangers say of callers, so that everybody who reads a value later sees the same.</summary>
internal static class StrictJson
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>
    /// An object without a name twice and without text that isn't text; null where it is something else. Throws <see cref="JsonException"/> or
    /// <see cref="InvalidOperationException"/> where it can't be read.
    /// </summary>
    public static JsonElement? ReadObject(ReadOnlyMemory<byte> text) => Read(text, JsonValueKind.Object);

    /// <summary>A list, as strictly.</summary>
    public static JsonElement? ReadList(ReadOnlyMemory<byte> text) => Read(text, JsonValueKind.Array);

    private static JsonElement? Read(ReadOnlyMemory<byte> text, JsonValueKind kind)
    {
        using var document = JsonDocument.Parse(text, Strict);
        if (document.RootElement.ValueKind != kind)
        {
            return null;
        }

        DecodeTexts(document.RootElement);
        return document.RootElement.Clone();
    }

    // An escape like \ud800 alone is valid JSON and no text: it throws here, rather than when a policy reads the claim.
    private static void DecodeTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    DecodeTexts(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    DecodeTexts(property.Value);
                }

                break;
        }
    }
}
