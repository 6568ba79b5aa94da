using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Engines.Prefect;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>Request head → route. The target is read once, into the one form in which it is judged and sent; whatever the catalogue doesn't know ends here.</summary>
internal sealed class PrefectRouteStage(Metrics metrics)
{
    private const int LongestShownPath = 120;

    // In its presence the server handles events otherwise than its clients expect.
    private const string EphemeralHost = "ephemeral-prefect";

    public Refusal? Run(PrefectCall call)
    {
        var request = call.Context.Features.GetRequiredFeature<IHttpRequestFeature>();
        var target = request.RawTarget;
        if (!PrefectPath.TryRead(target, out var path, out var fault))
        {
            Count(call);
            return new Refusal(RefusalReason.Unreadable, $"The request's target can't be read with certainty: {fault}.", fault);
        }

        call.Path = path;
        if (request.Headers.Host.Count != 1 || request.Headers.Host[0] is not { Length: > 0 } host || host.Contains(EphemeralHost, StringComparison.OrdinalIgnoreCase))
        {
            Count(call);
            return new Refusal(RefusalReason.Unreadable, "The request's Host can't be used.", "host");
        }

        // A body with two lengths: the platform takes the one that counts and leaves the other in this name. Whoever stands before the gate may have taken the other.
        if (request.Headers.TransferEncoding.Count > 0 && request.Headers.ContainsKey("X-Content-Length"))
        {
            Count(call);
            return new Refusal(RefusalReason.Unreadable, "The request's body has two lengths.", PrefectResponder.Framing);
        }

        if (call.Engine.Catalogue.Find(request.Method, path) is not { } match)
        {
            Count(call);
            return new Refusal(RefusalReason.UnknownOperation, $"unknown operation {request.Method} {Printable(target)}.", "not in the catalogue");
        }

        call.Match = match;
        call.Meter = call.Engine.MeterOf(match.Route);
        call.Meter.Begin();
        return null;
    }

    private void Count(PrefectCall call)
    {
        call.Meter = metrics.Method(call.Engine.Name, "unknown", isPoll: false);
        call.Meter.Begin();
    }

    // Without its query, in which a secret may have been put.
    private static string Printable(string target)
    {
        var path = target.IndexOf('?', StringComparison.Ordinal) is var query and >= 0 ? target[..query] : target;
        var shown = path.Length > LongestShownPath ? path[..LongestShownPath] : path;
        return shown.AsSpan().ContainsAnyExceptInRange('!', '~') ? "(unprintable)" : shown;
    }
}
