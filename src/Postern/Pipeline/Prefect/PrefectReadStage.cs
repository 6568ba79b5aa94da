using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>Body → operation. Where a body is judged it is read whole, as the server would read it, and what was read is what is sent.</summary>
internal sealed class PrefectReadStage(TimeProvider time)
{
    // A client that begins a body and never ends it must not hold its call open for ever.
    private const int ReadAtOnce = 64 * 1024;

    private static readonly TimeSpan LongestBody = TimeSpan.FromSeconds(60);

    private static readonly Refusal OtherType = new(
        RefusalReason.Unreadable, "The body isn't JSON: send content-type: application/json. The server ignores bodies of other types and would answer as if there were none.", "content type");

    public async ValueTask<Refusal?> RunAsync(PrefectCall call)
    {
        if (!call.Route.JudgesBody || call.Route.IsSocket)
        {
            if (Bound(call) is { } tooLarge)
            {
                return tooLarge;
            }

            return Take(call, PrefectReader.Read(call.Match, call.Path, null, call.Engine.Name));
        }

        if (await ReadBodyAsync(call) is { } refusal)
        {
            return refusal;
        }

        JsonElement? root = null;
        if (call.Body is { Length: > 0 } body)
        {
            if (body.Length > ReadAtOnce)
            {
                // A batch of logs takes its time, which the thread that reads sockets doesn't have.
                await Task.Yield();
            }

            if (!PrefectJson.TryRead(body, out var document, out var fault))
            {
                return PrefectReader.Unreadable(fault);
            }

            call.Json = document;
            root = document?.RootElement;
        }

        return Take(call, PrefectReader.Read(call.Match, call.Path, root, call.Engine.Name));
    }

    private static Refusal? Take(PrefectCall call, PrefectReading reading)
    {
        if (reading.Refusal is { } refusal)
        {
            return refusal;
        }

        call.Operation = reading.Operation!;
        PrefectFactsReader.Read(call.Facts, call.Match, call.Operation, call.Json?.RootElement);
        return null;
    }

    // A body that is passed on as it comes is no longer than one that is read.
    private static Refusal? Bound(PrefectCall call)
    {
        var limit = call.Engine.Options.RequestBytes.Bytes;
        if (call.Context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } most)
        {
            most.MaxRequestBodySize = limit;
        }

        return call.Context.Request.ContentLength is { } length && length > limit ? TooLarge(length, limit) : null;
    }

    private async ValueTask<Refusal?> ReadBodyAsync(PrefectCall call)
    {
        var request = call.Context.Request;
        if (request.Headers.ContentEncoding.Count > 0)
        {
            return new Refusal(RefusalReason.Unreadable, "The body is encoded, which the server doesn't read.", "content encoding");
        }

        var limit = call.Engine.Options.RequestBytes.Bytes;
        if (request.ContentLength > limit)
        {
            return TooLarge(request.ContentLength.Value, limit);
        }

        using var patience = new CancellationTokenSource(LongestBody, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, call.Context.RequestAborted);
        var buffer = new MemoryStream(request.ContentLength is { } length ? (int)length : 0);
        try
        {
            var reader = request.BodyReader;
            while (true)
            {
                var read = await reader.ReadAsync(either.Token);
                foreach (var segment in read.Buffer)
                {
                    buffer.Write(segment.Span);
                }

                reader.AdvanceTo(read.Buffer.End);
                if (buffer.Length > limit)
                {
                    return TooLarge(buffer.Length, limit);
                }

                if (read.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (OperationCanceledException) when (!call.Context.RequestAborted.IsCancellationRequested)
        {
            return new Refusal(RefusalReason.UpstreamTimeout, "The request did not arrive in time.");
        }

        call.RequestBytes = buffer.Length;
        call.Body = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        return buffer.Length > 0 && !IsJson(request.Headers.ContentType) ? OtherType : null;
    }

    /// <summary>Whether the server reads a body of the type as JSON; without one it does.</summary>
    public static bool IsJson(Microsoft.Extensions.Primitives.StringValues contentType) => contentType.Count <= 1 && PrefectJson.IsJson(contentType);

    private static Refusal TooLarge(long length, long limit) =>
        new(RefusalReason.TooLarge, string.Create(CultureInfo.InvariantCulture, $"The body has more bytes than are read here ({length} vs. {limit})."));
}
