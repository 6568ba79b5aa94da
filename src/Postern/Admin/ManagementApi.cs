using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Audit;
using Postern.Hosting;
using Postern.Identity;
using Postern.Identity.Accounts;
using Postern.Identity.ApiKeys;
using Postern.Identity.BreakGlass;
using Postern.Model;
using Postern.Pipeline;
using Postern.Policy;
using Postern.Telemetry;

namespace Postern.Admin;

/// <summary>
/// The management API: every call meets the same steps (the exact path, the caller, the policy, the record), and only then the endpoint that answers it. Served on
/// the admin listener alone.
/// </summary>
internal sealed partial class ManagementApi(Func<GateState> state, AuditLog audit, Meter meter, AccountStore? accounts, TimeProvider time, ILogger<ManagementApi> logger)
{
    /// <summary>What stands for the engine in policy tests and records.</summary>
    public const string Engine = "postern";

    private static readonly Refusal NotRecorded = new(RefusalReason.CannotTell, "The call can't be recorded at the moment, and what can't be recorded is not done.", "audit");

    private static readonly string[] Secrets = [ApiKeyText.Prefix, BootstrapToken.Prefix, BreakGlassCredential.Prefix, "eyJ"];

    private readonly Counter<long> _calls = meter.CreateCounter<long>("postern.management.calls", "{call}", "Calls of the management API that ended");

    // What proves itself without a source of identity is bounded here, as those bound theirs.
    private readonly FailedAttempts _failed = new(time);

    public async Task HandleAsync(HttpContext http)
    {
        var started = time.GetTimestamp();
        var now = time.GetUtcNow();
        var current = state();
        var source = ClientAddress.Of(http.Connection.RemoteIpAddress, http.Request.Headers, current.TrustedProxies);
        var id = CallId.New(now).ToString();
        var (call, answer) = Route(http, current, id, now, source);
        if (call is not null)
        {
            answer = await AnswerAsync(call);
        }

        await RecordAsync(call, answer!, new AuditRecord
        {
            Time = now, CallId = id, SourceAddress = source?.ToString(), Engine = Engine, PolicyVersion = current.Policy.Version, Operation = Shown(http.Request.Path.Value ?? ""),
            Class = AuditClass.Read, Duration = time.GetElapsedTime(started),
        });
        await answer!.WriteAsync(http, id);
    }

    private (ManagementCall? Call, ManagementAnswer? Answer) Route(HttpContext http, GateState current, string id, DateTimeOffset now, System.Net.IPAddress? source)
    {
        // The target as it came, compared letter by letter: no other spelling of a path leads anywhere.
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        if (!path.StartsWith('/'))
        {
            return (null, Unknown());
        }

        var segments = path[1..].Split('/');
        var methods = new List<string>();
        foreach (var route in ManagementRoutes.All)
        {
            if (!route.Matches(segments, out var values))
            {
                continue;
            }

            if (route.Method == http.Request.Method)
            {
                return (new ManagementCall(http, current, accounts, route, values) { Id = id, Now = now, Source = source, IntendAsync = IntendAsync }, null);
            }

            methods.Add(route.Method);
        }

        return (null, methods.Count > 0 ? ManagementAnswer.MethodNotAllowed(string.Join(", ", methods)) : Unknown());
    }

    private async Task<ManagementAnswer> AnswerAsync(ManagementCall call)
    {
        try
        {
            var answer = await AuthenticateAsync(call) ?? Check(call) ?? Authorize(call) ?? await call.Route.AnswerAsync(call);
            if (call.Route.Permission == Permission.None && answer.Refusal?.Reason == RefusalReason.Unauthenticated)
            {
                _failed.Add(call.Source);
            }

            return answer;
        }
        catch (StoreUnavailableException e)
        {
            return ManagementAnswer.CannotTell("The store can't be reached: try again.", e.Message);
        }
        catch (OperationCanceledException) when (call.Http.RequestAborted.IsCancellationRequested)
        {
            return ManagementAnswer.Refuse(new Refusal(RefusalReason.Unreadable, "The client went away.", "the client went away"));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.Failed(logger, e, call.Route.Operation, call.Id);
            return ManagementAnswer.Refuse(new Refusal(RefusalReason.Bug, "The gate failed; its log has it under the call's id.", e.GetType().Name));
        }
    }

