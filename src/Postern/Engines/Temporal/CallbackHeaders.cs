using System.Buffers;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>
/// Where a message carries callback tokens, computed from the API's descriptors: in what is started the headers of its callbacks, in a Nexus task the header that is to be sent with one.
/// Edits bytes and re-encodes nothing but the lengths around what it edits.
/// </summary>
internal sealed class CallbackHeaders
{
    // Not a Nexus task's own headers, though a token may stand there too: those are the caller's, who would have anything sealed.
    private static readonly string[] s_maps = ["temporal.api.common.v1.Callback.Nexus.header", "temporal.api.nexus.v1.StartOperationRequest.callback_header"];

    private readonly Node _root;

    private CallbackHeaders(Node root, IReadOnlyList<string> paths)
    {
        _root = root;
        Paths = paths;
    }

    /// <summary>Every map of headers, for who checks that none is missed.</summary>
    public IReadOnlyList<string> Paths { get; }

    /// <summary>The places in what is sent to start something; null where there are none.</summary>
    public static CallbackHeaders? InRequest(MethodDescriptor method) => In(method.InputType);

    /// <summary>The places in the tasks that a poll is answered with; null where there are none.</summary>
    public static CallbackHeaders? InTask(MethodDescriptor method) => TaskTokens.Of(method) is { IsPoll: true } ? In(method.OutputType) : null;

    /// <summary>Writes the message with other tokens.</summary>
    /// <param name="message">The message.</param>
    /// <param name="edit">Gives what stands in a token's place; null where it stays.</param>
    /// <param name="output">Takes the edited message.</param>
    /// <returns>False where the message isn't valid protobuf: then nothing of the output counts.</returns>
    public bool TryEdit(ReadOnlySpan<byte> message, CallbackSeal edit, IBufferWriter<byte> output) => TryEdit(_root, message, edit, output);

    private static CallbackHeaders? In(MessageDescriptor message)
    {
        var paths = new List<string>();
        return Compile(message, "", [], paths) is { } root ? new CallbackHeaders(root, paths) : null;
    }

    private static bool TryEdit(Node node, ReadOnlySpan<byte> message, CallbackSeal edit, IBufferWriter<byte> output)
    {
        var position = 0;
        while (position < message.Length)
        {
            var start = position;
            if (!Wire.TryReadTag(message, ref position, out var number, out var type))
            {
                return false;
            }

            if (type != Wire.Bytes || node.Child(number) is not { } child)
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

            var edited = new ArrayBufferWriter<byte>(length + 256);
            if (!(child.IsEntry ? TryEditEntry(message.Slice(inner, length), edit, edited) : TryEdit(child, message.Slice(inner, length), edit, edited)))
            {
                return false;
            }

            Wire.WriteField(number, edited.WrittenSpan, output);
        }

        return true;
    }

    // Key and value of a map's entry: of each the last counts, wherever it stands.
    private static bool TryEditEntry(ReadOnlySpan<byte> entry, CallbackSeal edit, IBufferWriter<byte> output)
    {
        const int key = 1;
        const int value = 2;
        ReadOnlySpan<byte> name = default;
        for (var pass = 0; pass < 2; pass++)
        {
            var position = 0;
            while (position < entry.Length)
            {
                var start = position;
                if (!Wire.TryReadTag(entry, ref position, out var number, out var type))
                {
                    return false;
                }

                ReadOnlySpan<byte> text = default;
                if (type != Wire.Bytes ? !Wire.TrySkip(entry, ref position, number, type, 1) : !TryReadText(entry, ref position, out text))
                {
                    return false;
                }

                if (pass == 0)
                {
                    name = number == key && type == Wire.Bytes ? text : name;
                }
                else if (number == value && !text.IsEmpty && CallbackToken.IsHeader(name) && edit(text) is { } edited)
                {
                    Wire.WriteField(number, edited, output);
                }
                else
                {
                    output.Write(entry[start..position]);
                }
            }
        }

        return true;
    }

    private static bool TryReadText(ReadOnlySpan<byte> entry, scoped ref int position, out ReadOnlySpan<byte> text)
    {
        var read = Wire.TryReadExtent(entry, ref position, out var start, out var length);
        text = read ? entry.Slice(start, length) : default;
        return read;
    }

    private static Node? Compile(MessageDescriptor message, string path, HashSet<MessageDescriptor> above, List<string> paths)
    {
        if (!above.Add(message))
        {
            return null;
        }

        var children = new List<(int, Node)>();
        foreach (var field in message.Fields.InFieldNumberOrder().Where(f => f.FieldType == FieldType.Message))
        {
            if (s_maps.Contains(field.FullName, StringComparer.Ordinal))
            {
                paths.Add(path + field.Name);
                children.Add((field.FieldNumber, new Node(true, [])));
            }
            else if (!field.IsMap && IsApart(field.MessageType) && Compile(field.MessageType, $"{path}{field.Name}{(field.IsRepeated ? "[]" : "")}.", above, paths) is { } child)
            {
                children.Add((field.FieldNumber, child));
            }
        }

        above.Remove(message);
        return children.Count == 0 ? null : new Node(false, [.. children]);
    }

    // What a history tells of callbacks starts none, and its length would be walked for nothing.
    private static bool IsApart(MessageDescriptor message) => message.File.Package is not ("temporal.api.history.v1" or "google.protobuf");

    private sealed record Node(bool IsEntry, (int Number, Node Node)[] Children)
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
