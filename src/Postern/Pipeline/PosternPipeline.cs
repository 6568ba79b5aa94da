using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Model;
using Postern.OAuth;
using Postern.Telemetry;

namespace Postern.Pipeline;

/// <summary>
/// The request path. Every call runs the stages in this order; the list is fixed, operators configure policy and never order.
/// A stage either sets its fact and returns null, or returns the refusal that ends the call.
/// </summary>
internal sealed partial class PosternPipeline(GateStages stages, TimeProvider time, ILogger<PosternPipeline> logger) : IHttpApplication<Call>
{
    public Call CreateContext(IFeatureCollection contextFeatures)
    {
        var call = contextFeatures is IHostContextContainer<Call> container ? container.HostContext ??= new Call() : new Call();
        call.Begin(contextFeatures, stages.State, time.GetUtcNow(), time.GetTimestamp());
        return call;
    }

    public void DisposeContext(Call context, Exception? exception) => context.End();

    public async Task ProcessRequestAsync(Call context)
    {
        if (HealthService.IsHealth(context.Request.RawTarget))
        {
            if (await stages.Health.AnswerAsync(context) is { } unhealthy)
            {
                await GrpcResponder.RefuseAsync(context, unhealthy);
            }

            return;
        }

        if (context.State.Authorization is { } authorization && AuthorizationServer.Serves(context.Request.RawTarget))
        {
            await authorization.AnswerAsync(context.Features, context.Request.RawTarget, context.Source);
            return;
        }

        if (context.State.Sessions is { } sessions && SessionLogins.Serves(context.Request.RawTarget))
        {
            await Task.Yield();
            await sessions.AnswerAsync(context.Features, context.Request.RawTarget, context.Source);
            return;
        }

        if (context.State.Prefect.Count > 0 && !GrpcResponder.IsGrpc(context.RequestHeaders) && context.State.PrefectFor(context.RequestHeaders.Host.Count == 1 ? context.RequestHeaders.Host[0] : null) is { } prefect)
        {
            await stages.Prefect.AnswerAsync(context.Features, context.State, prefect, context.Source);
            return;
        }

        try
        {
            var unidentified = stages.Route.Run(context) ?? await stages.Authenticate.RunAsync(context);
            context.Refusal = unidentified is { Reason: RefusalReason.CannotTell } && AnswerStage.AnswersUnverified(context)
                ? await stages.Read.RunAsync(context)
                ?? await stages.Audit.IntentAsync(context)
                ?? await stages.Answer.RunUnverifiedAsync(context)
                : unidentified
                ?? await stages.Read.RunAsync(context)
                ?? await stages.BoundTask.RunAsync(context)
                ?? await stages.Authorize.RunAsync(context)
                ?? stages.Limit.Run(context)
                ?? stages.Stamp.Run(context)
                ?? stages.Attach.Run(context)
                ?? await stages.Audit.IntentAsync(context)
                ?? await (AnswerStage.Answers(context) ? stages.Answer.RunAsync(context) : stages.Forward.RunAsync(context));
            if (context.Refusal is { Command: not 0 } command)
            {
                context.Refusal = await stages.FailedTask.RunAsync(context, command);
            }
        }
        catch (Exception e) when (IsClients(context, e))
        {
            context.IsGone = true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.Bug(logger, context.Id, context.Request.Path, e);
            context.Refusal = new Refusal(RefusalReason.Bug, "Something went wrong in the gate.", e.GetType().Name);
        }

        LimitStage.Leave(context);
        await stages.Audit.OutcomeAsync(context);
        if (context.IsGone)
        {
            // Nobody is there to read an answer; what the stream still needs is its end.
            context.Lifetime.Abort();
        }
        else if (context.Refusal is { } refusal)
        {
            await GrpcResponder.RefuseAsync(context, refusal);
        }
    }

    /// <summary>The client left, or its stream was at fault: what Kestrel throws then is no bug of ours. Before a decision only its side can fail so.</summary>
    private static bool IsClients(Call call, Exception e) =>
        e is OperationCanceledException or IOException && (call.Lifetime.RequestAborted.IsCancellationRequested || !call.IsDecided);

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 1, LogLevel.Error, "Call {CallId} to {Path} failed in the gate itself")]
        public static partial void Bug(ILogger logger, string callId, string path, Exception exception);
    }
}
