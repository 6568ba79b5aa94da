using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;

namespace Postern.Admin;

/// <summary>The OpenAPI document, made of the table of routes and of the types that are read and written: it can say nothing that isn't so.</summary>
internal static class OpenApiDocument
{
    private static readonly Lazy<byte[]> Written = new(() => JsonSerializer.SerializeToUtf8Bytes(Build(), DocumentJson.Default.JsonObject));

    private static readonly JsonSchemaExporterOptions Schemas = new() { TreatNullObliviousAsNonNullable = true };

    public static byte[] Text => Written.Value;

    private static JsonObject Build()
    {
        var paths = new JsonObject();
        foreach (var route in ManagementRoutes.All)
        {
            if (paths[route.Path] is not JsonObject path)
            {
                paths[route.Path] = path = [];
            }

            path[route.Method.ToLowerInvariant()] = Operation(route);
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "Postern management API", ["version"] = "1" },
            ["security"] = new JsonArray(new JsonObject { ["bearer"] = new JsonArray() }),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject { ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer" } },
                ["schemas"] = new JsonObject(Types().Select(type => KeyValuePair.Create(type.Type.Name, (JsonNode?)Schema(type)))),
                ["responses"] = new JsonObject
                {
                    ["Problem"] = new JsonObject
                    {
                        ["description"] = "What went wrong (RFC 9457), with the call's id",
                        ["content"] = new JsonObject { ["application/problem+json"] = Reference(ManagementJson.Default.ProblemBody) },
                    },
                },
            },
        };
    }

    private static IEnumerable<JsonTypeInfo> Types() =>
        ManagementRoutes.All.SelectMany(route => new[] { route.Body, route.Result }).OfType<JsonTypeInfo>().Append(ManagementJson.Default.ProblemBody).DistinctBy(type => type.Type).OrderBy(type => type.Type.Name, StringComparer.Ordinal);

    private static JsonNode Schema(JsonTypeInfo type)
    {
        var schema = type.GetJsonSchemaAsNode(Schemas);
        Move(schema, $"#/components/schemas/{type.Type.Name}");
        return schema;
    }

    // A schema refers to its own parts as if it were the whole document.
    private static void Move(JsonNode? node, string to)
    {
        switch (node)
        {
            case JsonObject of:
                if (of["$ref"] is JsonValue reference)
                {
                    of["$ref"] = to + reference.GetValue<string>()[1..];
                }

                foreach (var member in of.Where(member => member.Value is JsonObject or JsonArray).ToList())
                {
                    Move(member.Value, to);
                }

                break;
            case JsonArray items:
                foreach (var item in items)
                {
                    Move(item, to);
                }

                break;
        }
    }

    private static JsonObject Operation(ManagementRoute route)
    {
        var operation = new JsonObject { ["operationId"] = route.Operation, ["summary"] = route.Summary };
        if (route.Permission != Model.Permission.None && !route.IsForAnyCaller)
        {
            operation["x-postern-permission"] = Model.Permissions.Name(route.Permission);
        }

        if (Parameters(route) is { Count: > 0 } parameters)
        {
            operation["parameters"] = parameters;
        }

        if (route.Body is { } body)
        {
            operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = new JsonObject { ["application/json"] = Reference(body) } };
        }

        var done = new JsonObject { ["description"] = "Done" };
        if (route.Result is { } result)
        {
            done["content"] = new JsonObject { ["application/json"] = Reference(result) };
        }

        operation["responses"] = new JsonObject
        {
            [route.Status.ToString(CultureInfo.InvariantCulture)] = done, ["default"] = new JsonObject { ["$ref"] = "#/components/responses/Problem" },
        };
        return operation;
    }

    private static JsonArray Parameters(ManagementRoute route)
    {
        var parameters = new JsonArray();
        foreach (var name in route.Parameters)
        {
            parameters.Add((JsonNode)Parameter("path", name, isRequired: true, "string"));
        }

        if (route.IsPaged)
        {
            parameters.Add((JsonNode)Parameter("query", "limit", isRequired: false, "integer"));
            parameters.Add((JsonNode)Parameter("query", "cursor", isRequired: false, "string"));
        }

        if (route.NeedsMatch)
        {
            parameters.Add((JsonNode)Parameter("header", "If-Match", isRequired: true, "string"));
        }

        return parameters;
    }

    private static JsonObject Parameter(string place, string name, bool isRequired, string type) =>
        new() { ["name"] = name, ["in"] = place, ["required"] = isRequired, ["schema"] = new JsonObject { ["type"] = type } };

    private static JsonObject Reference(JsonTypeInfo type) => new() { ["schema"] = new JsonObject { ["$ref"] = $"#/components/schemas/{type.Type.Name}" } };
}

[System.Text.Json.Serialization.JsonSourceGenerationOptions(WriteIndented = true)]
[System.Text.Json.Serialization.JsonSerializable(typeof(JsonObject))]
internal sealed partial class DocumentJson : System.Text.Json.Serialization.JsonSerializerContext;
