using System.Globalization;
using Microsoft.AspNetCore.Http;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>Writes refusals to Prefect's clients: the one place that does.</summary>
internal static class PrefectResponder
{
    /// <summary>The detail of a refusal after which nothing more is read from its connection.</summary>
    public const string Framing = "framing";

    /// <summary>The status that a refusal of this call has.</summary>
    public static int StatusOf(PrefectCall call, Refusal refusal) =>
        PrefectRefusal.Status(refusal.Reason, call.IsRouted && call.Route.Class is RouteClass.Poll or RouteClass.Worker);

    public static async ValueTask RefuseAsync(PrefectCall call, Refusal refusal)
    {
        var response = call.Context.Response;
        if (response.HasStarted)
        {
            // The head is out, and with it the server's status: the client must see that what follows is no whole answer.
            call.Context.Abort();
            return;
        }

        response.Clear();
        if (PrefectPages.SendToLogin(call, refusal))
        {
            return;
        }

        response.StatusCode = StatusOf(call, refusal);
        response.ContentType = "application/json";
        response.Headers.CacheControl = "no-store";
        if (response.StatusCode == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        if (ReferenceEquals(refusal.Detail, Framing) && HttpProtocol.IsHttp11(call.Context.Request.Protocol))
        {
            response.Headers.Connection = "close";
        }

        if (PrefectRefusal.RetryAfter(refusal) is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        var body = PrefectRefusal.Body(refusal, call.Id);
        response.ContentLength = body.Length;
        if (!HttpMethods.IsHead(call.Context.Request.Method))
        {
            await response.Body.WriteAsync(body, call.Context.RequestAborted);
        }
    }
}
