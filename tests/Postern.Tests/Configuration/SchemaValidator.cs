using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Postern.Configuration;

namespace Postern.Tests.Configuration;

/// <summary>The part of JSON Schema that our schemas use. An unknown keyword throws, so that none is silently without effect.</summary>
internal sealed class SchemaValidator(JsonObject root)
{
    public List<string> Validate(ConfigNode document)
    {
        var errors = new List<string>();
        Validate(root, ToJson(document), "", errors);
        return errors;
    }

    private void Validate(JsonObject schema, JsonNode? value, string path, List<string> errors)
    {
        foreach (var (keyword, rule) in schema)
        {
            Apply(schema, keyword, rule!, value, path, errors);
        }
    }

    private void Apply(JsonObject schema, string keyword, JsonNode rule, JsonNode? value, string path, List<string> errors)
    {
        void Require(bool holds, string text)
        {
            if (!holds)
            {
                errors.Add($"{path}: {text}");
            }
        }

        switch (keyword)
        {
            case "$schema" or "$defs" or "title" or "description" or "default" or "patternProperties":
                break;
            case "$ref":
                Validate(root["$defs"]![rule.GetValue<string>()["#/$defs/".Length..]]!.AsObject(), value, path, errors);
                break;
            case "type":
                Require(rule is JsonArray several ? several.Any(t => IsOf(t!.GetValue<string>(), value)) : IsOf(rule.GetValue<string>(), value), $"is no {rule.ToJsonString()}");
                break;
            case "enum":
                Require(rule.AsArray().Any(allowed => JsonNode.DeepEquals(allowed, value)), $"is none of {rule.ToJsonString()}");
                break;
            case "const":
                Require(JsonNode.DeepEquals(rule, value), $"isn't {rule.ToJsonString()}");
                break;
            case "pattern":
                Require(value is JsonValue && Regex.IsMatch(value.ToString(), rule.GetValue<string>()), $"doesn't match {rule}");
                break;
            case "minLength":
                Require(value is not JsonValue || value.ToString().Length >= rule.GetValue<int>(), "is too short");
                break;
            case "minimum":
                Require(value is JsonValue least && least.GetValue<long>() >= rule.GetValue<long>(), $"is below {rule}");
                break;
            case "maximum":
                Require(value is JsonValue most && most.GetValue<long>() <= rule.GetValue<long>(), $"is above {rule}");
                break;
            case "minItems":
                Require(value is not JsonArray items || items.Count >= rule.GetValue<int>(), "has too few items");
                break;
            case "minProperties":
                Require(value is not JsonObject entries || entries.Count >= rule.GetValue<int>(), "has too few keys");
                break;
            case "anyOf":
                Require(rule.AsArray().Any(way => Passes(way!.AsObject(), value)), "is none of the ways to write it");
                break;
            case "items" when value is JsonArray list:
                for (var i = 0; i < list.Count; i++)
                {
                    Validate(rule.AsObject(), list[i], $"{path}[{i}]", errors);
                }

                break;
            case "required" when value is JsonObject mapping:
                foreach (var key in rule.AsArray())
                {
                    Require(mapping.ContainsKey(key!.GetValue<string>()), $"lacks {key}");
                }

                break;
            case "properties" when value is JsonObject mapping:
                foreach (var (key, inner) in rule.AsObject().Where(p => mapping.ContainsKey(p.Key)))
                {
                    Validate(inner!.AsObject(), mapping[key], $"{path}.{key}", errors);
                }

                break;
            case "additionalProperties" when value is JsonObject mapping:
                CheckAdditional(schema, rule, mapping, path, errors);
                break;
            case "items" or "required" or "properties" or "additionalProperties":
                break;
            default:
                throw new NotSupportedException(keyword);
        }
    }

    private void CheckAdditional(JsonObject schema, JsonNode rule, JsonObject mapping, string path, List<string> errors)
    {
        var patterns = schema["patternProperties"]?.AsObject().Select(p => p.Key).ToList() ?? [];
        foreach (var (key, value) in mapping)
        {
            if (schema["properties"]?.AsObject().ContainsKey(key) == true || patterns.Any(p => Regex.IsMatch(key, p)))
            {
                continue;
            }

            if (rule is JsonObject inner)
            {
                Validate(inner, value, $"{path}.{key}", errors);
            }
            else
            {
                errors.Add($"{path}: {key} is not known");
            }
        }
    }

    private bool Passes(JsonObject schema, JsonNode? value)
    {
        var errors = new List<string>();
        Validate(schema, value, "", errors);
        return errors.Count == 0;
    }

    private static bool IsOf(string type, JsonNode? value) => type switch
    {
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "boolean" => value is JsonValue v && v.TryGetValue<bool>(out _),
        "integer" => value is JsonValue v && v.TryGetValue<long>(out _),
        "string" => value is JsonValue v && v.TryGetValue<string>(out _),
        _ => throw new NotSupportedException(type),
    };

    // What an editor's YAML support hands to a schema: YAML 1.2's core types.
    private static JsonNode? ToJson(ConfigNode node) => node switch
    {
        ConfigMapping mapping => new JsonObject(mapping.Entries.Select(e => KeyValuePair.Create(e.Key, ToJson(e.Value)))),
        ConfigList list => new JsonArray([.. list.Items.Select(ToJson)]),
        ConfigScalar { IsNull: true } => null,
        ConfigScalar { IsPlain: true, Text: "true" or "false" } flag => JsonValue.Create(flag.Text == "true"),
        ConfigScalar { IsPlain: true } number when long.TryParse(number.Text, CultureInfo.InvariantCulture, out var value) => JsonValue.Create(value),
        ConfigScalar text => JsonValue.Create(text.Text),
        _ => throw new NotSupportedException(node.GetType().Name),
    };
}
