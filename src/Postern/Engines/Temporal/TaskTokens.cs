using System.Buffers;
using System.Text;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>
/// Where the answers of one method hand out tasks, computed from the API's descriptors: a poll's own token, and the tokens of tasks that come eagerly inside other
/// answers. Edits bytes and re-encodes nothing but the lengths around what it edits.
/// </summary>
internal sealed class TaskTokens
{
    private const string Token = "task_token";

    private readonly Node _root;

    private TaskTokens(Node root, IReadOnlyList<string> paths, bool isPoll)
    {
        _root = root;
        Paths = paths;
        IsPoll = isPoll;
    }

    /// <summary>Every place of a token, for who checks that none is missed.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>True where the answer as a whole is one task.</summary>
    public bool IsPoll { get; }

    /// <summary>The places in a method's answers; null where they hand out nothing.</summary>
    public static TaskTokens? Of(MethodDescriptor method)
    {
        var paths = new List<string>();
        return Compile(method.OutputType, "", [], paths) is { } root ? new TaskTokens(root, paths, root.Token != 0) : null;
    }

    /// <summary>Writes the answer with each token sealed.</summary>
    /// <param name="message">The engine's answer.</param>
    /// <param name="seal">Seals the token of a task that is of this kind and says (or doesn't: empty) which queue it comes from.</param>
    /// <param name="output">Takes the edited message.</param>
    /// <returns>False where the answer isn't valid protobuf or a token can't be sealed: then nothing of the output counts.</returns>
    public bool TryEdit(ReadOnlySpan<byte> message, TokenSeal seal, IBufferWriter<byte> output) => TryEdit(_root, message, seal, output);

    /// <summary>
    /// For a long poll answer whose first field is the token, as the engine writes it: the extents of field and token, so that the rest can flow behind it. False where
    /// more of the answer is needed to tell, or the token stands elsewhere.
    /// </summary>
    public bool TryFindFirst(ReadOnlySpan<byte> beginning, out int fieldEnd, out ReadOnlySpan<byte> token, out TaskKind kind)
    {
        (fieldEnd, kind) = (0, _root.Kind);
        token = default;
        var at = 0;
        if (!IsPoll || !Wire.TryReadTag(beginning, ref at, out var number, out var type) || number != _root.Token || type != Wire.Bytes
            || !Wire.TryReadExtent(beginning, ref at, out var start, out var length))
        {
            return false;
        }

        fieldEnd = at;
        token = beginning.Slice(start, length);
        return true;
    }

    /// <summary>Writes the first field again, with another token.</summary>
    public void WriteFirst(ReadOnlySpan<byte> token, IBufferWriter<byte> output) => Wire.WriteField(_root.Token, token, output);