    private async Task<ManagementAnswer?> AuthenticateAsync(ManagementCall call)
    {
        if (call.Route.Permission == Permission.None)
        {
            // Proves itself by what it redeems.
            return _failed.IsExhausted(call.Source)
                ? ManagementAnswer.Refuse(new Refusal(RefusalReason.Limited, "Too many failed authentications from this address.", $"source {call.Source}") { RetryAfter = TimeSpan.FromSeconds(10) })
                : null;
        }

        var (token, refusal) = await call.State.Identity.AuthenticateAsync(call.Http.Request.Headers.Authorization, call.Source, call.Http.RequestAborted);
        if (token is null)
        {
            return ManagementAnswer.Refuse(refusal ?? new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated."));
        }

        // A token that was made for some engines is good for those; who manages the gate manages it before all of them.
        if (!call.Route.IsForAnyCaller && !token.Caller.Engines.IsEmpty && call.State.Engines.Any(engine => !token.Caller.Engines.Contains(engine.Name)))
        {
            return ManagementAnswer.Refuse(new Refusal(RefusalReason.Unauthenticated, "Request unauthenticated. The token was made for some engines only.", "aud"));
        }

        call.Take(token);
        return null;
    }

    private ManagementAnswer? Check(ManagementCall call)
    {
        // A secret may have been put into the query, where it stands in logs of others: nothing of it is taken or repeated.
        if (call.Http.Request.Query.Keys.Any(name => !(call.Route.IsPaged && name is "cursor" or "limit")))
        {
            return ManagementAnswer.Invalid("", call.Route.IsPaged ? "the query takes cursor and limit alone" : "the call takes no query");
        }

        if (call.Route.Permission != Permission.None && !audit.CanRecord)
        {
            return ManagementAnswer.Refuse(NotRecorded);
        }

        if (!call.Route.NeedsAccounts)
        {
            return null;
        }

        return accounts is null ? ManagementAnswer.NotFound("This gate keeps no accounts; write accounts: enabled under identity: and restart it.")
            : accounts.Directory.IsLoaded ? null
            : ManagementAnswer.CannotTell("The store wasn't read yet: try again.", "the store was not read yet");
    }

    private static ManagementAnswer? Authorize(ManagementCall call)
    {
        var route = call.Route;
        if (route.Permission == Permission.None)
        {
            return null;
        }

        call.Target = call.Values.Any() ? Shown(string.Join('/', call.Values)) : null;
        var demand = Demand(route.Permission, route.IsForAnyCaller);
        call.Decision = Decide(call, demand);
        if (!call.Decision.IsAllowed && route.Own?.Invoke(call) is { } owner && IsSame(owner, call.Caller))
        {
            // Whoever comes with a credential of an account looks after it, unless a deny names him.
            demand = Demand(route.Permission, isOpen: true);
            call.Decision = Decide(call, demand);
            call.IsOwn = true;
        }

        return call.Decision.IsAllowed ? null : ManagementAnswer.Refuse(PolicyRefusal.For(call.Caller, demand, call.Decision));
    }

    public static Demand Demand(Permission permission, bool isOpen) => new() { Permission = permission, ClusterScope = true, UnlessDenied = isOpen };

    public static bool IsSame(Principal principal, Caller caller) => caller.Issuer == Caller.OwnIssuer && caller.Subject == principal.Name;

    private static Decision Decide(ManagementCall call, in Demand demand) => call.Policy.DecideAll([demand], new Circumstances(call.Source, call.Now), out _);

    private ValueTask<bool> IntendAsync(ManagementCall call)
    {
        var record = new AuditRecord { Time = call.Now, CallId = call.Id, SourceAddress = call.Source?.ToString(), Engine = Engine, PolicyVersion = call.State.Policy.Version, Operation = call.Route.Operation };
        Fill(ref record, call);
        return audit.IntentAsync(record);
    }

    private async Task RecordAsync(ManagementCall? call, ManagementAnswer answer, AuditRecord record)
    {
        if (call is not null)
        {
            Fill(ref record, call);
        }

        // Calls of unknown paths share one name.
        _calls.Add(1, new("operation", call?.Route.Operation ?? "unknown"), new KeyValuePair<string, object?>("status", answer.Status));
        record.GrpcStatus = answer.Status;
        record.Refusal = answer.Refusal?.Reason;
        record.Detail = answer.Refusal?.Detail ?? answer.Detail;
        if (answer.IsProblem && logger.IsEnabled(LogLevel.Information))
        {
            Log.Refused(logger, record.Operation, answer.Status, record.Caller ?? "-", record.Detail ?? "", record.CallId);
        }

        // It was done or refused by now, and its answer goes back whatever becomes of the outcome; the log refuses the next intent until its disk is back.
        if (!(call is { IntentKept: true } ? await audit.OutcomeAsync(record) : audit.Append(record)))
        {
            Log.NotKept(logger, record.Operation, record.CallId);
        }
    }

    private static void Fill(ref AuditRecord record, ManagementCall call)
    {
        record.Operation = call.Route.Operation;
        record.Class = call.Route.IsRead ? AuditClass.Read : AuditClass.Write;
        record.Permission = call.Route.Permission == Permission.None ? null : call.Route.Permission.Name();
        record.Target = call.Target;
        record.Decision = call.Decision.Kind;
        record.Rule = call.Decision.Rule;
        record.RequestBytes = call.RequestBytes;
        if (call.IsAuthenticated)
        {
            record.Name(call.Caller);
        }
    }

    private static ManagementAnswer Unknown() => ManagementAnswer.Refuse(new Refusal(RefusalReason.UnknownOperation, "The management API has no such path; /v1/openapi.json lists all.", "path"));

    /// <summary>Whether a text is, or holds, what nobody should have put there: a key, a one-time token, a JWT.</summary>
    public static bool LooksSecret(string text) => Secrets.Any(mark => text.Contains(mark, StringComparison.Ordinal));

    private static string Shown(string text) => LooksSecret(text) ? "(withheld: it looks like a secret)" : text.Length <= 200 ? text : text[..200];

    private static partial class Log
    {
        [LoggerMessage(EventIds.Admin + 1, LogLevel.Information, "Management call {Operation} ended with {Status} ({Caller}; {Detail}) [call {CallId}]")]
        public static partial void Refused(ILogger logger, string operation, int status, string caller, string detail, string callId);

        [LoggerMessage(EventIds.Admin + 2, LogLevel.Error, "The record of management call {Operation} could not be kept [call {CallId}]")]
        public static partial void NotKept(ILogger logger, string operation, string callId);

        [LoggerMessage(EventIds.Admin + 3, LogLevel.Error, "Management call {Operation} failed [call {CallId}]")]
        public static partial void Failed(ILogger logger, Exception cause, string operation, string callId);
    }
}
