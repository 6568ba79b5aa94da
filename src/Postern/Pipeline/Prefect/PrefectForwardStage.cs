using Microsoft.AspNetCore.Http;
using Postern.Model;
using Yarp.ReverseProxy.Forwarder;

namespace Postern.Pipeline.Prefect;

/// <summary>Bytes to the server and back. Null means that its answer is in the response, on its way or held until its record is kept.</summary>
internal sealed class PrefectForwardStage
{
#pragma warning disable CA1822 // A stage is an object like its neighbours, also while it keeps nothing.
    public async ValueTask<Refusal?> RunAsync(PrefectCall call, CancellationToken draining)
#pragma warning restore CA1822
    {
        var context = call.Context;
        if (call.Body is { } body)
        {
            // What was judged goes out, whatever length or framing the client announced.
            context.Request.Body = new MemoryStream(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(body, out var array) ? array.Array! : body.ToArray(), array.Offset, body.Length, writable: false);
            context.Request.ContentLength = body.Length;
            context.Request.Headers.Remove("Transfer-Encoding");
        }

        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, draining);
        var error = await call.Engine.Http.SendAsync(context, new PrefectTransformer(call), either.Token);
        if (call.IsGateRefused)
        {
            call.Engine.NoteRefused();
            return new Refusal(RefusalReason.UpstreamUnreachable, "The server doesn't take the gate's credential.", "engine credential refused");
        }

        if (error == ForwarderError.None)
        {
            call.Engine.NoteReached();
            return null;
        }

        if (context.RequestAborted.IsCancellationRequested)
        {
            call.IsGone = true;
            return null;
        }

        call.Engine.NoteUnreached();
        return Refuse(call, error, draining.IsCancellationRequested);
    }

    private static Refusal Refuse(PrefectCall call, ForwarderError error, bool isDraining)
    {
        var unknown = call.AuditClass == AuditClass.Write ? " What became of it isn't known." : "";
        return isDraining ? new Refusal(RefusalReason.Draining, "The gate is shutting down." + unknown)
            : error is ForwarderError.RequestTimedOut or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled
                ? new Refusal(RefusalReason.UpstreamTimeout, "The server did not answer in time." + unknown, error.ToString())
            : new Refusal(RefusalReason.UpstreamUnreachable, "The server can't be reached, or broke off." + unknown, error.ToString());
    }
}
