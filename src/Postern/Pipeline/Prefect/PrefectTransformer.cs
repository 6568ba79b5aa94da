using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Postern.Forwarding;
using Yarp.ReverseProxy.Forwarder;

namespace Postern.Pipeline.Prefect;

/// <summary>
/// The server's request: the judged target, the client's harmless headers, the server's own credential. Everything that carries identity is ours alone.
/// </summary>
internal sealed class PrefectTransformer(PrefectCall call) : HttpTransformer
{
    private static readonly UriCreationOptions AsItIs = new() { DangerousDisablePathAndQueryCanonicalization = true };

    /// <summary>What was judged, to the last byte: the platform would take dots and escapes apart once more.</summary>
    public static Uri UriOf(PrefectCall call) => new(call.Engine.Http.Address + call.Match.Target, AsItIs);

    /// <summary>Writes the head of the server's request.</summary>
    public static void Prepare(PrefectCall call, HttpRequestMessage proxyRequest)
    {
        // What has no body the platform sends again where a connection breaks, up to three times: a write goes out once.
        if (proxyRequest.Content is null && proxyRequest.Method != HttpMethod.Get)
        {
            proxyRequest.Content = new ByteArrayContent([]);
        }

        AddHeaders(call, proxyRequest, call.Engine.Credential.Current.Authorization);
    }

    /// <summary>Sees the head of the server's answer; false where it isn't for the client.</summary>
    public static bool Accept(PrefectCall call, HttpResponseMessage answer)
    {
        // The server's no to the gate's own credential says nothing of the caller's: passed on, it would end his workers and his running flows.
        if (answer.StatusCode == System.Net.HttpStatusCode.Unauthorized)
        {
            call.IsGateRefused = true;
            return false;
        }

        // A length that is none, or two of them: where such an answer ends nobody can say.
        if (answer.Content.Headers.NonValidated.TryGetValues("Content-Length", out var lengths) && (lengths.Count != 1 || answer.Content.Headers.ContentLength is null))
        {
            call.IsAnswerBroken = true;
            return false;
        }

        call.ResponseBytes = answer.Content.Headers.ContentLength ?? 0;
        CorrectLocation(call.Context, answer);
        return true;
    }

    // What can't stand in a header the platform refuses with an exception, and with it an answer to what the server has done already.
    private static bool DropUnwritable(HttpResponseMessage answer)
    {
        DropUnwritable(answer.Headers);
        DropUnwritable(answer.Content.Headers);
        return true;
    }

    private static void DropUnwritable(HttpHeaders headers)
    {
        foreach (var name in headers.NonValidated.Where(header => header.Value.Any(value => !ResponseHeaderText.IsWritable(header.Key, value))).Select(header => header.Key).ToArray())
        {
            headers.Remove(name);
        }
    }

    public override ValueTask TransformRequestAsync(HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        proxyRequest.RequestUri = UriOf(call);
        Prepare(call, proxyRequest);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken) =>
        (proxyResponse is null || (Accept(call, proxyResponse) && DropUnwritable(proxyResponse))) && await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);

    // A server that doesn't trust our word on the scheme writes its own into redirects: a client would go to the other scheme, and drop its credential.
    private static void CorrectLocation(HttpContext context, HttpResponseMessage answer)
    {
        if (context.Request.IsHttps && answer.Headers.NonValidated.TryGetValues("Location", out var location)
            && location.ToString() is { } text && text.StartsWith($"http://{context.Request.Host.Value}/", StringComparison.OrdinalIgnoreCase))
        {
            answer.Headers.Remove("Location");
            answer.Headers.TryAddWithoutValidation("Location", string.Concat("https://", text.AsSpan("http://".Length)));
        }
    }

    /// <summary>The headers of any request to the server that is made for a call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="proxyRequest">The request.</param>
    /// <param name="authorization">What the gate presents; null for nothing.</param>
    public static void AddHeaders(PrefectCall call, HttpRequestMessage proxyRequest, string? authorization)
    {
        var request = call.Context.Request;
        var connection = request.Headers.Connection;
        var keepsAttribution = call.IsAuthenticated && call.Token.Caller.Kind != Model.CallerKind.Human;
        // What the gate changes it must be able to read.
        var isSettings = PrefectPages.IsSettings(call);
        foreach (var header in request.Headers)
        {
            if (PrefectHeaders.IsForwarded(header.Key, connection, keepsAttribution) && !(isSettings && header.Key.Equals("accept-encoding", StringComparison.OrdinalIgnoreCase)))
            {
                Add(proxyRequest, header.Key, header.Value);
            }
        }

        if (PrefectHeaders.CookieOf(request.Headers.Cookie) is { } cookie)
        {
            proxyRequest.Headers.TryAddWithoutValidation("Cookie", cookie);
        }

        // Locations and pages are written with the name by which the client knows the server.
        proxyRequest.Headers.Host = request.Host.Value;
        proxyRequest.Headers.TryAddWithoutValidation("X-Forwarded-Proto", request.Scheme);
        if (call.Source is { } source)
        {
            proxyRequest.Headers.TryAddWithoutValidation("X-Forwarded-For", source.ToString());
        }

        if (authorization is not null)
        {
            proxyRequest.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        proxyRequest.Headers.TryAddWithoutValidation("traceparent", call.CallId.TraceParent(request.Headers.TraceParent.Count == 1 ? request.Headers.TraceParent[0] : null));
        proxyRequest.Headers.TryAddWithoutValidation("x-postern-call-id", call.Id);
    }

    private static void Add(HttpRequestMessage request, string name, StringValues values)
    {
        HttpHeaders to = request.Headers;
        if (PrefectHeaders.IsOfContent(name))
        {
            if (request.Content is null)
            {
                return;
            }

            to = request.Content.Headers;
        }

        if (values.Count == 1)
        {
            to.TryAddWithoutValidation(name, values[0]);
        }
        else
        {
            to.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        }
    }
}
