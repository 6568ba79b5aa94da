using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Postern.Dev.Engine.Grpc;

/// <summary>Ends a call with a status other than OK, in the engine's own words.</summary>
internal sealed class RpcException(StatusCode code, string message, IMessage? detail = null) : Exception(message)
{
    public StatusCode Code { get; } = code;

    public IMessage? Detail { get; } = detail;

    /// <summary>HTTP status of the answer; the server leaves 200 only where the request isn't gRPC at all.</summary>
    public int HttpStatus { get; init; } = 200;

    public Any? PackedDetail() => Detail is null ? null : Any.Pack(Detail);

    /// <summary>The bytes of a google.rpc.Status with this code, message and detail.</summary>
    public byte[] ToStatusBytes()
    {
        using var buffer = new MemoryStream();
        using (var output = new CodedOutputStream(buffer, leaveOpen: true))
        {
            output.WriteTag(1, WireFormat.WireType.Varint);
            output.WriteInt32((int)Code);
            output.WriteTag(2, WireFormat.WireType.LengthDelimited);
            output.WriteString(Message);
            if (PackedDetail() is { } any)
            {
                output.WriteTag(3, WireFormat.WireType.LengthDelimited);
                output.WriteMessage(any);
            }
        }

        return buffer.ToArray();
    }
}
