using System.Buffers;
using System.Globalization;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Framing;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Behind a refusal that a command brought about: tells the engine that the task failed, and why, in the worker's own name. The worker's refusal doesn't depend on
/// how that ends. Nothing is reported for a worker that may not answer the task at all, and nothing that can't be recorded.
/// </summary>
internal sealed class FailedTaskStage(AuditStage audit)
{
    private const int FrameHead = 5;

    /// <summary>The refusal, its detail saying what became of the report.</summary>
    public async ValueTask<Refusal> RunAsync(Call call, Refusal refusal)
    {
        if (call.Engine.Catalogue.Find(FailedTask.Method) is not { } method || !MayAnswer(call) || Report(call, refusal) is not { } report || await audit.IntentAsync(call) is not null)
        {
            return refusal;
        }

        var reply = await call.Engine.Client.CallAsync(
            method,
            report,
            TemporalGrant.For(call.Method, call.Operation),
            call.Token.Caller,
            CancellationToken.None,
            ("traceparent", call.CallId.TraceParent(null)),
            ("x-postern-call-id", call.Id));
        var outcome = reply.IsOk ? "a failed task was reported" : string.Create(CultureInfo.InvariantCulture, $"a failed task could not be reported: status {reply.Status}");
        return refusal with { Detail = $"{refusal.Detail}; {outcome}" };
    }

    // The refused command decided before what couldn't be told of the answer itself.
    private static bool MayAnswer(Call call)
    {
        var own = new List<Demand>();
        for (var i = 0; i < call.Operation.Count; i++)
        {
            if (call.Operation[i].Command == 0)
            {
                own.Add(call.Operation[i]);
            }
        }

        return call.CallerState.Policy.DecideAll([.. own], new Circumstances(call.Source, call.Time), out _).IsAllowed;
    }

    private static byte[]? Report(Call call, Refusal refusal)
    {
        // It was inflated to be judged, and goes out as it came where nothing in it had to be changed.
        var framed = call.Message.Span;
        if (framed[0] == 0)
        {
            return Report(call, refusal, framed[FrameHead..]);
        }

        var limits = call.State.Options.Limits;
        var encoding = call.RequestHeaders["grpc-encoding"];
        using var inflated = GrpcMessage.Parse(
            new ReadOnlySequence<byte>(framed.ToArray()), encoding.Count == 1 ? encoding[0] : null, limits.RequestBytes.Bytes, limits.InflateBytes.Bytes, out var unreadable);
        return unreadable is null ? Report(call, refusal, inflated.Message.ToArray()) : null;
    }

    private static byte[]? Report(Call call, Refusal refusal, ReadOnlySpan<byte> completed) => FailedTask.IsOfFirstAttempt(completed)
        ? FailedTask.Write(completed, (FailedTaskCause)refusal.Command, TemporalRefusal.Of(refusal, call.Id).Message)
        : null;
}
