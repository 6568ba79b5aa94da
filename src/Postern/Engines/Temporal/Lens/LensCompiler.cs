using Google.Protobuf.Reflection;

namespace Postern.Engines.Temporal.Lens;

/// <summary>
/// Compiles paths such as <c>operations[].start_workflow.task_queue.name</c> into a tree that reads them in one pass.
/// Of a oneof, every member stands in the tree: whichever comes last ends what the others said.
/// </summary>
internal static class LensCompiler
{
    public static LensNode Compile(MessageDescriptor message, IEnumerable<string> paths)
    {
        var split = paths.Select(p => p.Replace("[]", "", StringComparison.Ordinal).Split('.')).ToArray();
        var root = Build(message, split, 0);
        Lay(root);
        return root;
    }

    private static LensNode Build(MessageDescriptor message, string[][] paths, int depth)
    {
        var wanted = paths.Where(p => p.Length > depth).ToLookup(p => p[depth], StringComparer.Ordinal);
        var fields = new List<LensField>();
        foreach (var field in message.Fields.InFieldNumberOrder())
        {
            if (wanted.Contains(field.Name))
            {
                fields.Add(Read(field, [.. wanted[field.Name]], depth));
            }
            else if (field.RealContainingOneof is { } oneof && oneof.Fields.Any(f => wanted.Contains(f.Name)))
            {
                fields.Add(new LensField { Number = field.FieldNumber, Name = field.Name, Kind = LensKind.Rival, WireType = WireTypeOf(field), Oneof = oneof.Name });
            }
        }

        foreach (var name in wanted.Select(g => g.Key))
        {
            if (message.FindFieldByName(name) is null)
            {
                throw new InvalidOperationException($"{message.FullName} has no field '{name}'");
            }
        }

        return new LensNode([.. fields]);
    }

    private static LensField Read(FieldDescriptor field, string[][] paths, int depth)
    {
        var node = field.FieldType == FieldType.Message ? Build(field.MessageType, paths, depth + 1) : null;
        var kind = (field.FieldType, field.IsRepeated) switch
        {
            (FieldType.Message, false) => LensKind.Message,
            (FieldType.Message, true) => LensKind.MessageList,
            (FieldType.String, false) => LensKind.Text,
            (FieldType.String, true) => LensKind.TextList,
            (FieldType.Bytes, false) => LensKind.Bytes,
            (FieldType.Enum or FieldType.Bool or FieldType.Int32 or FieldType.Int64 or FieldType.UInt32 or FieldType.UInt64, false) => LensKind.Number,
            _ => throw new InvalidOperationException($"{field.FullName}: a lens doesn't read {field.FieldType}"),
        };
        return new LensField { Number = field.FieldNumber, Name = field.Name, Kind = kind, WireType = WireTypeOf(field), Node = node, Oneof = field.RealContainingOneof?.Name };
    }

    private static int WireTypeOf(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.String or FieldType.Bytes or FieldType.Message => Wire.Bytes,
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => Wire.Fixed64,
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => Wire.Fixed32,
        FieldType.Group => Wire.StartGroup,
        _ => Wire.Varint,
    };

    // Slot numbers run depth first, so that all that a oneof's member brought is one range to empty.
    private static void Lay(LensNode frame)
    {
        var next = 0;
        Number(frame, ref next);
        frame.FrameSize = next;
        Oppose(frame);
    }

    private static void Number(LensNode node, ref int next)
    {
        foreach (var field in node.Fields)
        {
            if (field.Kind == LensKind.Rival)
            {
                continue;
            }

            field.Slot = next++;
            if (field.Kind == LensKind.Message)
            {
                Number(field.Node!, ref next);
            }
            else if (field.Kind == LensKind.MessageList)
            {
                Lay(field.Node!);
            }

            field.End = next;
        }
    }

    private static void Oppose(LensNode node)
    {
        foreach (var field in node.Fields)
        {
            if (field.Oneof is not null)
            {
                field.Rivals = [.. node.Fields.Where(f => f != field && f.Kind != LensKind.Rival && string.Equals(f.Oneof, field.Oneof, StringComparison.Ordinal)).Select(f => (f.Slot, f.End))];
            }

            if (field.Kind == LensKind.Message)
            {
                Oppose(field.Node!);
            }
        }
    }
}
