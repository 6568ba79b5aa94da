using System.Globalization;
using System.Text;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Temporalio.Api.ErrorDetails.V1;

namespace Postern.Dev.Engine.Grpc;

/// <summary>Writes answers in the shape that the server gives them.</summary>
internal static class GrpcAnswer
{
    public static async Task WriteAsync(HttpContext http, IMessage message, bool gzip)
    {
        Begin(http, gzip);
        GrpcFrame.Write(http.Response.BodyWriter, message, gzip);
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        End(http);
    }

    /// <summary>Headers of an OK answer; messages may follow.</summary>
    public static void Begin(HttpContext http, bool gzip)
    {
        http.Response.ContentType = http.Request.ContentType;
        if (gzip)
        {
            http.Response.Headers["grpc-encoding"] = "gzip";
        }
    }

    public static void End(HttpContext http)
    {
        var trailers = http.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers;
        trailers["grpc-status"] = "0";
        // Present and empty, as the server's. Set, not appended: AppendTrailer leaves empty values out.
        trailers["grpc-message"] = new StringValues("");
    }

    public static async Task WriteErrorAsync(HttpContext http, RpcException error)
    {
        http.Response.StatusCode = error.HttpStatus;
        http.Response.ContentType = http.Request.ContentType is { } type && type.StartsWith("application/grpc", StringComparison.Ordinal) ? type : "application/grpc";
        if (error.Detail is ResourceExhaustedFailure exhausted)
        {
            // Not trailers-only: the cause and the scope come in headers of their own, ahead of the status.
            http.Response.Headers["x-resource-exhausted-cause"] = exhausted.Cause.ToString();
            http.Response.Headers["x-resource-exhausted-scope"] = exhausted.Scope.ToString();
            await http.Response.StartAsync(http.RequestAborted);
            foreach (var (name, value) in Status(error))
            {
                http.Response.AppendTrailer(name, value);
            }

            return;
        }

        foreach (var (name, value) in Status(error))
        {
            http.Response.Headers[name] = value;
        }

        await http.Response.CompleteAsync();
    }

    private static IEnumerable<(string Name, string Value)> Status(RpcException error)
    {
        yield return ("grpc-status", ((int)error.Code).ToString(CultureInfo.InvariantCulture));
        yield return ("grpc-message", PercentEncode(error.Message));
        if (error.Detail is not null)
        {
            yield return ("grpc-status-details-bin", Convert.ToBase64String(error.ToStatusBytes()).TrimEnd('='));
        }
    }

    private static string PercentEncode(string message)
    {
        if (message.AsSpan().IndexOfAnyExceptInRange(' ', '~') < 0 && !message.Contains('%', StringComparison.Ordinal))
        {
            return message;
        }

        var encoded = new StringBuilder(message.Length + 16);
        foreach (var b in Encoding.UTF8.GetBytes(message))
        {
            if (b is >= 0x20 and <= 0x7e and not (byte)'%')
            {
                encoded.Append((char)b);
            }
            else
            {
                encoded.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
            }
        }

        return encoded.ToString();
    }
}
