using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
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
            Replace(context, body);
        }

        // YARP would upgrade whatever asks for it, and copy what follows unread. Sockets have a stage of their own.
        context.Request.Headers.Remove("Upgrade");
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

        if (error == ForwarderError.RequestBodyClient)
        {
            // What the server got of it ended amid the body: nothing came of that.
            return new Refusal(RefusalReason.Unreadable, "The request's body can't be read: its framing is broken.", PrefectResponder.Framing);
        }

        call.Engine.NoteUnreached();
        return Refuse(call, error, draining.IsCancellationRequested);
    }

    // What was judged goes out, whatever length, framing or type the client announced: an empty body may have become one, and the server ignores what isn't called JSON.
    private static void Replace(HttpContext context, ReadOnlyMemory<byte> body)
    {
        var request = context.Request;
        request.Body = System.Runtime.InteropServices.MemoryMarshal.TryGetArray(body, out var array)
            ? new MemoryStream(array.Array!, array.Offset, array.Count, writable: false)
            : new MemoryStream(body.ToArray(), writable: false);
        request.ContentLength = body.Length;
        request.Headers.Remove("Transfer-Encoding");
        if (body.Length > 0 && !PrefectReadStage.IsJson(request.Headers.ContentType))
        {
            request.ContentType = "application/json";
        }

        context.Features.Set<IHttpRequestBodyDetectionFeature>(new KnownBody(body.Length > 0));
    }

    private static Refusal Refuse(PrefectCall call, ForwarderError error, bool isDraining)
    {
        var unknown = call.AuditClass == AuditClass.Write ? " What became of it isn't known." : "";
        return isDraining ? new Refusal(RefusalReason.Draining, "The gate is shutting down." + unknown)
            : error is ForwarderError.RequestTimedOut or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled
                ? new Refusal(RefusalReason.UpstreamTimeout, "The server did not answer in time." + unknown, error.ToString())
            : new Refusal(RefusalReason.UpstreamUnreachable, "The server can't be reached, or broke off." + unknown, error.ToString());
    }

    private sealed class KnownBody(bool canHaveBody) : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody => canHaveBody;
    }
}
