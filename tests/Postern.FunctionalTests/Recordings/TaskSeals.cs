using System.Buffers.Text;
using System.Collections;
using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal;
using Postern.Pipeline;

namespace Postern.FunctionalTests.Recordings;

/// <summary>Finds the task tokens of an answer, and callback tokens in its tasks, by reflection, apart from the gate's own way to them.</summary>
internal static class TaskSeals
{
    /// <summary>How many tokens there are.</summary>
    public static int Count(IMessage answer) => Walk(answer, null);

    /// <summary>Takes the seals off; counts those that held.</summary>
    public static int TakeOff(IMessage answer, TaskSealing sealing) => Walk(answer, sealing);

    private static int Walk(IMessage message, TaskSealing? sealing)
    {
        var found = 0;
        foreach (var field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            if (field.Name == "task_token" && (ByteString)field.Accessor.GetValue(message) is { IsEmpty: false } token)
            {
                var length = token.Length;
                if (sealing is null || sealing.Open(token.Span, out length) is not null)
                {
                    found++;
                    field.Accessor.SetValue(message, ByteString.CopyFrom(token.Span[..length]));
                }
            }
            else if (field.FullName == "temporal.api.nexus.v1.StartOperationRequest.callback_header")
            {
                found += TakeOffCallbacks((IDictionary<string, string>)field.Accessor.GetValue(message), sealing);
            }
            else if (field.FieldType == FieldType.Message && !field.IsMap && field.MessageType.File.Package is "temporal.api.workflowservice.v1" or "temporal.api.nexus.v1")
            {
                var inner = field.IsRepeated ? ((IList)field.Accessor.GetValue(message)).Cast<IMessage>() : field.Accessor.GetValue(message) is IMessage one ? [one] : [];
                found += inner.Sum(m => Walk(m, sealing));
            }
        }

        return found;
    }

    private static int TakeOffCallbacks(IDictionary<string, string> headers, TaskSealing? sealing)
    {
        var found = 0;
        foreach (var (name, text) in headers.Where(h => h.Key.Equals("temporal-callback-token", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            if (sealing is null)
            {
                found++;
                continue;
            }

            using var json = JsonDocument.Parse(text);
            var data = Base64Url.DecodeFromChars(json.RootElement.GetProperty("d").GetString());
            if (sealing.Open(data, out var length) is { Kind: TaskKind.Callback })
            {
                found++;
                headers[name] = Encoding.UTF8.GetString(data.AsSpan(0, length));
            }
        }

        return found;
    }
}
