using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Engines.Temporal;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>Writes refusals: the one place that does. gRPC gets the engine's own error shape, anything else the HTTP API's JSON.</summary>
internal static class GrpcResponder
{
    public static bool IsGrpc(IHeaderDictionary headers)
    {
        var contentType = headers.ContentType;
        // Other subtypes (+json) would make the server read other fields out of the same bytes than we do.
        return contentType.Count == 1 && contentType[0] is { } value
            && (value.Equals("application/grpc", StringComparison.OrdinalIgnoreCase) || value.Equals("application/grpc+proto", StringComparison.OrdinalIgnoreCase));
    }

    public static async ValueTask RefuseAsync(Call call, Refusal refusal)
    {
        var text = TemporalRefusal.Of(refusal, call.Id);
        if (!IsGrpc(call.RequestHeaders))
        {
            await RefuseHttpAsync(call, refusal, text);
            return;
        }

        call.Answer.Status = text.Status;
        var limited = refusal.Reason == RefusalReason.Limited;
        if (call.AnswerBegun || call.Response.HasStarted)
        {
            // The head is out, and with it the engine's status line: only the trailers can still tell the truth.
            WriteStatus(call.Trailers, text);
            return;
        }

        call.Response.StatusCode = 200;
        call.Response.Headers.Clear();
        call.Response.Headers.ContentType = "application/grpc";
        if (limited)
        {
            // As the server does it: cause and scope in the head, status in trailers. Clients read the cause only there.
            call.Response.Headers["x-resource-exhausted-cause"] = refusal.IsOfOpen ? "ConcurrentLimit" : "RpsLimit";
            call.Response.Headers["x-resource-exhausted-scope"] = "Namespace";
            await call.ResponseBody.StartAsync();
            WriteStatus(call.Trailers, text);
            return;
        }

        WriteStatus(call.Response.Headers, text);
    }

    /// <summary>One message as a unary answer of our own, with status OK.</summary>
    public static void Answer(Call call, ReadOnlySpan<byte> message)
    {
        call.Response.StatusCode = 200;
        call.Response.Headers.ContentType = "application/grpc";
        WriteFrame(call, message);
        call.Trailers["grpc-status"] = "0";
    }

    /// <summary>A status that the engine answered to the gate's own question, in its own words.</summary>
    /// <param name="call">The call.</param>
    /// <param name="status">Not 0.</param>
    /// <param name="text">The message as it stands on the wire.</param>
    /// <param name="details">The typed detail as it stands on the wire; null where there is none.</param>
    public static void AnswerStatus(Call call, int status, string text, string? details)
    {
        call.Response.StatusCode = 200;
        call.Response.Headers.ContentType = "application/grpc";
        call.Response.Headers["grpc-status"] = status.ToString(CultureInfo.InvariantCulture);
        call.Response.Headers["grpc-message"] = text;
        if (details is not null)
        {
            call.Response.Headers["grpc-status-details-bin"] = details;
        }
    }

    public static void WriteFrame(Call call, ReadOnlySpan<byte> message)
    {
        var writer = call.ResponseBody.Writer;
        var span = writer.GetSpan(5 + message.Length);
        span[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(span[1..], (uint)message.Length);
        message.CopyTo(span[5..]);
        writer.Advance(5 + message.Length);
    }

    private static void WriteStatus(IHeaderDictionary to, in TemporalRefusal text)
    {
        to["grpc-status"] = text.Status.ToString(CultureInfo.InvariantCulture);
        to["grpc-message"] = TemporalRefusal.PercentEncode(text.Message);
        if (text.Details is { } details)
        {
            to["grpc-status-details-bin"] = details;
        }
    }

    private static async ValueTask RefuseHttpAsync(Call call, Refusal refusal, TemporalRefusal text)
    {
        call.Answer.Status = text.Status;
        if (call.Response.HasStarted)
        {
            return;
        }

        call.Response.StatusCode = TemporalRefusal.HttpCode(refusal.Reason);
        call.Response.Headers.Clear();
        call.Response.Headers.ContentType = "application/json";
        switch (refusal.Reason)
        {
            case RefusalReason.Unauthenticated:
                call.Response.Headers.WWWAuthenticate = "Bearer";
                break;
            case RefusalReason.CannotTell or RefusalReason.Draining:
                call.Response.Headers.RetryAfter = "2";
                break;
            case RefusalReason.Limited:
                call.Response.Headers.RetryAfter = ((int)Math.Ceiling((refusal.RetryAfter ?? TimeSpan.FromSeconds(1)).TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                break;
            default:
                break;
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(new HttpError(text.Status, text.Message, []), HttpErrorContext.Default.HttpError);
        call.Response.Headers.ContentLength = body.Length;
        if (call.Request.Method != "HEAD")
        {
            await call.ResponseBody.Writer.WriteAsync(body);
        }
    }
}

/// <summary>The HTTP API's error body.</summary>
internal sealed record HttpError(
    [property: System.Text.Json.Serialization.JsonPropertyName("code")] int Code,
    [property: System.Text.Json.Serialization.JsonPropertyName("message")] string Message,
    [property: System.Text.Json.Serialization.JsonPropertyName("details")] IReadOnlyList<string> Details);

[System.Text.Json.Serialization.JsonSerializable(typeof(HttpError))]
internal sealed partial class HttpErrorContext : System.Text.Json.Serialization.JsonSerializerContext;
