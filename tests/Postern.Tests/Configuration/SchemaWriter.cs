using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Configuration;

namespace Postern.Tests.Configuration;

/// <summary>The JSON schema of <c>postern.yaml</c>, from the options types.</summary>
internal static class SchemaWriter
{
    private static readonly JsonSerializerOptions Pretty = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write()
    {
        var docs = new OptionDocs();
        var definitions = new JsonObject();
        var root = Record(typeof(PosternOptions), docs, definitions);
        root["patternProperties"] = new JsonObject { ["^x-"] = new JsonObject { ["description"] = "Not read: a place for anchors." } };
        var schema = new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema", ["title"] = "postern.yaml" };
        foreach (var (key, value) in root.ToList())
        {
            root.Remove(key);
            schema[key] = value;
        }

        schema["$defs"] = new JsonObject(definitions.OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => KeyValuePair.Create(d.Key, d.Value?.DeepClone())));
        return schema.ToJsonString(Pretty) + "\n";
    }

    private static JsonObject Record(Type type, OptionDocs docs, JsonObject definitions)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        var defaults = Activator.CreateInstance(type)!;
        foreach (var property in OptionShape.Properties(type))
        {
            var schema = Value(property.Type, property, docs, definitions);
            schema["description"] = docs.Of(type, property);
            if (property.Required is null && ScalarText.Write(property.Property.GetValue(defaults)) is { } value)
            {
                schema["default"] = property.Type == typeof(bool) || property.Type == typeof(int) ? JsonNode.Parse(value) : value;
            }

            properties[property.Key] = schema;
            if (IsRequired(property, defaults))
            {
                required.Add(property.Key);
            }
        }

        var record = new JsonObject { ["type"] = "object", ["description"] = docs.Of(type), ["properties"] = properties, ["additionalProperties"] = false, ["minProperties"] = 1 };
        if (required.Count > 0)
        {
            record["required"] = required;
        }

        return record;
    }

    // A section that is always there is required where one of its keys is.
    public static bool IsRequired(OptionProperty property, object record) => property.Required is not null
        || (OptionShape.IsRecord(property.Type) && property.Property.GetValue(record) is { } inner && OptionShape.Properties(property.Type).Any(p => IsRequired(p, inner)));

    private static JsonObject Value(Type type, OptionProperty? property, OptionDocs docs, JsonObject definitions)
    {
        if (OptionShape.ListElement(type) is { } element)
        {
            return new JsonObject { ["type"] = "array", ["minItems"] = 1, ["items"] = Value(element, property, docs, definitions) };
        }

        if (OptionShape.MapValue(type) is { } value)
        {
            return new JsonObject { ["type"] = "object", ["minProperties"] = 1, ["additionalProperties"] = Value(value, null, docs, definitions) };
        }

        return OptionShape.IsRecord(type) ? Reference(type, docs, definitions) : Scalar(type, property);
    }

    private static JsonObject Reference(Type type, OptionDocs docs, JsonObject definitions)
    {
        var name = OptionShape.Camel(type.Name.Replace("Options", "", StringComparison.Ordinal));
        if (!definitions.ContainsKey(name))
        {
            definitions[name] = null;
            definitions[name] = Record(type, docs, definitions);
        }

        var reference = new JsonObject { ["$ref"] = $"#/$defs/{name}" };
        if (Attribute.GetCustomAttribute(type, typeof(OneWordAttribute)) is not OneWordAttribute oneWord)
        {
            return reference;
        }

        var word = OptionShape.Properties(type).Single(p => p.Property.Name == oneWord.Property);
        return new JsonObject { ["anyOf"] = new JsonArray(word.Type == typeof(bool) ? new JsonObject { ["const"] = word.Key } : Scalar(word.Type, word), reference) };
    }

    private static JsonObject Scalar(Type type, OptionProperty? property)
    {
        if (type == typeof(bool))
        {
            return new JsonObject { ["type"] = "boolean" };
        }

        if (type == typeof(int))
        {
            var number = new JsonObject { ["type"] = "integer" };
            if (property?.Between is { } between)
            {
                number["minimum"] = JsonNode.Parse(between.Least);
                number["maximum"] = JsonNode.Parse(between.Most);
            }

            return number;
        }

        return type.IsEnum
            ? new JsonObject { ["enum"] = new JsonArray([.. ScalarText.Words(type).Select(w => (JsonNode)w)]) }
            : type == typeof(TimeSpan) ? Pattern("^(0|([0-9]+(d|h|m|s|ms))+)$")
            : type == typeof(ByteSize) ? Pattern("^(0|[0-9]+(B|KiB|MiB|GiB))$")
            : new JsonObject { ["type"] = "string", ["minLength"] = 1 };
    }

    // Zero is written without a unit and is then a number to YAML.
    private static JsonObject Pattern(string pattern) => new() { ["type"] = new JsonArray("string", "integer"), ["pattern"] = pattern };
}
