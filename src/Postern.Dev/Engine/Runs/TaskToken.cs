using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;

namespace Postern.Dev.Engine.Runs;

/// <summary>The token that a worker carries from a task's start to its answer: the server's own message, plain and unsigned.</summary>
internal sealed record TaskToken
{
    public string NamespaceId { get; init; } = "";

    public string WorkflowId { get; init; } = "";

    public string RunId { get; init; } = "";

    public long ScheduledEventId { get; init; }

    public int Attempt { get; init; }

    public string ActivityId { get; init; } = "";

    public string WorkflowType { get; init; } = "";

    public string ActivityType { get; init; } = "";

    public long StartedEventId { get; init; }

    public DateTimeOffset? StartedTime { get; init; }

    public ByteString ToBytes()
    {
        using var buffer = new MemoryStream();
        using (var output = new CodedOutputStream(buffer, leaveOpen: true))
        {
            Text(output, 1, NamespaceId);
            Text(output, 2, WorkflowId);
            Text(output, 3, RunId);
            Number(output, 4, ScheduledEventId);
            Number(output, 5, Attempt);
            Text(output, 6, ActivityId);
            Text(output, 7, WorkflowType);
            Text(output, 8, ActivityType);
            Number(output, 10, StartedEventId);
            if (StartedTime is { } started)
            {
                output.WriteTag(12, WireFormat.WireType.LengthDelimited);
                output.WriteMessage(Timestamp.FromDateTimeOffset(started));
            }
        }

        return ByteString.CopyFrom(buffer.ToArray());
    }

    /// <summary>Reads a token; what isn't one gets the server's refusal.</summary>
    public static TaskToken Parse(ByteString bytes)
    {
        if (bytes.IsEmpty)
        {
            throw new RpcException(StatusCode.InvalidArgument, "Task token not set on request.");
        }

        try
        {
            return Read(bytes.CreateCodedInput());
        }
        catch (InvalidProtocolBufferException)
        {
            throw new RpcException(StatusCode.InvalidArgument, "Error deserializing task token.");
        }
    }

    private static TaskToken Read(CodedInputStream input)
    {
        var token = new TaskToken();
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            token = tag switch
            {
                (1 << 3) | 2 => token with { NamespaceId = input.ReadString() },
                (2 << 3) | 2 => token with { WorkflowId = input.ReadString() },
                (3 << 3) | 2 => token with { RunId = input.ReadString() },
                4 << 3 => token with { ScheduledEventId = input.ReadInt64() },
                5 << 3 => token with { Attempt = input.ReadInt32() },
                (6 << 3) | 2 => token with { ActivityId = input.ReadString() },
                (7 << 3) | 2 => token with { WorkflowType = input.ReadString() },
                (8 << 3) | 2 => token with { ActivityType = input.ReadString() },
                10 << 3 => token with { StartedEventId = input.ReadInt64() },
                (12 << 3) | 2 => token with { StartedTime = Timestamp.Parser.ParseFrom(input.ReadBytes()).ToDateTimeOffset() },
                _ => Skip(token, input),
            };
        }

        return token;
    }

    private static TaskToken Skip(TaskToken token, CodedInputStream input)
    {
        input.SkipLastField();
        return token;
    }

    private static void Text(CodedOutputStream output, int field, string value)
    {
        if (value.Length > 0)
        {
            output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            output.WriteString(value);
        }
    }

    private static void Number(CodedOutputStream output, int field, long value)
    {
        if (value != 0)
        {
            output.WriteTag(field, WireFormat.WireType.Varint);
            output.WriteInt64(value);
        }
    }
}

/// <summary>The token of a query that went out as a task of its own.</summary>
internal sealed record QueryToken(string NamespaceId, string TaskQueue, string TaskId)
{
    public ByteString ToBytes() => new TaskToken { NamespaceId = NamespaceId, WorkflowId = TaskQueue, RunId = TaskId }.ToBytes();

    public static QueryToken Parse(ByteString bytes)
    {
        // The same three text fields in the same places.
        var token = TaskToken.Parse(bytes);
        return new QueryToken(token.NamespaceId, token.WorkflowId, token.RunId);
    }
}
