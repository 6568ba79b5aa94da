using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Postern.Hosting;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Model;
using Postern.Pipeline;
using Postern.Policy;

namespace Postern.Admin;

/// <summary>One call of the management API on its way: who asks, what for, and the one door to the store's writes.</summary>
internal sealed class ManagementCall(HttpContext http, GateState state, AccountStore? accounts, ManagementRoute route, IReadOnlyDictionary<string, string> values)
{
    /// <summary>Largest body, in bytes.</summary>
    public const int LargestBody = 64 * 1024;

    private static readonly TimeSpan SeenWithin = TimeSpan.FromSeconds(5);

    private CallerPolicy? _policy;
    private VerifiedToken? _token;

    public required string Id { get; init; }

    public required DateTimeOffset Now { get; init; }

    public required IPAddress? Source { get; init; }

    /// <summary>Puts the write's intent on disk; false: it isn't there, and nothing may be written.</summary>
    public required Func<ManagementCall, ValueTask<bool>> IntendAsync { get; init; }

    public ManagementRoute Route => route;

    public GateState State => state;

    public HttpContext Http => http;

    /// <summary>The gate's own accounts. Asked only by routes that need them.</summary>
    public AccountStore Accounts => accounts ?? throw new InvalidOperationException("This gate keeps no accounts.");

    public VerifiedToken Token => _token ?? throw new InvalidOperationException("Nobody was verified yet.");

    public Caller Caller => Token.Caller;

    public CallerPolicy Policy => _policy ?? throw new InvalidOperationException("Nobody was verified yet.");

    public bool IsAuthenticated => _token is not null;

    /// <summary>What the policy said; a call that ended before it was asked is denied.</summary>
    public Decision Decision { get; set; }

    /// <summary>Allowed because the account is the caller's own, not by the permission.</summary>
    public bool IsOwn { get; set; }

    /// <summary>What the call is about, for its record.</summary>
    public string? Target { get; set; }

    public bool IntentKept { get; private set; }

    public int RequestBytes { get; private set; }

    /// <summary>What stands in the path for a name in braces.</summary>
    public string Value(string name) => values[name];

    public IEnumerable<string> Values => values.Values;

    public void Take(VerifiedToken token)
    {
        _token = token;
        _policy = state.Policy.For(token.Caller);
    }

    /// <summary>The account or user that the path names; null where there is none.</summary>
    public Principal? Named() => Accounts.Directory.FindNamed(Value("name"));

    /// <summary>Whose the key is that the path names; null where there is none.</summary>
    public Principal? OwnerOfKey() => Accounts.Directory.FindKey(Value("id")) is { } key ? Accounts.Directory.Find(key.Key.OwnerId) : null;

    /// <summary>The body, read strictly, or why it can't be taken.</summary>
    public async Task<(T? Body, ManagementAnswer? Refused)> ReadAsync<T>(JsonTypeInfo<T> type)
        where T : class
    {
        var contentType = http.Request.ContentType;
        if (contentType is null || !contentType.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            return (null, ManagementAnswer.MediaType());
        }

        try
        {
            using var buffer = new MemoryStream();
            await http.Request.Body.CopyToAsync(buffer, http.RequestAborted);
            RequestBytes = (int)buffer.Length;
            var body = JsonSerializer.Deserialize(buffer.GetBuffer().AsSpan(0, RequestBytes), type);
            return body is null ? (null, ManagementAnswer.Invalid("", "the body is null; it takes an object")) : (body, null);
        }
        catch (JsonException e)
        {
            // The parser's own words quote what it read, and that may be a password.
            return (null, ManagementAnswer.Invalid(Shown(e.Path), Explanation(e)));
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return (null, ManagementAnswer.Refuse(new Refusal(RefusalReason.TooLarge, $"The body is larger than {LargestBody / 1024} KiB.", "body")));
        }
        catch (BadHttpRequestException)
        {
            return (null, ManagementAnswer.Refuse(new Refusal(RefusalReason.Unreadable, "The body can't be read.", "body")));
        }
    }

    /// <summary>Whether the client says which version it means.</summary>
    public bool HasMatch => http.Request.Headers.IfMatch is { Count: > 0 } match && match != "*";

    /// <summary>
    /// The version that a change was made from, compared with the one that is there: null where it may go on.
    /// </summary>
    /// <param name="etag">The object's own.</param>
    /// <param name="isNeeded">Whether If-Match may be left out.</param>
    public ManagementAnswer? Match(string etag, bool isNeeded = true)
    {
        var matches = http.Request.Headers.IfMatch;
        if (matches.Count == 0)
        {
            return isNeeded ? ManagementAnswer.PreconditionRequired() : null;
        }

        return matches.Count == 1 && (matches[0] == "*" || matches[0]!.Split(',').Any(m => m.Trim() == etag)) ? null
            : ManagementAnswer.Changed($"It is at {etag} now: read it again.");
    }

    /// <summary>
    /// The only way in which this API writes: the intent on disk, the write, and the wait until it holds in this gate. Null where it was done.
    /// </summary>
    /// <param name="target">What is written, for the record.</param>
    /// <param name="write">Writes it.</param>
    public async Task<ManagementAnswer?> WriteAsync(string target, Func<IStore, CancellationToken, Task<WriteResult>> write)
    {
        Target = target;
        if (!IntentKept)
        {
            if (!await IntendAsync(this))
            {
                return ManagementAnswer.CannotTell("The call can't be recorded at the moment, and what can't be recorded is not done.", "audit");
            }

            IntentKept = true;
        }

        try
        {
            // A client that goes away doesn't make a half of it: what was begun is carried out.
            switch (await write(Accounts.Store, CancellationToken.None))
            {
                case WriteResult.Done done:
                    return await SeenAsync(done.Revision);
                case WriteResult.Conflict:
                    return ManagementAnswer.Changed("Somebody changed it meanwhile: read it again.");
                case WriteResult.NameTaken:
                    return ManagementAnswer.Conflict("An account or a user has this name already.");
                case WriteResult.IdTaken:
                    return ManagementAnswer.Conflict("The id is in use; try again.");
                case WriteResult.TooMany:
                    return KeysEndpoints.TooMany(this);
                default:
                    return ManagementAnswer.NotFound("It is gone.");
            }
        }
        catch (StoreUnavailableException e)
        {
            return ManagementAnswer.CannotTell("The store can't be reached, and whether this was done isn't known: look, and try again.", e.Message);
        }
    }

    private async Task<ManagementAnswer?> SeenAsync(StoreRevision revision)
    {
        using var enough = new CancellationTokenSource(SeenWithin);
        try
        {
            await Accounts.SeenAsync(revision, enough.Token);
            return null;
        }
        catch (OperationCanceledException)
        {
            return ManagementAnswer.CannotTell("It is written, but this gate can't read the store at the moment and doesn't act on it yet.", "the feed is behind");
        }
    }

    private static string Shown(string? path)
    {
        var text = path is null ? "" : path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path == "$" ? "" : path;
        return text.Length > 100 ? text[..100] + "…" : text;
    }

    private static string Explanation(JsonException e) =>
        e.Message.Contains("could not be mapped", StringComparison.Ordinal) ? "there is no such member"
        : e.Message.Contains("missing required", StringComparison.Ordinal) ? "a member that is required is missing"
        : e.Message.Contains("uplicate", StringComparison.Ordinal) ? "the member stands there twice"
        : e.Path is null or "$" ? $"the body isn't JSON of the right shape (line {(e.LineNumber ?? 0) + 1})"
        : "the value is of another type or form";
}
