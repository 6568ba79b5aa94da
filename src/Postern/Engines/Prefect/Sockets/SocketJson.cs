using System.Text.Json;

namespace Postern.Engines.Prefect.Sockets;

/// <summary>
/// A socket's messages, read so that the server can see nothing else in them: of a name that stands twice Python takes the last, and others the first.
/// </summary>
internal static class SocketJson
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    /// <summary>The message as a document; null where it is no object, or can't be read in one way alone.</summary>
    public static JsonDocument? Read(ReadOnlyMemory<byte> message)
    {
        try
        {
            var document = JsonDocument.Parse(message, s_strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return document;
            }

            document.Dispose();
            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A member that is a text; null where it is none. Half of a surrogate pair makes no text.</summary>
    public static string? Text(this JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value.Text() : null;

    public static string? Text(this JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>A member that is a list of texts; null where it isn't that.</summary>
    public static IReadOnlyList<string>? Texts(this JsonElement element, string name)
    {
        if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out var list) || list.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var texts = new List<string>();
        foreach (var item in list.EnumerateArray())
        {
            if (item.Text() is not { } text)
            {
                return null;
            }

            texts.Add(text);
        }

        return texts;
    }
}
