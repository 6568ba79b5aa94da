using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Postern.Dev.Prefect;

/// <summary>Blocks: their types, schemas and documents. What a schema calls secret is shown as stars unless the caller asks for it.</summary>
internal sealed class PrefectBlockRoutes(PrefectWorld world)
{
    private const string Stars = "********";

    private static readonly string[] s_changeable = ["logo_url", "documentation_url", "description", "code_example"];

    public void Map(PrefectRoutes routes)
    {
        MapTypes(routes);
        MapSchemas(routes);
        MapDocuments(routes);
        routes.Get("/block_capabilities/", _ => PrefectReply.Ok(new JsonArray("read-path", "write-path", "get-directory", "put-directory", "notify")));
    }

    /// <summary>The types that every server brings, as far as clients ask for them unasked. The checksums are those of Prefect 3.9's own classes.</summary>
    public void Seed()
    {
        Seed("Secret", "secret", "c078ed9c1e813e224c0b353d7ad4564a11d51d3198d9ac0686478165a1911c78", [], isProtected: true, ("value", true));
        Seed("Local File System", "local-file-system", "0fc8b7f936f38f465715ef2df4a817ac9fe38b80bb01d5c6c9649a6da6ae6971", ["read-path", "write-path", "get-directory", "put-directory"], isProtected: true, ("basepath", false));
        Seed("Slack Webhook", "slack-webhook", "415bae7e5906d98e387f8848ccdfd3f3b9cdf01624f08ca228709e1193ac005f", ["notify"], isProtected: false, ("notify_type", false), ("url", true), ("allow_private_urls", false));
    }

    private void Seed(string name, string slug, string checksum, string[] capabilities, bool isProtected, params (string Name, bool IsSecret)[] fields)
    {
        var type = AddType(new JsonObject { ["name"] = name, ["slug"] = slug, ["description"] = $"Blocks of the type {name}." }, isProtected);
        var schema = new JsonObject
        {
            ["block_type_slug"] = slug,
            ["description"] = type.Copy("description"),
            ["properties"] = new JsonObject([.. fields.Select((field, index) => KeyValuePair.Create(
                field.Name, (JsonNode?)new JsonObject { ["title"] = field.Name, ["type"] = "string", ["position"] = index }))]),
            ["required"] = new JsonArray(),
            ["secret_fields"] = new JsonArray([.. fields.Where(field => field.IsSecret).Select(field => JsonValue.Create(field.Name))]),
            ["title"] = name.Replace(" ", "", StringComparison.Ordinal),
            ["type"] = "object",
            ["block_schema_references"] = new JsonObject(),
        };
        AddSchema(type, schema, new JsonArray([.. capabilities.Select(one => JsonValue.Create(one))]), "3.9.1", "sha256:" + checksum);
    }

    private void MapTypes(PrefectRoutes routes)
    {
        routes.Post("/block_types/", call => world.BlockTypes.Rows.Any(row => row.Text("slug") == call.Required("slug"))
            ? throw PrefectRefusal.Of(StatusCodes.Status409Conflict, "Block type already exists")
            : PrefectReply.Row(AddType(call.Body!, isProtected: false), StatusCodes.Status201Created));
        routes.Post("/block_types/filter", call => PrefectReply.Rows(PrefectFilter.Part(PrefectFilter.Select(world, world.BlockTypes, call.Body), call.Body)));
        routes.Get("/block_types/{id:guid}", call => PrefectReply.Row(world.BlockTypes.Get(call["id"])));
        routes.Get("/block_types/slug/{slug}", call => PrefectReply.Row(Type(call["slug"])));
        routes.Patch("/block_types/{id:guid}", call =>
        {
            var type = world.BlockTypes.Get(call["id"]);
            foreach (var member in s_changeable.Where(member => call.Body?.ContainsKey(member) == true))
            {
                type[member] = call.Body.Copy(member);
            }

            return PrefectReply.NoContent;
        });
        routes.Get("/block_types/slug/{slug}/block_documents", call => PrefectReply.Ok(Shown(DocumentsOf(Type(call["slug"])), IncludesSecrets(call))));
        routes.Get("/block_types/slug/{slug}/block_documents/name/{name}", call => PrefectReply.Ok(Shown(
            DocumentsOf(Type(call["slug"])).FirstOrDefault(row => row.Text("name") == call["name"]) ?? throw PrefectRefusal.NotFound("Block document not found"), IncludesSecrets(call))));
        routes.Post("/block_types/install_system_block_types", _ => PrefectReply.Ok(null));
    }

