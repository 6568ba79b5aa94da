using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Postern.Identity;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>
/// Authorization details (RFC 9396) of the one type that there is, <c>temporal_activity</c>: a request names the task by its token, the access token says which attempt
/// of which activity that is.
/// </summary>
internal static class TaskDetails
{
    /// <summary>The parameter of requests, and the claim in tokens.</summary>
    public const string Name = "authorization_details";

    public const string Type = "temporal_activity";

    private const string TypeField = "type";
    private const string TokenField = "task_token";

    /// <summary>The task token that a request names. Throws <see cref="OAuthException"/>.</summary>
    public static byte[] ReadRequest(string text)
    {
        try
        {
            if (StrictJson.ReadList(Encoding.UTF8.GetBytes(text)) is { } details && details.GetArrayLength() == 1 && details[0] is { ValueKind: JsonValueKind.Object } one
                && one.EnumerateObject().All(field => field.Name is TypeField or TokenField && field.Value.ValueKind == JsonValueKind.String)
                && one.TryGetProperty(TypeField, out var type) && type.ValueEquals(Type) && one.TryGetProperty(TokenField, out var token))
            {
                return Base64Url.DecodeFromChars(token.GetString());
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw Invalid($"{Name} can't be read.");
        }

        throw Invalid($"{Name} is a list of one object, with a {TypeField} of {Type} and the {TokenField} in base64url.");
    }

    public static JsonArray Write(BoundTask task) =>
    [
        new JsonObject
        {
            [TypeField] = Type,
            ["engine"] = task.Engine,
            ["namespace"] = task.Namespace,
            ["workflow_id"] = task.WorkflowId,
            ["run_id"] = task.RunId,
            ["activity_id"] = task.ActivityId,
            ["activity_type"] = task.ActivityType,
            ["attempt"] = task.Attempt,
            ["started"] = task.Started.ToString("O", CultureInfo.InvariantCulture),
        },
    ];

    /// <summary>What a token of the gate's own says. Null where it says something else.</summary>
    public static BoundTask? Read(JsonElement details)
    {
        if (details.ValueKind != JsonValueKind.Array || details.GetArrayLength() != 1 || details[0] is not { ValueKind: JsonValueKind.Object } one || Text(one, TypeField) != Type)
        {
            return null;
        }

        return Text(one, "engine") is { } engine && Text(one, "namespace") is { } ns && Text(one, "workflow_id") is { } workflow && Text(one, "run_id") is { } run
            && Text(one, "activity_id") is { } activity && Text(one, "activity_type") is { } type
            && one.TryGetProperty("attempt", out var number) && number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out var attempt)
            && DateTimeOffset.TryParseExact(Text(one, "started"), "O", CultureInfo.InvariantCulture, DateTimeStyles.None, out var started)
            ? new BoundTask { Engine = engine, Namespace = ns, WorkflowId = workflow, RunId = run, ActivityId = activity, ActivityType = type, Attempt = attempt, Started = started }
            : null;
    }

    /// <summary>RFC 9396 §5.</summary>
    public static OAuthException Invalid(string text) => new("invalid_authorization_details", text);

    private static string? Text(JsonElement one, string name) => one.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
