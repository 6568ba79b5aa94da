using Microsoft.AspNetCore.Http;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline;

/// <summary>
/// Request head → engine and method. The path is compared as it was sent: no decoding, no folding, no clean-up, so that what is judged is what the engine is asked.
/// Whatever the catalogue doesn't know ends here.
/// </summary>
internal sealed class RouteStage(MethodMeter unknown)
{
    private const int LongestShownPath = 120;

    public static Refusal Unknown(string path) =>
        new(RefusalReason.UnknownOperation, $"unknown operation {Printable(path)}.", "not in the catalogue");

    public Refusal? Run(Call call)
    {
        var request = call.Request;
        call.Meter = unknown;
        if (request.Protocol != "HTTP/2" || request.Method != "POST" || !GrpcResponder.IsGrpc(call.RequestHeaders) || request.QueryString.Length > 0)
        {
            unknown.Begin();
            return Unknown(request.Path);
        }

        var engine = call.State.EngineFor(call.RequestHeaders.Host.Count == 1 ? call.RequestHeaders.Host[0] : null);
        // RawTarget is what stood in :path; Path has been decoded, and one that differs was written to be read differently.
        if (engine is null || !string.Equals(request.RawTarget, request.Path, StringComparison.Ordinal) || engine.Catalogue.Find(request.Path) is not { } method)
        {
            unknown.Begin();
            return Unknown(request.Path);
        }

        call.Engine = engine;
        call.Method = method;
        call.Meter = engine.MeterOf(method);
        call.Meter.Begin();
        return null;
    }

    private static string Printable(string path)
    {
        var shown = path.Length > LongestShownPath ? path[..LongestShownPath] : path;
        return shown.AsSpan().ContainsAnyExceptInRange('!', '~') ? "(unprintable)" : shown;
    }
}
