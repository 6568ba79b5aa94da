using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Model;
using Yarp.ReverseProxy.Forwarder;

namespace Postern.Pipeline.Prefect;

/// <summary>Bytes to the server and back. Null means that its answer is in the response, on its way or held until its record is kept.</summary>
internal sealed class PrefectForwardStage
{
#pragma warning disable CA1822 // A stage is an object like its neighbours, also while it keeps nothing.
    public async ValueTask<Refusal?> RunAsync(PrefectCall call, CancellationToken ending)
#pragma warning restore CA1822
    {
        var context = call.Context;
        // YARP would upgrade whatever asks for it, and copy what follows unread. Sockets have a stage of their own.
        context.Request.Headers.Remove("Upgrade");
        var error = call.Body is null && context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false
            ? await call.Engine.Http.SendAsync(context, new PrefectTransformer(call), ending)
            : await SendInHandAsync(call, ending);
        if (call.IsGateRefused)
        {
            call.Engine.NoteRefused();
            return new Refusal(RefusalReason.UpstreamUnreachable, "The server doesn't take the gate's credential.", "engine credential refused");
        }

        if (error == ForwarderError.None && !call.IsAnswerBroken)
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
        return Refuse(call, error, ending.IsCancellationRequested);
    }

    private static async ValueTask<ForwarderError> SendInHandAsync(PrefectCall call, CancellationToken ending)
    {
        using var request = new HttpRequestMessage(Method(call.Context.Request.Method), PrefectTransformer.UriOf(call)) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (call.Body is { Length: > 0 } body)
        {
            request.Content = new ReadOnlyMemoryContent(body);
        }

        PrefectTransformer.Prepare(call, request);
        if (request.Content is { } content)
        {
            // What was judged goes out, whatever length or type the client announced: an empty body may have become one, and the server ignores what isn't called JSON.
            content.Headers.ContentLength = call.Body?.Length ?? 0;
            if (call.Body is { Length: > 0 } && !PrefectReadStage.IsJson(call.Context.Request.Headers.ContentType))
            {
                content.Headers.Remove("Content-Type");
                content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
            }
        }

        return await call.Engine.Http.Exchange.SendAsync(call.Context, request, static (answer, call) => PrefectTransformer.Accept(call, answer), call, ending);
    }

    private static HttpMethod Method(string method) => method switch
    {
        "GET" => HttpMethod.Get,
        "POST" => HttpMethod.Post,
        "PATCH" => HttpMethod.Patch,
        "DELETE" => HttpMethod.Delete,
        "PUT" => HttpMethod.Put,
        _ => new HttpMethod(method),
    };

    private static Refusal Refuse(PrefectCall call, ForwarderError error, bool isEnding)
    {
        var unknown = call.AuditClass == AuditClass.Write ? " What became of it isn't known." : "";
        return isEnding ? new Refusal(RefusalReason.Draining, "The gate is shutting down." + unknown)
            : error is ForwarderError.RequestTimedOut or ForwarderError.RequestBodyCanceled or ForwarderError.ResponseBodyCanceled
                ? new Refusal(RefusalReason.UpstreamTimeout, "The server did not answer in time." + unknown, error.ToString())
            : new Refusal(RefusalReason.UpstreamUnreachable, "The server can't be reached, or broke off." + unknown, error.ToString());
    }
}
