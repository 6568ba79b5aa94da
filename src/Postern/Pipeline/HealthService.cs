using System.Buffers;
using Google.Protobuf;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// grpc.health.v1.Health, answered by the gate itself and without a credential, since load balancers have none. It speaks for the gate, not for the engine:
/// a balancer that took every gate away because an engine is restarting would only make the outage worse.
/// </summary>
internal sealed class HealthService(CancellationToken draining)
{
    private const string Prefix = "/grpc.health.v1.Health/";
    private const int Serving = 1;
    private const int NotServing = 2;
    private const int ServiceUnknown = 3;
    private const int LargestRequest = 4096;

    private static readonly string[] Services =
    [
        "", "temporal.api.workflowservice.v1.WorkflowService", "temporal.api.operatorservice.v1.OperatorService", "grpc.health.v1.Health",
    ];

    /// <summary>Whether this is a call of ours, as it was sent: anything that only begins so is an unknown operation, and recorded as one.</summary>
    public static bool IsHealth(string target) => target is Prefix + "Check" or Prefix + "List" or Prefix + "Watch";

    public async ValueTask<Refusal?> AnswerAsync(Call call)
    {
        var method = call.Request.Path[Prefix.Length..];
        if (call.Request.Method != "POST" || !GrpcResponder.IsGrpc(call.RequestHeaders))
        {
            return RouteStage.Unknown(call.Request.Path);
        }

        var (service, refusal) = await ReadServiceAsync(call);
        if (refusal is not null)
        {
            return refusal;
        }

        var status = draining.IsCancellationRequested ? NotServing : Serving;
        switch (method)
        {
            case "List":
                GrpcResponder.Answer(call, List(status));
                return null;
            case "Check" when !Services.Contains(service):
                // NOT_FOUND is what the protocol says here, and no reason of ours: nothing was refused.
                call.Answer.Status = 5;
                call.Response.Headers.ContentType = "application/grpc";
                call.Response.Headers["grpc-status"] = "5";
                call.Response.Headers["grpc-message"] = "unknown service";
                return null;
            case "Check":
                GrpcResponder.Answer(call, Status(status));
                return null;
            default:
                await WatchAsync(call, Services.Contains(service) ? status : ServiceUnknown);
                return null;
        }
    }

    private async Task WatchAsync(Call call, int status)
    {
        call.Response.Headers.ContentType = "application/grpc";
        GrpcResponder.WriteFrame(call, Status(status));
        await call.ResponseBody.Writer.FlushAsync();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(draining, call.Lifetime.RequestAborted);
        await Task.Delay(Timeout.Infinite, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!call.Lifetime.RequestAborted.IsCancellationRequested && status == Serving)
        {
            GrpcResponder.WriteFrame(call, Status(NotServing));
        }

        call.Trailers["grpc-status"] = "0";
    }

    private static async ValueTask<(string Service, Refusal? Refusal)> ReadServiceAsync(Call call)
    {
        var unreadable = new Refusal(RefusalReason.Unreadable, "The health request can't be read.");
        var body = call.Body;
        while (true)
        {
            var read = await body.ReadAsync(call.Lifetime.RequestAborted);
            if (read.Buffer.Length > LargestRequest)
            {
                return ("", unreadable);
            }

            if (!read.IsCompleted)
            {
                body.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                continue;
            }

            var bytes = read.Buffer.ToArray();
            body.AdvanceTo(read.Buffer.End);
            try
            {
                // A compressed request is an SDK's habit even for an empty message; there is nothing in it that this service needs to inflate.
                return bytes.Length >= 5 && bytes[0] == 0 ? (ServiceOf(bytes.AsSpan(5)), null) : ("", null);
            }
            catch (InvalidProtocolBufferException)
            {
                return ("", unreadable);
            }
        }
    }

    private static string ServiceOf(ReadOnlySpan<byte> message)
    {
        using var input = new CodedInputStream(message.ToArray());
        var service = "";
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            if (tag == WireFormat.MakeTag(1, WireFormat.WireType.LengthDelimited))
            {
                service = input.ReadString();
            }
            else
            {
                input.SkipLastField();
            }
        }

        return service;
    }

    private static byte[] Status(int status) => [1 << 3, (byte)status];

    private static byte[] List(int status)
    {
        using var buffer = new MemoryStream();
        using (var to = new CodedOutputStream(buffer, leaveOpen: true))
        {
            foreach (var service in Services)
            {
                using var entry = new MemoryStream();
                using (var entryTo = new CodedOutputStream(entry, leaveOpen: true))
                {
                    entryTo.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    entryTo.WriteString(service);
                    entryTo.WriteTag(2, WireFormat.WireType.LengthDelimited);
                    entryTo.WriteBytes(ByteString.CopyFrom(Status(status)));
                }

                to.WriteTag(1, WireFormat.WireType.LengthDelimited);
                to.WriteBytes(ByteString.CopyFrom(entry.ToArray()));
            }
        }

        return buffer.ToArray();
    }
}
