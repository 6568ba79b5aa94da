using System.Collections.Frozen;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Dev.Engine.Authorization;

namespace Postern.Dev.Engine.Grpc;

/// <summary>gRPC over Kestrel, unary methods and the health service: framing, deadlines, and one place where errors become answers.</summary>
internal sealed partial class GrpcServer(FrozenDictionary<string, FrozenDictionary<string, GrpcMethod>> services, CallGate gate, TimeProvider time, ILogger<GrpcServer> logger)
{
    public async Task HandleAsync(HttpContext http)
    {
        try
        {
            await ServeAsync(http);
        }
        catch (RpcException error)
        {
            await AnswerErrorAsync(http, error);
        }
        catch (InvalidProtocolBufferException error)
        {
            await AnswerErrorAsync(http, new RpcException(StatusCode.Internal, "grpc: error unmarshalling request: " + WordsFor(error)));
        }
        catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
        {
            await AnswerErrorAsync(http, new RpcException(StatusCode.DeadlineExceeded, "context deadline exceeded"));
        }
        catch (OperationCanceledException)
        {
            http.Abort();
        }
        catch (Exception error) when (!http.RequestAborted.IsCancellationRequested)
        {
            Log.Failed(logger, error, http.Request.Path);
            await AnswerErrorAsync(http, new RpcException(StatusCode.Unknown, "something went wrong, please retry"));
        }
    }

    private static string WordsFor(InvalidProtocolBufferException error) =>
        error.Message.Contains("UTF-8", StringComparison.OrdinalIgnoreCase)
            ? "string field contains invalid UTF-8"
            : "proto: cannot parse invalid wire-format data";

    private static async Task AnswerErrorAsync(HttpContext http, RpcException error)
    {
        if (http.Response.HasStarted || http.RequestAborted.IsCancellationRequested)
        {
            http.Abort();
            return;
        }

        http.Response.Clear();
        await GrpcAnswer.WriteErrorAsync(http, error);
    }

    private async Task ServeAsync(HttpContext http)
    {
        CheckHead(http.Request);
        var timeout = GrpcTimeout.Parse(http.Request.Headers["grpc-timeout"]);
        using var deadline = timeout is { } wait ? new CancellationTokenSource(wait < TimeSpan.Zero ? TimeSpan.Zero : wait, time) : null;
        using var gone = deadline is null ? null : CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, http.RequestAborted);
        var token = gone?.Token ?? http.RequestAborted;
        if (timeout < TimeSpan.FromMilliseconds(1))
        {
            throw new RpcException(StatusCode.DeadlineExceeded, "context deadline exceeded");
        }

        var (service, method) = Route(http.Request.Path.Value ?? "");
        if (service == HealthService.Name)
        {
            await HealthService.ServeAsync(http, method, gate.Enforces, token);
            return;
        }

        if (!services.TryGetValue(service, out var methods))
        {
            throw new RpcException(StatusCode.Unimplemented, $"unknown service {service}");
        }

        if (!methods.TryGetValue(method, out var target))
        {
            throw new RpcException(StatusCode.Unimplemented, $"unknown method {method} for service {service}");
        }

        var encoding = http.Request.Headers["grpc-encoding"].ToString();
        var body = await GrpcFrame.ReadAsync(http.Request.BodyReader, encoding, token);
        var request = target.Parse(body);
        var principal = await gate.AdmitAsync(target, service, request, http.Request.Headers);
        var follows = http.Request.Headers["supported-features"].ToString().Contains("follows-next-run-id", StringComparison.Ordinal);
        var call = new CallContext(method, timeout is { } t ? time.GetUtcNow() + t : null, principal, follows, token);
        var answer = await target.InvokeAsync(request, call);
        await GrpcAnswer.WriteAsync(http, answer, encoding == "gzip");
    }

    private static void CheckHead(HttpRequest request)
    {
        if (!HttpMethods.IsPost(request.Method))
        {
            throw new RpcException(StatusCode.Internal, $"Received a HEADERS frame with :method \"{request.Method}\" which should be POST") { HttpStatus = 405 };
        }

        var type = request.ContentType ?? "";
        if (type != "application/grpc" && !type.StartsWith("application/grpc+", StringComparison.Ordinal) && !type.StartsWith("application/grpc;", StringComparison.Ordinal))
        {
            throw new RpcException(StatusCode.InvalidArgument, $"invalid gRPC request content-type \"{type}\"") { HttpStatus = 415 };
        }
    }

    private static (string Service, string Method) Route(string path)
    {
        var slash = path.LastIndexOf('/');
        if (slash <= 0)
        {
            throw new RpcException(StatusCode.Unimplemented, $"malformed method name: \"{path}\"");
        }

        return (path[1..slash], path[(slash + 1)..]);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "{Path} failed", EventName = "CallFailed")]
        public static partial void Failed(ILogger logger, Exception error, string path);
    }
}
