using System.Text.Json;

namespace Postern.Engines.Prefect;

/// <summary>
/// Members of a body as the server's model reads them. Null counts as missing, which it does wherever the server allows it; a value of another kind than expected isn't
/// guessed at. A body that isn't there has no members.
/// </summary>
internal static class PrefectValues
{
    /// <summary>Whether there is a value under the key.</summary>
    public static bool Has(JsonElement body, string key) => Find(body, key).ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    /// <summary>Whether the body has one member, under this key and with a value.</summary>
    public static bool HasOnly(JsonElement body, string key) => Has(body, key) && body.EnumerateObject().Take(2).Count() == 1;

    public static bool TryText(JsonElement body, string key, out string? text)
    {
        var value = Find(body, key);
        text = value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return text is not null || value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;
    }

    public static bool TryId(JsonElement body, string key, out string? id)
    {
        id = null;
        if (!TryText(body, key, out var text))
        {
            return false;
        }

        var isId = PrefectId.TryRead(text, out var canonical);
        id = isId ? canonical : null;
        return isId || text is null;
    }

    public static bool TryObject(JsonElement body, string key, out JsonElement value)
    {
        value = Find(body, key);
        return value.ValueKind is JsonValueKind.Object or JsonValueKind.Undefined or JsonValueKind.Null;
    }

    /// <summary>A list of texts; null where there is none.</summary>
    public static bool TryTexts(JsonElement body, string key, int most, out List<string>? texts)
    {
        texts = null;
        var value = Find(body, key);
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return true;
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > most)
        {
            return false;
        }

        texts = [];
        foreach (var element in value.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.String)
            {
                return false;
            }

            texts.Add(element.GetString()!);
        }

        return true;
    }

    /// <summary>A list of ids, canonical; null where there is none.</summary>
    public static bool TryIds(JsonElement body, string key, int most, out List<string>? ids)
    {
        if (!TryTexts(body, key, most, out ids))
        {
            return false;
        }

        for (var i = 0; i < ids?.Count; i++)
        {
            if (!PrefectId.TryRead(ids[i], out var canonical))
            {
                return false;
            }

            ids[i] = canonical;
        }

        return true;
    }

    /// <summary>Whether a value of a query is plainly false: the server takes more words for it, and anything else for true.</summary>
    public static bool IsPlainlyFalse(string value) => value is "0" || string.Equals(value, "false", StringComparison.OrdinalIgnoreCase);

    public static bool IsPlainlyFalseOrMissing(JsonElement body, string key) => Find(body, key) switch
    {
        { ValueKind: JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.False } => true,
        { ValueKind: JsonValueKind.Number } number => number.GetRawText() == "0",
        { ValueKind: JsonValueKind.String } text => IsPlainlyFalse(text.GetString()!),
        _ => false,
    };

    public static bool IsPlainlyTrueOrMissing(JsonElement body, string key) => Find(body, key) switch
    {
        { ValueKind: JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.Number } number => number.GetRawText() == "1",
        { ValueKind: JsonValueKind.String } text => text.GetString() is "1" || string.Equals(text.GetString(), "true", StringComparison.OrdinalIgnoreCase),
        _ => false,
    };

    private static JsonElement Find(JsonElement body, string key) => body.ValueKind == JsonValueKind.Object && body.TryGetProperty(key, out var value) ? value : default;
}
