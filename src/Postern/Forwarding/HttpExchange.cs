using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Forwarder;

namespace Postern.Forwarding;

/// <summary>
/// One request whose body is in hand, and its answer: what most calls are. The same as YARP does for bodies that stream, without what those need: a third less of the CPU that is ours to
/// save (bench/load).
/// </summary>
internal sealed class HttpExchange(HttpMessageInvoker invoker, TimeSpan silence)
{
    private const int Whole = 64 * 1024;
    private const int MostKept = 256;

    // RFC 9110 §7.6.1, and what the platform sets by itself.
    private static readonly FrozenSet<string> s_ofConnection = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, "connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade");

    private readonly ConcurrentBag<CancellationTokenSource> _sources = [];

    /// <summary>Sends the request and copies the answer into the context's response, if <paramref name="accept"/> takes its head.</summary>
    /// <param name="context">The client's call.</param>
    /// <param name="request">What is sent.</param>
    /// <param name="accept">Sees the answer's head before anything of it is written; false keeps all of it back.</param>
    /// <param name="state">For <paramref name="accept"/>.</param>
    /// <param name="ending">Ends the call from outside.</param>
    public async ValueTask<ForwarderError> SendAsync<T>(HttpContext context, HttpRequestMessage request, Func<HttpResponseMessage, T, bool> accept, T state, CancellationToken ending)
    {
        var source = _sources.TryTake(out var kept) ? kept : new CancellationTokenSource();
        var begun = false;
        try
        {
            using var left = context.RequestAborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), source);
            using var ended = ending.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), source);
            source.CancelAfter(silence);
            using var answer = await invoker.SendAsync(request, source.Token);
            if (!accept(answer, state))
            {
                return ForwarderError.None;
            }

            begun = true;
            Copy(context.Response, answer);
            await CopyBodyAsync(context.Response, answer.Content, source);
            return ForwarderError.None;
        }
        catch (OperationCanceledException) when (source.IsCancellationRequested)
        {
            return context.RequestAborted.IsCancellationRequested ? ForwarderError.RequestCanceled
                : begun ? ForwarderError.ResponseBodyCanceled : ForwarderError.RequestTimedOut;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return begun ? ForwarderError.ResponseBodyDestination : ForwarderError.Request;
        }
        finally
        {
            // One that was cancelled, or whose time has come this moment, isn't used again.
            if (!source.TryReset() || _sources.Count >= MostKept)
            {
                source.Dispose();
            }
            else
            {
                _sources.Add(source);
            }
        }
    }

    /// <summary>Status and headers but for those of the connection.</summary>
    private static void Copy(HttpResponse to, HttpResponseMessage answer)
    {
        to.StatusCode = (int)answer.StatusCode;
        if (answer.ReasonPhrase is { Length: > 0 } reason && to.HttpContext.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResponseFeature>() is { } feature)
        {
            feature.ReasonPhrase = reason;
        }

        Copy(to.Headers, answer.Headers.NonValidated);
        Copy(to.Headers, answer.Content.Headers.NonValidated);
    }

    private static void Copy(IHeaderDictionary to, HttpHeadersNonValidated from)
    {
        foreach (var (name, values) in from)
        {
            if (s_ofConnection.Contains(name))
            {
                continue;
            }

            StringValues all = values.Count == 1 ? values.ToString() : new StringValues([.. values]);
            // What can't stand in a header the platform refuses with an exception, and with it an answer to what the server has done already.
            if (AreWritable(name, all))
            {
                to[name] = all;
            }
        }
    }

    private static bool AreWritable(string name, in StringValues values)
    {
        foreach (var value in values)
        {
            if (!ResponseHeaderText.IsWritable(name, value ?? ""))
            {
                return false;
            }
        }

        return true;
    }

    private async ValueTask CopyBodyAsync(HttpResponse to, HttpContent content, CancellationTokenSource source)
    {
        if (content.Headers.ContentLength is <= Whole)
        {
            await content.CopyToAsync(to.Body, source.Token);
            return;
        }

        await using var body = await content.ReadAsStreamAsync(source.Token);
        var buffer = System.Buffers.ArrayPool<byte>.Shared.Rent(Whole);
        try
        {
            for (int read; (read = await body.ReadAsync(buffer, source.Token)) > 0;)
            {
                // The time runs from what came last.
                source.CancelAfter(silence);
                await to.Body.WriteAsync(buffer.AsMemory(0, read), source.Token);
            }
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
