using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// The request path of a Prefect server's calls: the stages of every call, in the same fixed order, over HTTP. A stage either sets its fact and returns null, or returns the refusal
/// that ends the call.
/// </summary>
/// <param name="stages">The stages.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
/// <param name="ending">Ends what is still open past the grace of a shutdown.</param>
internal sealed partial class PrefectPipeline(PrefectStages stages, TimeProvider time, ILogger<PrefectPipeline> logger, CancellationToken ending)
{
    // An answer to a write is small; one that isn't can't be kept in memory for its record's sake.
    private const long MostHeld = 4 * 1024 * 1024;

    public async Task AnswerAsync(IFeatureCollection features, GateState state, PrefectEngine engine, IPAddress? source)
    {
        using var call = new PrefectCall(new DefaultHttpContext(features), state, engine, source, time.GetUtcNow(), time.GetTimestamp());
        HeldAnswer? held = null;
        PrefectCacheKey? key = null;
        try
        {
            call.Refusal = stages.Route.Run(call);
            if (call.Refusal is null && call.Route.IsSocket)
            {
                call.Refusal = await stages.Authenticate.OfSessionAsync(call) ?? await stages.Socket.RunAsync(call);
                if (call.Refusal is null)
                {
                    return;
                }
            }

            call.Refusal ??= await stages.Authenticate.RunAsync(call)
                ?? await stages.Read.RunAsync(call)
                ?? await stages.Authorize.RunAsync(call)
                ?? await stages.Limit.RunAsync(call)
                ?? PrefectStampStage.Run(call)
                ?? await stages.Audit.IntentAsync(call);
            if (call.Refusal is null)
            {
                key = PrefectCache.KeyOf(call);
                if (key is null || !await call.Engine.Cache.TryAnswerAsync(call, key.Value))
                {
                    held = IsHeld(call) || key is not null ? HeldAnswer.Begin(call.Context, MostHeld) : null;
                    call.Refusal = await stages.Forward.RunAsync(call, ending);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or BadHttpRequestException && (call.Context.RequestAborted.IsCancellationRequested || !call.IsDecided))
        {
            // The client left, or its request was at fault: what Kestrel throws then is no bug of ours.
            call.IsGone = true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.Bug(logger, call.Id, call.Context.Request.Path, e);
            call.Refusal = new Refusal(RefusalReason.Bug, "Something went wrong in the gate.", e.GetType().Name);
        }

        await EndAsync(call, held, key);
    }

    // Until its record is on disk, or for what is read of it or written in it.
    private static bool IsHeld(PrefectCall call) =>
        call.AuditClass == AuditClass.Write || PrefectAnswers.AreRead(call.Route) || PrefectPages.IsSettings(call) || PrefectNextPage.IsNamed(call);

    private async ValueTask EndAsync(PrefectCall call, HeldAnswer? held, PrefectCacheKey? key)
    {
        held?.End();
        PrefectLimitStage.Leave(call);
        if (call.Refusal is null && !call.IsGone && held?.Bytes is { } answer)
        {
            call.ResponseBytes = answer.Length;
            PrefectAnswers.Read(call, answer);
            PrefectPages.Correct(call, held);
            PrefectNextPage.Correct(call, held);
            if (key is { } kept)
            {
                call.Engine.Cache.Keep(call, kept, answer);
            }
        }

        await stages.Audit.OutcomeAsync(call, call.Refusal is { } ended ? PrefectResponder.StatusOf(call, ended) : call.Context.Response.StatusCode);
        try
        {
            if (call.IsGone)
            {
                call.Context.Abort();
            }
            else if (call.Refusal is { } refusal)
            {
                await PrefectResponder.RefuseAsync(call, refusal);
            }
            else if (held is not null)
            {
                await held.ReleaseAsync(call.Context.RequestAborted);
            }
        }
        catch (Exception) when (call.Context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read the answer.
            call.Context.Abort();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 11, LogLevel.Error, "Call {CallId} to {Path} failed in the gate itself")]
        public static partial void Bug(ILogger logger, string callId, string path, Exception exception);
    }
}

/// <summary>The stages, made once.</summary>
internal sealed record PrefectStages(
    PrefectRouteStage Route, PrefectAuthenticateStage Authenticate, PrefectReadStage Read, PrefectAuthorizeStage Authorize, PrefectLimitStage Limit, PrefectAuditStage Audit,
    PrefectForwardStage Forward, SocketStage Socket);
