using System.Text.Json;

namespace Postern.Policy;

/// <summary>Reads the values that a claim path names: a single value, or each of a list.</summary>
internal static class ClaimValues
{
    public static IEnumerable<string> At(JsonElement claims, string path)
    {
        if (!TryFind(claims, path, out var found))
        {
            return [];
        }

        return found.ValueKind == JsonValueKind.Array ? found.EnumerateArray().Select(Text).OfType<string>() : Text(found) is { } single ? [single] : [];
    }

    // A claim's own name may hold dots (https://example.com/roles), so the whole rest is tried as a name before it is taken apart.
    private static bool TryFind(JsonElement element, string path, out JsonElement found)
    {
        found = default;
        if (element.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        if (element.TryGetProperty(path, out found))
        {
            return true;
        }

        for (var dot = path.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = path.IndexOf('.', dot + 1))
        {
            if (element.TryGetProperty(path[..dot], out var inner) && TryFind(inner, path[(dot + 1)..], out found))
            {
                return true;
            }
        }

        return false;
    }

    private static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => null,
    };
}
