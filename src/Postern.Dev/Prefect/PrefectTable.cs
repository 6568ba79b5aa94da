using System.Text.Json.Nodes;

namespace Postern.Dev.Prefect;

/// <summary>The rows of one kind, by id, in the order in which they were made. A row is what the API shows of it.</summary>
internal sealed class PrefectTable(string what)
{
    private readonly Dictionary<Guid, JsonObject> _byId = [];
    private readonly List<JsonObject> _rows = [];

    /// <summary>What a refusal calls a row: <c>Flow run not found</c>.</summary>
    public string What => what;

    public IReadOnlyList<JsonObject> Rows => _rows;

    public JsonObject Add(JsonObject row)
    {
        _byId.Add(row.Id(), row);
        _rows.Add(row);
        return row;
    }

    public JsonObject? Find(string? id) => Guid.TryParse(id, out var key) ? _byId.GetValueOrDefault(key) : null;

    public JsonObject? Named(string name) => _rows.Find(row => row.Text("name") == name);

    /// <exception cref="PrefectRefusal">404: there is none.</exception>
    public JsonObject Get(string? id) => Find(id) ?? throw PrefectRefusal.NotFound($"{what} not found");

    public void Remove(JsonObject row)
    {
        _byId.Remove(row.Id());
        _rows.Remove(row);
    }
}

/// <summary>Reading rows and bodies.</summary>
internal static class PrefectJson
{
    public static Guid Id(this JsonObject row) => Guid.Parse(row["id"]!.GetValue<string>());

    /// <summary>A member's text; null where it is absent, null or no text.</summary>
    public static string? Text(this JsonObject? row, string name) => row?[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static JsonObject? Object(this JsonObject? row, string name) => row?[name] as JsonObject;

    public static bool Flag(this JsonObject? row, string name) => row?[name] is JsonValue value && value.TryGetValue<bool>(out var flag) && flag;

    public static int? Number(this JsonObject? row, string name) => row?[name] is JsonValue value && value.TryGetValue<int>(out var number) ? number : null;

    /// <summary>A copy of a member for a row of one's own; <paramref name="otherwise"/> where it is absent or null.</summary>
    public static JsonNode? Copy(this JsonObject? row, string name, JsonNode? otherwise = null) => row?[name]?.DeepClone() ?? otherwise;

    /// <summary>A moment as the server writes it.</summary>
    public static string Stamp(this DateTimeOffset moment) => moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    public static DateTimeOffset? Moment(JsonNode? value) =>
        value is JsonValue text && text.TryGetValue<string>(out var written)
        && DateTimeOffset.TryParse(written, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal, out var moment) ? moment : null;
}

/// <summary>An answer that is no success, thrown where it is found.</summary>
internal sealed class PrefectRefusal(int status, JsonObject body) : Exception(body.ToJsonString())
{
    public int Status => status;

    public JsonObject Body => body;

    public static PrefectRefusal NotFound(string detail) => Of(404, detail);

    public static PrefectRefusal Of(int status, string detail) => new(status, new JsonObject { ["detail"] = detail });

    /// <summary>What a body lacks or has too much of, as the server's validation says it.</summary>
    public static PrefectRefusal Invalid(string what, JsonNode? body) => new(422, new JsonObject
    {
        ["exception_message"] = "Invalid request received.",
        ["exception_detail"] = new JsonArray(new JsonObject { ["type"] = "value_error", ["loc"] = new JsonArray("body"), ["msg"] = what }),
        ["request_body"] = body?.DeepClone(),
    });
}
