using Microsoft.Extensions.Logging;
using Postern.Audit;
using Postern.Engines.Prefect;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// Exactly one record per call, as for every engine: a write's intent is on disk before the call is forwarded and its outcome before the answer leaves; everything
/// else is batched. While records can't be kept, nothing is let through.
/// </summary>
internal sealed partial class PrefectAuditStage(AuditLog audit, TimeProvider time, ILogger<PrefectAuditStage> logger)
{
    private const int ClientGone = 499;

    private static readonly Refusal NotRecorded = new(RefusalReason.CannotTell, "The call can't be recorded at the moment, and what can't be recorded is not let through.", "audit");

    public async ValueTask<Refusal?> IntentAsync(PrefectCall call)
    {
        call.AuditClass = Class(call);
        if (call.AuditClass != AuditClass.Write)
        {
            return audit.CanRecord || call.Route.IsOpen ? null : NotRecorded;
        }

        if (!await audit.IntentAsync(Record(call)))
        {
            return NotRecorded;
        }

        call.IntentKept = true;
        return null;
    }

    /// <summary>Puts on disk that a socket is about to be opened, since its record follows only at its end, hours or weeks from now. False: it can't be.</summary>
    public async ValueTask<bool> OpenedAsync(PrefectCall call)
    {
        call.AuditClass = Class(call);
        return call.IntentKept = await audit.IntentAsync(Record(call));
    }

    /// <summary>Called once, before the answer of a write leaves; its status is the one that the client is about to get.</summary>
    public async ValueTask OutcomeAsync(PrefectCall call, int status)
    {
        var record = Record(call);
        record.GrpcStatus = call.IsGone ? ClientGone : status;
        record.Detail = call.IsGone ? "the client went away" : call.Note;
        record.Duration = time.GetElapsedTime(call.Started);
        if (call.Refusal is { } refusal)
        {
            record.Refusal = refusal.Reason;
            record.Detail = refusal.Detail;
            if (logger.IsEnabled(LogLevel.Information))
            {
                Log.Refused(logger, record.Operation, refusal.Reason, record.Caller ?? "-", refusal.Detail ?? "", call.Id);
            }
        }

        call.Meter?.End(record.Decision, record.Refusal, record.Duration);
        if (call.IntentKept)
        {
            if (!await audit.OutcomeAsync(record))
            {
                // The server has acted: its answer goes back. From here on the log refuses every intent until its disk is back.
                Log.OutcomeNotRecorded(logger, record.Operation, call.Id);
            }
        }
        else if (!audit.Append(record))
        {
            Log.NotKept(logger, record.Operation, call.Id);
        }
    }

    private static AuditClass Class(PrefectCall call)
    {
        var classes = call.State.AuditClasses;
        if (!call.IsRead)
        {
            return call.IsRouted ? classes.Of(call.Route.Base) : AuditClass.Read;
        }

        var strictest = classes.Of(call.Operation[0].Permission);
        for (var i = 1; i < call.Operation.Count; i++)
        {
            strictest = AuditClasses.Strictest(strictest, classes.Of(call.Operation[i].Permission));
        }

        return strictest;
    }

    private static AuditRecord Record(PrefectCall call)
    {
        var record = new AuditRecord
        {
            Time = call.Time,
            CallId = call.Id,
            Class = Class(call),
            SourceAddress = call.Source?.ToString(),
            Engine = call.Engine.Name,
            Operation = call.IsRouted ? call.Route.Operation : Shown(call.Context.Request.Method + " " + call.Context.Request.Path.Value),
            Decision = call.Decision.Kind,
            Rule = call.IsDecided ? call.Decision.Rule : null,
            PolicyVersion = call.State.Policy.Version,
            RequestBytes = call.RequestBytes,
            ResponseBytes = call.ResponseBytes,
            Prefect = call.Facts,
        };
        if (call.IsAuthenticated)
        {
            record.Name(call.Token.Caller);
        }

        if (call.IsRead)
        {
            record.Permission = call.Operation[0].Permission.Name();
            record.Target = call.Operation.Target;
        }

        return record;
    }

    private static string Shown(string path) => path.Length <= 200 ? path : path[..200];

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 8, LogLevel.Information, "Refused {Operation}: {Reason} ({Caller}; {Detail}) [call {CallId}]")]
        public static partial void Refused(ILogger logger, string operation, RefusalReason reason, string caller, string detail, string callId);

        [LoggerMessage(EventIds.Pipeline + 9, LogLevel.Error, "The outcome of {Operation} could not be recorded before its answer [call {CallId}]")]
        public static partial void OutcomeNotRecorded(ILogger logger, string operation, string callId);

        [LoggerMessage(EventIds.Pipeline + 10, LogLevel.Error, "The record of {Operation} could not be kept [call {CallId}]")]
        public static partial void NotKept(ILogger logger, string operation, string callId);
    }
}