    private void MapSchemas(PrefectRoutes routes)
    {
        routes.Post("/block_schemas/", call =>
        {
            var type = world.BlockTypes.Get(call.Required("block_type_id"));
            var fields = call.Body.Object("fields")?.DeepClone().AsObject() ?? [];
            // Python's own checksum depends on how Python writes JSON; ours is as unambiguous, and clients read it from the answer.
            var checksum = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(fields.ToJsonString())));
            return world.BlockSchemas.Rows.FirstOrDefault(row => row.Text("checksum") == checksum) is { } known
                ? PrefectReply.Ok(ShownSchema(known))
                : PrefectReply.Created(ShownSchema(AddSchema(type, fields, call.Body.Copy("capabilities", new JsonArray())!.AsArray(), call.Body.Text("version") ?? "non-versioned", checksum)));
        });
        routes.Post("/block_schemas/filter", call => PrefectReply.Ok(new JsonArray([.. PrefectFilter.Part(PrefectFilter.Select(world, world.BlockSchemas, call.Body), call.Body).Select(ShownSchema)])));
        routes.Get("/block_schemas/{id:guid}", call => PrefectReply.Ok(ShownSchema(world.BlockSchemas.Get(call["id"]))));
        routes.Get("/block_schemas/checksum/{checksum}", call => PrefectReply.Ok(ShownSchema(
            world.BlockSchemas.Rows.FirstOrDefault(row => row.Text("checksum") == call["checksum"]) ?? throw PrefectRefusal.NotFound("Block schema not found"))));
    }

    private void MapDocuments(PrefectRoutes routes)
    {
        routes.Post("/block_documents/", call =>
        {
            var (schema, name) = (world.BlockSchemas.Get(call.Required("block_schema_id")), call.Body.Text("name"));
            if (name is not null && world.BlockDocuments.Rows.Any(row => row.Text("name") == name && row.Text("block_type_id") == schema.Text("block_type_id")))
            {
                throw PrefectRefusal.Of(StatusCodes.Status409Conflict, "Block already exists");
            }

            var row = world.Row(
                ("name", call.Body.Copy("name")), ("data", call.Body.Copy("data", new JsonObject())), ("block_schema_id", schema.Copy("id")), ("block_type_id", schema.Copy("block_type_id")),
                ("block_document_references", new JsonObject()), ("is_anonymous", call.Body.Flag("is_anonymous")));
            return PrefectReply.Created(Shown(world.BlockDocuments.Add(row), withSecrets: false));
        });
        routes.Post("/block_documents/filter", call => PrefectReply.Ok(Shown(PrefectFilter.Part(Select(call), call.Body), call.Body.Flag("include_secrets"))));
        routes.Post("/block_documents/count", call => PrefectReply.Ok(Select(call).Count));
        routes.Get("/block_documents/{id:guid}", call => PrefectReply.Ok(Shown(world.BlockDocuments.Get(call["id"]), IncludesSecrets(call))));
        routes.Patch("/block_documents/{id:guid}", call =>
        {
            var (document, given) = (world.BlockDocuments.Get(call["id"]), call.Body.Object("data"));
            // Stars that come back mean that the secret stays.
            foreach (var (name, value) in given?.Where(member => member.Value?.ToString() != Stars) ?? [])
            {
                document.Object("data")![name] = value?.DeepClone();
            }

            world.Touch(document);
            return PrefectReply.NoContent;
        });
        routes.Delete("/block_documents/{id:guid}", call =>
        {
            world.BlockDocuments.Remove(world.BlockDocuments.Get(call["id"]));
            return PrefectReply.NoContent;
        });
    }

    // A filter may also name the type, by its slug.
    private List<JsonObject> Select(PrefectCall call) => [.. PrefectFilter.Select(world, world.BlockDocuments, call.Body)
        .Where(row => call.Body.Object("block_types") is not { } filter || PrefectFilter.Passes(world, world.BlockTypes.Get(row.Text("block_type_id")), filter))];

    private IEnumerable<JsonObject> DocumentsOf(JsonObject type) => world.BlockDocuments.Rows.Where(row => row.Text("block_type_id") == type.Text("id"));

    private JsonObject Type(string slug) => world.BlockTypes.Rows.FirstOrDefault(row => row.Text("slug") == slug) ?? throw PrefectRefusal.NotFound("Block type not found");

    private static bool IncludesSecrets(PrefectCall call) => call.Query("include_secrets")?.ToUpperInvariant() is "TRUE" or "1" or "T" or "Y" or "YES" or "ON";

    private JsonArray Shown(IEnumerable<JsonObject> documents, bool withSecrets) => new([.. documents.Select(document => Shown(document, withSecrets))]);

    private JsonObject Shown(JsonObject document, bool withSecrets)
    {
        var (schema, type) = (world.BlockSchemas.Get(document.Text("block_schema_id")), world.BlockTypes.Get(document.Text("block_type_id")));
        var shown = document.DeepClone().AsObject();
        foreach (var secret in withSecrets ? [] : (schema.Object("fields")?["secret_fields"] as JsonArray ?? []).Select(field => field!.ToString().Split('.')[0]))
        {
            if (shown.Object("data") is { } data && data[secret] is not null)
            {
                data[secret] = Stars;
            }
        }

        shown["block_schema"] = ShownSchema(schema);
        shown["block_type_name"] = type.Copy("name");
        shown["block_type"] = type.DeepClone();
        return shown;
    }

    private JsonObject ShownSchema(JsonObject schema)
    {
        var shown = schema.DeepClone().AsObject();
        shown["block_type"] = world.BlockTypes.Get(schema.Text("block_type_id")).DeepClone();
        return shown;
    }

    private JsonObject AddType(JsonObject body, bool isProtected) => world.BlockTypes.Add(world.Row(
        ("name", body.Copy("name")), ("slug", body.Copy("slug")), ("logo_url", body.Copy("logo_url")), ("documentation_url", body.Copy("documentation_url")), ("description", body.Copy("description")),
        ("code_example", body.Copy("code_example")), ("is_protected", isProtected)));

    private JsonObject AddSchema(JsonObject type, JsonObject fields, JsonArray capabilities, string version, string checksum) => world.BlockSchemas.Add(world.Row(
        ("checksum", checksum), ("fields", fields), ("block_type_id", type.Copy("id")), ("capabilities", capabilities), ("version", version)));
}
