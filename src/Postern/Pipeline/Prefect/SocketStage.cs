using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Postern.Engines.Prefect.Sockets;
using Postern.Forwarding;
using Postern.Forwarding.WebSockets;
using Postern.Identity.Certificates;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// An upgrade → a socket, for as long as it lasts. Whatever can't be told yet, the upgrade is accepted and the client kept waiting: stock clients take a status in its
/// place for a final word. Only what no stock client sends is answered by one.
/// </summary>
internal sealed partial class SocketStage(SocketParts parts, Metrics metrics, ILogger<SocketStage> logger)
{
    private const int Upgraded = 101;

    private readonly System.Diagnostics.Metrics.UpDownCounter<long> _open = metrics.Meter.CreateUpDownCounter<long>("postern.sockets.open", "{socket}", "Sockets of a Prefect server that are open");
    private readonly System.Diagnostics.Metrics.Counter<long> _messages = metrics.Meter.CreateCounter<long>("postern.sockets.messages", "{message}", "Messages on sockets that have ended, by direction; withheld ones their caller may not see");

    /// <summary>Null where the call became a socket, which has ended meanwhile and has its record.</summary>
    public async ValueTask<Refusal?> RunAsync(PrefectCall call)
    {
        var request = call.Context.Features.GetRequiredFeature<IHttpRequestFeature>();
        var upgrade = call.Context.Features.Get<IHttpUpgradeFeature>();
        if (!SocketOffer.IsMeant(request))
        {
            return new Refusal(RefusalReason.UnknownOperation, "There is a socket here and nothing else.", "no upgrade");
        }

        if (SocketOffer.Read(request, upgrade, out var fault) is not { } offer)
        {
            return new Refusal(RefusalReason.Unreadable, $"The request can't become a socket: {fault}. It takes HTTP/1.1 and version {SocketOffer.Version}.", fault);
        }

        if (!IsOfThisSite(request.Headers))
        {
            // A browser sends along what it holds for this site, whoever made the page; no other client has an origin.
            return new Refusal(RefusalReason.NotAllowed, "Request unauthorized. The page that asks for a socket is of another site.", "origin");
        }

        var socket = PrefectSockets.Of(call.Route);
        var isAgreed = offer.Protocols.Contains(PrefectSockets.Subprotocol, StringComparer.Ordinal);
        var certificate = call.State.Identity.TakesCertificates ? call.Context.Features.Get<PresentedCertificate>() : null;
        var stream = await offer.AcceptAsync(call.Context.Features.GetRequiredFeature<IHttpResponseFeature>(), upgrade!, isAgreed ? PrefectSockets.Subprotocol : null);
        await ServeAsync(new SocketCall(parts, call, socket, isAgreed, certificate), call, stream);
        return null;
    }

    private async Task ServeAsync(SocketCall socket, PrefectCall call, Stream stream)
    {
        var kind = new KeyValuePair<string, object?>("socket", call.Route.Operation);
        _open.Add(1, kind);
        try
        {
            var end = await socket.RunAsync(stream);
            call.RequestBytes = end.BytesReceived;
            call.ResponseBytes = end.BytesSent;
            Count("received", end.Received);
            Count("sent", end.Sent);
            Count("withheld", end.Withheld);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.Bug(logger, call.Id, call.Route.Operation, e);
            call.Refusal = new Refusal(RefusalReason.Bug, "Something went wrong in the gate.", e.GetType().Name);
        }
        finally
        {
            _open.Add(-1, kind);
            PrefectLimitStage.Leave(call);
        }

        await parts.Audit.OutcomeAsync(call, Upgraded);

        void Count(string direction, long messages)
        {
            if (messages > 0)
            {
                _messages.Add(messages, kind, new("direction", direction));
            }
        }
    }

    /// <summary>Whether no page asks, or one of this very site.</summary>
    private static bool IsOfThisSite(Microsoft.AspNetCore.Http.IHeaderDictionary headers)
    {
        var origin = headers.Origin;
        if (origin.Count == 0)
        {
            return true;
        }

        // By host and port: what ends TLS before the gate knows the scheme, the gate doesn't.
        return origin is [{ } text] && Uri.TryCreate(text, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
            && text.Length > uri.Scheme.Length + 3 && headers.Host is [{ } host] && string.Equals(text[(uri.Scheme.Length + 3)..], host, StringComparison.OrdinalIgnoreCase);
    }

    private static partial class Log
    {
        [LoggerMessage(EventIds.Pipeline + 14, LogLevel.Error, "Socket {Operation} failed in the gate itself [call {CallId}]")]
        public static partial void Bug(ILogger logger, string callId, string operation, Exception exception);
    }
}

/// <summary>What all sockets use.</summary>
/// <param name="Current">The state that is in force now: a socket outlives the one it began with.</param>
/// <param name="Read">Path → operation.</param>
/// <param name="Authorize">Caller × operation → decision.</param>
/// <param name="Limit">Whether the caller may have one more.</param>
/// <param name="Audit">Their records.</param>
/// <param name="Limits">What counts a caller's open calls.</param>
/// <param name="Wheel">On which they stand, to be looked at each second.</param>
/// <param name="Time">The clock.</param>
/// <param name="Draining">Fires when the gate begins to end.</param>
internal sealed record SocketParts(
    Func<GateState> Current, PrefectReadStage Read, PrefectAuthorizeStage Authorize, PrefectLimitStage Limit, PrefectAuditStage Audit, LimitStage Limits, DeadlineWheel Wheel, TimeProvider Time, CancellationToken Draining);
