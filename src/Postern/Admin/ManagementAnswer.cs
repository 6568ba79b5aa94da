using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Postern.Engines.Temporal;
using Postern.Model;

namespace Postern.Admin;

/// <summary>
/// What a management call is answered: a body, nothing, a refusal of the gate's closed list, or a problem of the API's own (no such account, a name that is
/// taken). Errors are RFC 9457 with the call's id.
/// </summary>
internal sealed class ManagementAnswer
{
    private readonly Func<byte[]>? _body;
    private readonly string _title = "";
    private readonly string _word = "";
    private readonly IReadOnlyList<FieldProblem>? _errors;

    private ManagementAnswer(int status, Func<byte[]>? body) => (Status, _body) = (status, body);

    private ManagementAnswer(int status, string word, string title, string detail, IReadOnlyList<FieldProblem>? errors)
    {
        (Status, _word, _title, Detail, _errors) = (status, word, title, detail, errors);
    }

    /// <summary>The HTTP status.</summary>
    public int Status { get; }

    /// <summary>Why, of the gate's closed list; null where it isn't the gate's refusal.</summary>
    public Refusal? Refusal { get; private init; }

    /// <summary>What a problem says; safe for the caller and for the record.</summary>
    public string? Detail { get; }

    /// <summary>The object's version, for If-Match.</summary>
    public string? ETag { get; private init; }

    public string? Location { get; private init; }

    /// <summary>Methods that the path has, where another one was used.</summary>
    public string? Allow { get; private init; }

    public bool IsProblem => _word.Length > 0;

    public static ManagementAnswer Ok<T>(T body, JsonTypeInfo<T> type, string? etag = null) => new(200, () => JsonSerializer.SerializeToUtf8Bytes(body, type)) { ETag = etag };

    public static ManagementAnswer Created<T>(T body, JsonTypeInfo<T> type, string location, string? etag = null) =>
        new(201, () => JsonSerializer.SerializeToUtf8Bytes(body, type)) { ETag = etag, Location = location };

    public static ManagementAnswer Document(byte[] json) => new(200, () => json);

    public static ManagementAnswer NoContent() => new(204, null);

    public static ManagementAnswer Refuse(Refusal refusal) => new(TemporalRefusal.HttpCode(refusal.Reason), Kebab(refusal.Reason), Titles(refusal.Reason), refusal.Text, null) { Refusal = refusal };

    public static ManagementAnswer CannotTell(string text, string detail) => Refuse(new Refusal(RefusalReason.CannotTell, text, detail));

    public static ManagementAnswer NotFound(string detail) => new(404, "not-found", "There is no such thing", detail, null);

    public static ManagementAnswer MethodNotAllowed(string allow) => new(405, "method-not-allowed", "The path has no such method", $"It has: {allow}.", null) { Allow = allow };

    public static ManagementAnswer Conflict(string detail) => new(409, "conflict", "It stands in the way of what is there", detail, null);

    public static ManagementAnswer Changed(string detail) => new(412, "changed", "It was changed meanwhile", detail, null);

    public static ManagementAnswer MediaType() => new(415, "media-type", "The body is of another type", "Send a body of application/json.", null);

    public static ManagementAnswer PreconditionRequired() =>
        new(428, "precondition-required", "If-Match is missing", "A change names the version that it was made from: send If-Match with the ETag of the last answer, or * for whatever is there.", null);

    public static ManagementAnswer Invalid(IReadOnlyList<FieldProblem> errors) =>
        new(400, "invalid", "The request can't be taken", string.Join("; ", errors.Select(e => e.Member.Length == 0 ? e.Problem : $"{e.Member}: {e.Problem}")), errors);

    public static ManagementAnswer Invalid(string member, string problem) => Invalid([new FieldProblem(member, problem)]);

    /// <summary>Writes it. Answers how many bytes its body had.</summary>
    public async Task<int> WriteAsync(HttpContext context, string callId)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["X-Postern-Call-Id"] = callId;
        WriteHeaders(response.Headers);
        var body = IsProblem ? Problem(callId) : _body?.Invoke();
        if (body is null)
        {
            return 0;
        }

        response.ContentType = IsProblem ? "application/problem+json" : "application/json";
        response.ContentLength = body.Length;
        // A client that has gone away is no error of ours: such a write does nothing.
        await response.Body.WriteAsync(body, CancellationToken.None);
        return body.Length;
    }

    private byte[] Problem(string callId) => JsonSerializer.SerializeToUtf8Bytes(
        new ProblemBody($"urn:postern:problem:{_word}", _title, Status, $"{Detail} [call {callId}]", callId, _errors), ManagementJson.Default.ProblemBody);

    private void WriteHeaders(IHeaderDictionary headers)
    {
        if (ETag is not null)
        {
            headers.ETag = ETag;
        }

        if (Location is not null)
        {
            headers.Location = Location;
        }

        if (Allow is not null)
        {
            headers.Allow = Allow;
        }

        switch (Refusal?.Reason)
        {
            case RefusalReason.Unauthenticated:
                headers.WWWAuthenticate = "Bearer";
                break;
            case RefusalReason.CannotTell or RefusalReason.Draining:
                headers.RetryAfter = "2";
                break;
            case RefusalReason.Limited:
                headers.RetryAfter = ((int)Math.Ceiling((Refusal.RetryAfter ?? TimeSpan.FromSeconds(1)).TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                break;
        }
    }

    private static string Kebab(RefusalReason reason) => Configuration.OptionShape.Kebab(reason.ToString());

    private static string Titles(RefusalReason reason) => reason switch
    {
        RefusalReason.Unauthenticated => "Who is calling isn't known",
        RefusalReason.NotAllowed => "The policy doesn't allow it",
        RefusalReason.UnknownOperation => "There is no such call",
        RefusalReason.Unreadable => "The request can't be read",
        RefusalReason.TooLarge => "The request is too large",
        RefusalReason.Limited => "Too many requests",
        RefusalReason.CannotTell => "It can't be told at the moment",
        _ => "The gate failed",
    };
}
