using System.Globalization;
using System.Text.Json;
using Google.Protobuf;

namespace Postern.Dev.Engine.Nexus;

/// <summary>
/// Names the operation that a callback completes: the server's own message, plain and unsigned, in base64url inside JSON.
/// Whoever attaches one to a workflow can name any operation; the server believes it, and so does this engine.
/// </summary>
internal sealed record CallbackToken(string NamespaceId, string WorkflowId, string RunId, long ScheduledEventId, string RequestId)
{
    /// <summary>How far the run was when the operation was scheduled; the server writes it thrice, and nothing is told from it here.</summary>
    public long Transition { get; init; }

    public const string Header = "temporal-callback-token";
    private const string Machine = "nexusoperations.Operation";

    public string ToText()
    {
        using var buffer = new MemoryStream();
        using (var output = new CodedOutputStream(buffer, leaveOpen: true))
        {
            Text(output, 1, NamespaceId);
            Text(output, 2, WorkflowId);
            Text(output, 3, RunId);
            // Where the operation is among the run's state machines: a path of one step, by type and id.
            var step = Message(o =>
            {
                Text(o, 1, Machine);
                Text(o, 2, ScheduledEventId.ToString(CultureInfo.InvariantCulture));
            });
            var transition = Message(o =>
            {
                o.WriteTag(2, WireFormat.WireType.Varint);
                o.WriteInt64(Transition);
            });
            Bytes(output, 4, Message(o =>
            {
                Bytes(o, 1, step);
                Bytes(o, 2, transition);
                Bytes(o, 3, transition);
                Bytes(o, 4, transition);
            }));
            Text(output, 5, RequestId);
        }

        var data = Convert.ToBase64String(buffer.ToArray()).Replace('+', '-').Replace('/', '_');
        return $$"""{"v":1,"d":"{{data}}"}""";
    }

    /// <summary>Reads a token; null when it is none.</summary>
    public static CallbackToken? Parse(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            if (!json.RootElement.TryGetProperty("v", out var version) || version.GetInt32() != 1 || json.RootElement.GetProperty("d").GetString() is not { } data)
            {
                return null;
            }

            return Read(new CodedInputStream(Convert.FromBase64String(data.Replace('-', '+').Replace('_', '/'))));
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidProtocolBufferException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }

    private static CallbackToken Read(CodedInputStream input)
    {
        var token = new CallbackToken("", "", "", 0, "");
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            switch (tag)
            {
                case (1 << 3) | 2:
                    token = token with { NamespaceId = input.ReadString() };
                    break;
                case (2 << 3) | 2:
                    token = token with { WorkflowId = input.ReadString() };
                    break;
                case (3 << 3) | 2:
                    token = token with { RunId = input.ReadString() };
                    break;
                case (4 << 3) | 2:
                    var step = Field(Field(input.ReadBytes(), 1), 2);
                    token = token with { ScheduledEventId = long.Parse(step.ToStringUtf8(), NumberStyles.None, CultureInfo.InvariantCulture) };
                    break;
                case (5 << 3) | 2:
                    token = token with { RequestId = input.ReadString() };
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return token;
    }

    private static ByteString Field(ByteString message, int field)
    {
        var input = message.CreateCodedInput();
        var found = ByteString.Empty;
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            if (tag == (((uint)field << 3) | 2))
            {
                found = input.ReadBytes();
            }
            else
            {
                input.SkipLastField();
            }
        }

        return found;
    }

    private static ByteString Message(Action<CodedOutputStream> write)
    {
        using var buffer = new MemoryStream();
        using (var output = new CodedOutputStream(buffer, leaveOpen: true))
        {
            write(output);
        }

        return ByteString.CopyFrom(buffer.ToArray());
    }

    private static void Text(CodedOutputStream output, int field, string value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(value);
    }

    private static void Bytes(CodedOutputStream output, int field, ByteString value)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(value);
    }
}
