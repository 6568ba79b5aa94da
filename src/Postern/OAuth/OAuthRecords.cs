using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.AspNetCore.Http;
using Postern.Audit;
using Postern.Identity.Accounts;
using Postern.Model;

namespace Postern.OAuth;

/// <summary>What is kept of requests to the authorization server: a record of each token that is issued and each request that is refused, and counts of both. One for all reloads.</summary>
internal sealed class OAuthRecords
{
    private readonly AuditLog _audit;
    private readonly AccountDirectory _directory;
    private readonly TimeProvider _time;
    private readonly Counter<long> _issued;
    private readonly Counter<long> _refused;

    public OAuthRecords(AuditLog audit, Meter meter, AccountDirectory directory, TimeProvider time)
    {
        _audit = audit;
        _directory = directory;
        _time = time;
        _issued = meter.CreateCounter<long>("postern.tokens.issued", "{token}", "Access tokens that the gate issued");
        _refused = meter.CreateCounter<long>("postern.tokens.refused", "{request}", "Requests that the authorization server refused");
    }

    /// <summary>False where it can't be kept: then nothing may be handed out.</summary>
    public bool Issued(TokenOrder order, string id, IReadOnlyList<string> audiences)
    {
        var caller = order.For.Caller;
        if (!_audit.Append(Record("oauth.token", order.Source) with
        {
            Caller = caller.Name,
            CallerKind = caller.Kind,
            Credential = caller.CredentialId,
            TokenId = id,
            SessionId = order.Session ?? caller.SessionId,
            Actors = order.Actors.IsEmpty ? null : string.Join(" < ", order.Actors),
            Engine = order.Task?.Engine ?? "",
            Namespace = order.Task?.Namespace,
            WorkflowId = order.Task?.WorkflowId,
            RunId = order.Task?.RunId,
            Target = string.Join(' ', audiences),
            Decision = DecisionKind.Allow,
            Detail = order.Grant,
        }))
        {
            return false;
        }

        // The last word of a name like urn:ietf:params:oauth:grant-type:device_code.
        _issued.Add(1, new KeyValuePair<string, object?>("grant", order.Grant[(order.Grant.LastIndexOf(':') + 1)..]));
        return true;
    }

    /// <summary>A request that was refused. It is refused whatever becomes of its record.</summary>
    /// <param name="path">The endpoint.</param>
    /// <param name="error">The error's name in the protocol.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="detail">Why; no secret.</param>
    /// <param name="source">Where it came from.</param>
    /// <param name="name">The client or user that it named. Kept only where there is one: anything may stand there, also a secret.</param>
    public void Refused(string path, string error, int status, string detail, IPAddress? source, string? name)
    {
        var operation = Operation(path);
        _refused.Add(1, new("operation", operation), new KeyValuePair<string, object?>("error", error));
        _audit.Append(Record(operation, source) with
        {
            Target = name is not null && (name == Logins.Client || (_directory.FindNamed(name) ?? _directory.Find(name)) is not null) ? name : null,
            Decision = status == StatusCodes.Status503ServiceUnavailable ? DecisionKind.CannotTell : DecisionKind.Deny,
            Refusal = status switch
            {
                StatusCodes.Status429TooManyRequests => RefusalReason.Limited,
                StatusCodes.Status503ServiceUnavailable => RefusalReason.CannotTell,
                >= 500 => RefusalReason.Bug,
                _ => error is "invalid_client" or "invalid_grant" or "invalid_token" or "access_denied" or "expired_token" ? RefusalReason.Unauthenticated
                    : error is "unauthorized_client" or "invalid_scope" or "invalid_target" or "invalid_authorization_details" ? RefusalReason.NotAllowed
                    : RefusalReason.Unreadable,
            },
            Detail = $"{error}: {detail}",
            GrpcStatus = status,
        });
    }

    private AuditRecord Record(string operation, IPAddress? source)
    {
        var now = _time.GetUtcNow();
        return new AuditRecord { Time = now, CallId = CallId.New(now).ToString(), Class = AuditClass.Read, SourceAddress = source?.ToString(), Engine = "", Operation = operation };
    }

    // As 'oauth.token': one name for each endpoint.
    private static string Operation(string path) => "oauth." + path[(path.LastIndexOf('/') + 1)..];
}
