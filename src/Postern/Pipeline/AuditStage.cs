using Microsoft.Extensions.Logging;
using Postern.Audit;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline;

/// <summary>
/// Exactly one record per call. A write's intent is on disk before the call is forwarded and its outcome before the answer leaves; everything else is batched.
/// While records can't be kept, nothing is let through.
/// </summary>
internal sealed partial class AuditStage(AuditLog audit, TimeProvider time, ILogger<AuditStage> logger)
{
    private const int Cancelled = 1;

    private static readonly Refusal NotRecorded = new(RefusalReason.CannotTell, "The call can't be recorded at the moment, and what can't be recorded is not let through.", "audit");

    public async ValueTask<Refusal?> IntentAsync(Call call)
    {
        call.AuditClass = Class(call);
        if (call.AuditClass != AuditClass.Write)
        {
            return audit.CanRecord ? null : NotRecorded;
        }

        if (!await audit.IntentAsync(Record(call)))
        {
            return NotRecorded;
        }

        call.IntentKept = true;
        return null;
    }

    public ValueTask OutcomeAsync(Call call)
    {
        var record = Record(call);
        record.Detail = call.Note;
        record.Duration = time.GetElapsedTime(call.Started);
        if (call.Refusal is { } refusal)
        {
            record.Refusal = refusal.Reason;
            record.Detail = refusal.Detail;
            record.GrpcStatus = Engines.Temporal.TemporalRefusal.Code(refusal);
            if (logger.IsEnabled(LogLevel.Information))
            {
                Log.Refused(logger, record.Operation, refusal.Reason, record.Caller ?? "-", refusal.Detail ?? "", call.Id);
            }
        }
        else if (call.IsGone)
        {
            record.GrpcStatus = Cancelled;
            record.Detail = "the client went away";
        }

        call.Meter?.End(record.Decision, record.Refusal, record.Duration);
        if (call.IntentKept)
        {
            return KeptAsync(call, audit.OutcomeAsync(record));
        }

        if (!audit.Append(record))
        {
            Log.NotKept(logger, record.Operation, call.Id);
        }

        return ValueTask.CompletedTask;
    }

    private async ValueTask KeptAsync(Call call, ValueTask<bool> kept)
    {
        if (!await kept)
        {
            // The engine has acted: its answer goes back. From here on the log refuses every intent until its disk is back.
            Log.OutcomeNotRecorded(logger, call.Method.Name, call.Id);
        }
    }

    private static AuditClass Class(Call call)
    {
        var classes = call.State.AuditClasses;
        if (!call.IsRead)
        {
            // It ended before its message said more than the method does.
            return call.IsRouted ? classes.Of(call.Method.Row.Base) : AuditClass.Read;
        }

        var operation = call.Operation;
        var strictest = classes.Of(operation[0].Permission);
        for (var i = 1; i < operation.Count; i++)
        {
            // What another permission covers is recorded as that one is: a worker's progress stays progress, whatever it commands in its own namespace.
            strictest = operation[i].UnlessDenied ? strictest : AuditClasses.Strictest(strictest, classes.Of(operation[i].Permission));
        }

        return strictest;
    }

    // Twenty references: built in place, since every copy of it on the way would cost a write barrier for each.
    private static AuditRecord Record(Call call)
    {
        var record = new AuditRecord
        {
            Time = call.Time,
            CallId = call.Id,
            Class = Class(call),
            SourceAddress = call.Source?.ToString(),
            Engine = call.IsRouted ? call.Engine.Name : "",
            Operation = call.IsRouted ? call.Method.Name : Shown(call.Request.Path),
            Decision = call.Decision.Kind,
            Rule = call.IsDecided ? call.Decision.Rule : null,
            PolicyVersion = call.State.Policy.Version,
            RunId = call.RunId,
            GrpcStatus = call.Answer.Status,
            RequestBytes = call.RequestBytes,
            ResponseBytes = call.Answer.Bytes,
        };
        if (call.IsAuthenticated)
        {
            record.Name(call.Token.Caller);
        }

        if (call.IsRead)
        {
            var operation = call.Operation;
            record.Permission = operation[0].Permission.Name();
            record.Namespace = operation.Namespace;
            record.TaskQueue = operation.TaskQueue;
            record.WorkflowId = operation.WorkflowId;
            record.WorkflowType = operation.WorkflowType;
            record.RunId ??= operation.RunId;
            record.Target = operation.Target;
            record.MoreNamespaces = operation.MoreNamespaces;
        }

        return record;
    }

    private static string Shown(string path) => path.Length <= 200 ? path : path[..200];

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 3, LogLevel.Information, "Refused {Operation}: {Reason} ({Caller}; {Detail}) [call {CallId}]")]
        public static partial void Refused(ILogger logger, string operation, RefusalReason reason, string caller, string detail, string callId);

        [LoggerMessage(EventIds.Pipeline + 4, LogLevel.Error, "The outcome of {Operation} could not be recorded before its answer [call {CallId}]")]
        public static partial void OutcomeNotRecorded(ILogger logger, string operation, string callId);

        [LoggerMessage(EventIds.Pipeline + 5, LogLevel.Error, "The record of {Operation} could not be kept [call {CallId}]")]
        public static partial void NotKept(ILogger logger, string operation, string callId);
    }
}
