using System.Buffers;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace Postern.Dev.Engine.Grpc;

/// <summary>grpc.health.v1.Health. Its messages are two fields wide, so they are read and written by hand.</summary>
internal static class HealthService
{
    public const string Name = "grpc.health.v1.Health";
    private const string WorkflowService = "temporal.api.workflowservice.v1.WorkflowService";

    // HealthCheckResponse { status = 1: SERVING }.
    private static readonly byte[] Serving = [0x08, 0x01];

    public static async Task ServeAsync(HttpContext http, string method, bool enforces, CancellationToken gone)
    {
        var encoding = http.Request.Headers["grpc-encoding"].ToString();
        var body = await GrpcFrame.ReadAsync(http.Request.BodyReader, encoding, gone);
        switch (method)
        {
            case "Check":
                CheckKnown(body);
                await AnswerAsync(http, Serving);
                break;
            case "List":
                // Authorization has no word for these two; the default authorizer refuses them whoever calls, and a stream's refusal loses its code.
                Refuse(enforces, StatusCode.PermissionDenied);
                await AnswerAsync(http, ListOf("", WorkflowService));
                break;
            case "Watch":
                Refuse(enforces, StatusCode.Unknown);
                GrpcAnswer.Begin(http, gzip: false);
                WriteFrame(http.Response.BodyWriter, Serving);
                await http.Response.BodyWriter.FlushAsync(gone);
                await Task.Delay(Timeout.InfiniteTimeSpan, gone);
                break;
            default:
                throw new RpcException(StatusCode.Unimplemented, $"unknown method {method} for service {Name}");
        }
    }

    private static void Refuse(bool enforces, StatusCode code)
    {
        if (enforces)
        {
            throw new RpcException(code, "Request unauthorized.");
        }
    }

    private static void CheckKnown(byte[] body)
    {
        var service = "";
        var input = new CodedInputStream(body);
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            if (tag == 10)
            {
                service = input.ReadString();
            }
            else
            {
                input.SkipLastField();
            }
        }

        if (service is not ("" or WorkflowService))
        {
            throw new RpcException(StatusCode.NotFound, "unknown service");
        }
    }

    private static byte[] ListOf(params string[] services)
    {
        using var buffer = new MemoryStream();
        using (var output = new CodedOutputStream(buffer, leaveOpen: true))
        {
            foreach (var service in services)
            {
                using var entry = new MemoryStream();
                using (var fields = new CodedOutputStream(entry, leaveOpen: true))
                {
                    fields.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    fields.WriteString(service);
                    fields.WriteTag(2, WireFormat.WireType.LengthDelimited);
                    fields.WriteBytes(ByteString.CopyFrom(Serving));
                }

                output.WriteTag(1, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(entry.ToArray()));
            }
        }

        return buffer.ToArray();
    }

    private static async Task AnswerAsync(HttpContext http, byte[] message)
    {
        GrpcAnswer.Begin(http, gzip: false);
        WriteFrame(http.Response.BodyWriter, message);
        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
        GrpcAnswer.End(http);
    }

    private static void WriteFrame(IBufferWriter<byte> output, byte[] message)
    {
        output.Write<byte>([0, 0, 0, 0, (byte)message.Length]);
        output.Write(message);
    }
}