    private static bool TryEdit(Node node, ReadOnlySpan<byte> message, TokenSeal seal, IBufferWriter<byte> output)
    {
        var origin = node.Token == 0 ? default : Origin(node, message);
        var position = 0;
        while (position < message.Length)
        {
            var start = position;
            if (!Wire.TryReadTag(message, ref position, out var number, out var type))
            {
                return false;
            }

            var child = type == Wire.Bytes ? node.Child(number) : null;
            var isToken = type == Wire.Bytes && number == node.Token;
            if (child is null && !isToken)
            {
                if (!Wire.TrySkip(message, ref position, number, type, 1))
                {
                    return false;
                }

                output.Write(message[start..position]);
                continue;
            }

            if (!Wire.TryReadExtent(message, ref position, out var inner, out var length))
            {
                return false;
            }

            if (!(isToken ? TryWriteToken(node, number, message.Slice(inner, length), origin, seal, output) : TryWriteChild(child!, number, message.Slice(inner, length), seal, output)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryWriteChild(Node child, int number, ReadOnlySpan<byte> message, TokenSeal seal, IBufferWriter<byte> output)
    {
        var edited = new ArrayBufferWriter<byte>(message.Length + 256);
        if (!TryEdit(child, message, seal, edited))
        {
            return false;
        }

        Wire.WriteField(number, edited.WrittenSpan, output);
        return true;
    }

    private static bool TryWriteToken(Node node, int number, ReadOnlySpan<byte> token, ReadOnlySpan<byte> origin, TokenSeal seal, IBufferWriter<byte> output)
    {
        // A poll that waited in vain has none.
        if (token.IsEmpty)
        {
            return true;
        }

        if (seal(node.Kind, token, origin) is not { } sealedToken)
        {
            return false;
        }

        Wire.WriteField(number, sealedToken, output);
        return true;
    }

    /// <summary>The id of the namespace that a token of the engine's is for: its first field, whatever its kind. Null where it can't be read.</summary>
    public static string? NamespaceIdOf(ReadOnlySpan<byte> token)
    {
        var id = Last(token, 1);
        return id.IsEmpty || id.ContainsAnyExceptInRange((byte)'!', (byte)'~') ? null : NameCache.Shared.Get(id);
    }

    /// <summary>The id of the workflow that a workflow task's token is for; null where it can't be read.</summary>
    public static string? WorkflowIdOf(ReadOnlySpan<byte> token)
    {
        var id = Last(token, 2);
        return id.IsEmpty ? null : Encoding.UTF8.GetString(id);
    }

    // The queue that a workflow task comes from: the normal one also where a sticky queue was polled.
    private static ReadOnlySpan<byte> Origin(Node node, ReadOnlySpan<byte> message) =>
        node.Origin == 0 ? default : Last(Last(message, node.Origin), node.OriginName);

    private static ReadOnlySpan<byte> Last(ReadOnlySpan<byte> message, int field)
    {
        ReadOnlySpan<byte> found = default;
        var position = 0;
        while (position < message.Length && Wire.TryReadTag(message, ref position, out var number, out var type))
        {
            if (number == field && type == Wire.Bytes)
            {
                if (!Wire.TryReadExtent(message, ref position, out var start, out var length))
                {
                    return found;
                }

                found = message.Slice(start, length);
            }
            else if (!Wire.TrySkip(message, ref position, number, type, 1))
            {
                return found;
            }
        }

        return found;
    }

    private static Node? Compile(MessageDescriptor message, string path, HashSet<MessageDescriptor> above, List<string> paths)
    {
        // History holds no tokens, and is most of an answer: what is below is looked through once.
        if (message.File.Package.StartsWith("google.", StringComparison.Ordinal) || !above.Add(message))
        {
            return null;
        }

        var token = message.FindFieldByName(Token) is { FieldType: FieldType.Bytes } field ? field.FieldNumber : 0;
        if (token != 0)
        {
            paths.Add(path + Token);
        }

        var children = new List<(int, Node)>();
        foreach (var inner in message.Fields.InFieldNumberOrder().Where(f => f.FieldType == FieldType.Message && !f.IsMap))
        {
            if (Compile(inner.MessageType, $"{path}{inner.Name}{(inner.IsRepeated ? "[]" : "")}.", above, paths) is { } child)
            {
                children.Add((inner.FieldNumber, child));
            }
        }

        above.Remove(message);
        if (token == 0 && children.Count == 0)
        {
            return null;
        }

        var origin = message.FindFieldByName("workflow_execution_task_queue");
        return new Node(token, KindOf(message.Name), origin?.FieldNumber ?? 0, origin?.MessageType.FindFieldByName("name").FieldNumber ?? 0, [.. children]);
    }

    /// <summary>The kind that a method or message by this name is about. A query is asked for with workflow tasks.</summary>
    public static TaskKind KindOf(string name) =>
        name.Contains("Activity", StringComparison.Ordinal) ? TaskKind.Activity : name.Contains("Nexus", StringComparison.Ordinal) ? TaskKind.Nexus : TaskKind.Workflow;

    private sealed record Node(int Token, TaskKind Kind, int Origin, int OriginName, (int Number, Node Node)[] Children)
    {
        public Node? Child(int number)
        {
            foreach (var child in Children)
            {
                if (child.Number == number)
                {
                    return child.Node;
                }
            }

            return null;
        }
    }
}

/// <summary>Seals one token; null where it must not be handed out.</summary>
internal delegate byte[]? TokenSeal(TaskKind kind, ReadOnlySpan<byte> token, ReadOnlySpan<byte> origin);
