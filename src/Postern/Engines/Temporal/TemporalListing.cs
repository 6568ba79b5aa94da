using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>
/// How a list of the whole cluster is taken apart, so that each caller gets what it may see of it: where the items stand in an answer, what right to see each takes, and where
/// request and answer hold the page.
/// </summary>
internal sealed class TemporalListing
{
    private readonly int _items;
    private readonly int _nextToken;
    private readonly int _token;
    private readonly int _size;
    private readonly LensNode _item;
    private readonly bool _isNexus;
    private readonly int _name;
    private readonly int _namespace;
    private readonly int _queue;

    private TemporalListing(MessageDescriptor request, MessageDescriptor answer, bool isNexus)
    {
        var items = answer.FindFieldByName(isNexus ? "endpoints" : "namespaces");
        _isNexus = isNexus;
        _items = items.FieldNumber;
        _nextToken = answer.FindFieldByName("next_page_token").FieldNumber;
        _token = request.FindFieldByName("next_page_token").FieldNumber;
        _size = request.FindFieldByName("page_size").FieldNumber;
        string[] paths = isNexus ? ["spec.name", "spec.target.worker.namespace", "spec.target.worker.task_queue"] : ["namespace_info.name"];
        _item = LensCompiler.Compile(items.MessageType, paths);
        _name = _item.SlotOf(paths[0]);
        _namespace = isNexus ? _item.SlotOf(paths[1]) : -1;
        _queue = isNexus ? _item.SlotOf(paths[2]) : -1;
    }

    /// <summary>The listing of a method that has one; else null.</summary>
    public static TemporalListing? For(TemporalOperation row, MethodDescriptor method) => row.Answer switch
    {
        TemporalAnswer.Namespaces => new TemporalListing(method.InputType, method.OutputType, isNexus: false),
        TemporalAnswer.NexusEndpoints => new TemporalListing(method.InputType, method.OutputType, isNexus: true),
        _ => null,
    };

    /// <summary>The page that a request asks for; false where the message can't be read.</summary>
    public bool TryReadRequest(ReadOnlySpan<byte> message, out int size, out ReadOnlySpan<byte> token)
    {
        size = 0;
        token = default;
        var position = 0;
        while (position < message.Length)
        {
            if (!Wire.TryReadTag(message, ref position, out var number, out var type))
            {
                return false;
            }

            if (number == _token && type == Wire.Bytes)
            {
                if (!Wire.TryReadExtent(message, ref position, out var start, out var length))
                {
                    return false;
                }

                token = message.Slice(start, length);
            }
            else if (number == _size && type == Wire.Varint)
            {
                if (!Wire.TryReadVarint(message, ref position, out var value))
                {
                    return false;
                }

                size = (int)value;
            }
            else if (!Wire.TrySkip(message, ref position, number, type, 1))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The same request for another page: what stands behind it counts.</summary>
    public byte[] RequestFor(ReadOnlySpan<byte> message, int size, ReadOnlySpan<byte> token)
    {
        var request = new byte[message.Length + token.Length + 24];
        message.CopyTo(request);
        var at = message.Length;
        at += Wire.WriteVarint(request.AsSpan(at), (uint)((_size << 3) | Wire.Varint));
        at += Wire.WriteVarint(request.AsSpan(at), (uint)size);
        at += WriteBytes(request.AsSpan(at), _token, token);
        return request[..at];
    }

    /// <summary>Where the items of an answer stand, each with its field's head, and what opens the next page; false where the answer can't be read.</summary>
    public bool TryReadAnswer(ReadOnlyMemory<byte> answer, List<ListedItem> items, out ReadOnlyMemory<byte> next)
    {
        next = default;
        var bytes = answer.Span;
        var position = 0;
        while (position < bytes.Length)
        {
            var begin = position;
            if (!Wire.TryReadTag(bytes, ref position, out var number, out var type))
            {
                return false;
            }

            if (type != Wire.Bytes || (number != _items && number != _nextToken))
            {
                if (!Wire.TrySkip(bytes, ref position, number, type, 1))
                {
                    return false;
                }

                continue;
            }

            if (!Wire.TryReadExtent(bytes, ref position, out var start, out var length))
            {
                return false;
            }

            if (number == _items)
            {
                items.Add(new ListedItem(answer[begin..position], answer.Slice(start, length)));
            }
            else
            {
                next = answer.Slice(start, length);
            }
        }

        return true;
    }

    /// <summary>What seeing an item asks for; false where the item can't be read, and so not be shown.</summary>
    public bool TryDemand(ReadOnlySpan<byte> item, out Demand demand)
    {
        using var lens = MessageLens.Read(_item, item);
        var name = lens.Fault is null ? lens.Text(0, _name) : null;
        demand = name is null ? default : _isNexus
            ? new Demand
            {
                Permission = Permission.NexusEndpointRead, ClusterScope = true, NexusEndpoint = name, Namespace = lens.Text(0, _namespace), TaskQueue = lens.Text(0, _queue),
            }
            : new Demand { Permission = Permission.NamespaceRead, Namespace = name };
        return name is not null;
    }

    /// <summary>Writes what opens the next page into an answer.</summary>
    public byte[] NextToken(ReadOnlySpan<byte> token)
    {
        var field = new byte[token.Length + 12];
        return field[..WriteBytes(field, _nextToken, token)];
    }

    private static int WriteBytes(Span<byte> to, int number, ReadOnlySpan<byte> bytes)
    {
        var at = Wire.WriteVarint(to, (uint)((number << 3) | Wire.Bytes));
        at += Wire.WriteVarint(to[at..], (uint)bytes.Length);
        bytes.CopyTo(to[at..]);
        return at + bytes.Length;
    }
}

/// <summary>One item of a list.</summary>
/// <param name="Field">With its tag and length, as it goes into an answer.</param>
/// <param name="Message">The item's own message.</param>
internal readonly record struct ListedItem(ReadOnlyMemory<byte> Field, ReadOnlyMemory<byte> Message);
