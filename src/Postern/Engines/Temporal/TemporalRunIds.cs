using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>The run id that an answer names, for the audit record: a start's, a reset's, an update's.</summary>
internal static class TemporalRunIds
{
    private static readonly string[] s_paths =
    [
        "run_id", "workflow_execution.run_id", "update_ref.workflow_execution.run_id", "workflow_execution_info.execution.run_id", "responses.start_workflow.run_id",
    ];

    /// <summary>Reads the answer's run id; null where it names none or can't be read, since an answer is passed on whatever it is.</summary>
    public static string? Read(TemporalMethod method, ReadOnlySpan<byte> answerMessage)
    {
        if (method.RunIds is not { } plan || answerMessage.IsEmpty)
        {
            return null;
        }

        using var lens = MessageLens.Read(plan, answerMessage);
        return lens.Fault is null ? Find(in lens, plan, 0) : null;
    }

    internal static LensNode? Plan(MessageDescriptor answer)
    {
        var paths = s_paths.Where(p => Exists(answer, p.Split('.'))).ToArray();
        return paths.Length == 0 ? null : LensCompiler.Compile(answer, paths);
    }

    private static string? Find(in MessageLens lens, LensNode node, int frame)
    {
        // By index: an enumerator over an interface would be an allocation per answer.
        for (var i = 0; i < node.Fields.Count; i++)
        {
            var field = node.Fields[i];
            var found = field.Kind switch
            {
                LensKind.Text => lens.Text(frame, field.Slot),
                LensKind.Message => Find(in lens, field.Node!, frame),
                LensKind.MessageList when lens.FirstOf(frame, field.Slot) is > 0 and var first => Find(in lens, field.Node!, first),
                _ => null,
            };
            if (found is not null)
            {
                return found;
            }
        }

        return null;
    }

    private static bool Exists(MessageDescriptor message, ReadOnlySpan<string> path)
    {
        var field = message.FindFieldByName(path[0]);
        return field is not null && (path.Length == 1 ? field.FieldType == FieldType.String : field.FieldType == FieldType.Message && Exists(field.MessageType, path[1..]));
    }
}
