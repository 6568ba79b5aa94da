using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Postern.Dev.Prefect;

/// <summary>One request: its path's values, its query, its body in JSON.</summary>
internal sealed class PrefectCall(HttpContext context, JsonNode? body)
{
    /// <summary>The body where it is an object; null where there is none, which the server's lists take as no filter.</summary>
    public JsonObject? Body => body as JsonObject;

    /// <summary>The body where it is a list.</summary>
    public JsonArray? List => body as JsonArray;

    public string this[string name] => (string)context.GetRouteValue(name)!;

    public string? Query(string name) => context.Request.Query[name].LastOrDefault();

    public string Address => $"{context.Request.Scheme}://{context.Request.Host}";

    /// <summary>A member that must be there.</summary>
    /// <exception cref="PrefectRefusal">422: it isn't.</exception>
    public string Required(string name) => Body.Text(name) is { Length: > 0 } text ? text : throw PrefectRefusal.Invalid($"{name}: Field required", body);
}

/// <summary>An answer: its status and what it says; a null body is none.</summary>
internal sealed record PrefectReply(int Status, JsonNode? Body, bool IsBodiless = false)
{
    public static PrefectReply NoContent { get; } = new(StatusCodes.Status204NoContent, null, IsBodiless: true);

    public static PrefectReply Ok(JsonNode? body) => new(StatusCodes.Status200OK, body);

    public static PrefectReply Created(JsonNode? body) => new(StatusCodes.Status201Created, body);

    /// <summary>Rows, copied for the answer.</summary>
    public static PrefectReply Rows(IEnumerable<JsonObject> rows) => Ok(new JsonArray([.. rows.Select(row => row.DeepClone())]));

    public static PrefectReply Row(JsonObject row, int status = StatusCodes.Status200OK) => new(status, row.DeepClone());
}

/// <summary>Puts handlers on routes; each one has the world to itself.</summary>
internal sealed class PrefectRoutes(IEndpointRouteBuilder routes, PrefectWorld world)
{
    public void Get(string path, Func<PrefectCall, PrefectReply> handle) => Map("GET", path, handle);

    public void Post(string path, Func<PrefectCall, PrefectReply> handle) => Map("POST", path, handle);

    public void Put(string path, Func<PrefectCall, PrefectReply> handle) => Map("PUT", path, handle);

    public void Patch(string path, Func<PrefectCall, PrefectReply> handle) => Map("PATCH", path, handle);

    public void Delete(string path, Func<PrefectCall, PrefectReply> handle) => Map("DELETE", path, handle);

    /// <summary>The lists of a kind: <c>filter</c>, <c>count</c>, and <c>paginate</c> where the server has it.</summary>
    public void Lists(string path, PrefectTable table, bool paginate = false, Func<JsonObject, JsonNode>? show = null)
    {
        show ??= row => row.DeepClone();
        Post($"{path}/filter", call => PrefectReply.Ok(new JsonArray([.. PrefectFilter.Part(PrefectFilter.Select(world, table, call.Body), call.Body).Select(show)])));
        Post($"{path}/count", call => PrefectReply.Ok(PrefectFilter.Select(world, table, call.Body).Count));
        if (paginate)
        {
            Post($"{path}/paginate", call => PrefectReply.Ok(PrefectFilter.Page(PrefectFilter.Select(world, table, call.Body), call.Body, show)));
        }
    }

    private void Map(string method, string path, Func<PrefectCall, PrefectReply> handle) => routes.MapMethods("/api" + path, [method], async context =>
    {
        PrefectReply reply;
        try
        {
            var call = new PrefectCall(context, await ReadAsync(context.Request));
            lock (world.Lock)
            {
                reply = handle(call);
            }
        }
        catch (PrefectRefusal refusal)
        {
            reply = new PrefectReply(refusal.Status, refusal.Body);
        }

        await WriteAsync(context.Response, reply);
    });

    public static async Task WriteAsync(HttpResponse response, PrefectReply reply)
    {
        response.StatusCode = reply.Status;
        if (!reply.IsBodiless)
        {
            var bytes = Encoding.UTF8.GetBytes(reply.Body?.ToJsonString() ?? "null");
            response.ContentType = "application/json";
            response.ContentLength = bytes.Length;
            await response.Body.WriteAsync(bytes);
        }
    }

    // As the server: a body without a type is JSON, one of another type is as if it weren't there.
    private static async Task<JsonNode?> ReadAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        if (body.Length == 0 || request.ContentType?.Contains("json", StringComparison.OrdinalIgnoreCase) == false)
        {
            return null;
        }

        try
        {
            return JsonNode.Parse(body.GetBuffer().AsSpan(0, (int)body.Length));
        }
        catch (JsonException e)
        {
            throw PrefectRefusal.Invalid(e.Message, null);
        }
    }
}
