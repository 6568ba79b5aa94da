using System.Buffers;
using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>
/// Writes the verified caller over <c>identity</c> as byte edits, without re-encoding the message: protobuf lets the last occurrence of a field win and merges embedded messages,
/// so the stamp stands behind the message. Two shapes need more: elements of a repeated field don't merge, so each is rewritten; of a oneof only the member that is set may be appended,
/// since an appended member replaces the one sent (a signal batch once became a terminate batch).
/// </summary>
internal sealed class IdentityStamp
{
    /// <summary>More than a stamp behind a message ever takes: the text, and a tag and a length for each level around it.</summary>
    public const int MaxSuffix = IdentityText.MaxLength + 64;

    private readonly StampPath[] _paths;
    private readonly LensNode _lens;
    private readonly int _list;

    private IdentityStamp(StampPath[] paths, LensNode lens, int list, IEnumerable<string> fields)
    {
        _paths = paths;
        _lens = lens;
        _list = list;
        Fields = [.. fields];
    }

    /// <summary>The paths that are stamped, so that the reader refuses what can't be read there.</summary>
    public IReadOnlyList<string> Fields { get; }

    /// <summary>True where the stamp only stands behind the message, which can then be sent as it came.</summary>
    public bool OnlyAppends => _list == 0;

    /// <summary>The stamp of a method; null where it has no identity, or keeps the worker's own.</summary>
    public static IdentityStamp? For(TemporalOperation row, MessageDescriptor request, IReadOnlyList<TemporalPath> fields)
    {
        var paths = Stampable(row, fields).ToArray();
        if (paths.Length == 0)
        {
            return null;
        }

        if (row.Shape == TemporalShape.MultiOperation)
        {
            var list = request.FindFieldByName("operations");
            var inside = paths.Select(p => p.Path["operations[].".Length..]).ToArray();
            var element = LensCompiler.Compile(list.MessageType, inside);
            return new IdentityStamp([.. inside.Select(p => new StampPath(list.MessageType, element, p))], element, list.FieldNumber, paths.Select(p => p.Path));
        }

        var root = LensCompiler.Compile(request, paths.Select(p => p.Path));
        return new IdentityStamp([.. paths.Select(p => new StampPath(request, root, p.Path))], root, 0, paths.Select(p => p.Path));
    }

    /// <summary>Identity fields of a client's call that cross a oneof or a repeated field in a way that no rule here covers: a test keeps this empty.</summary>
    public static IEnumerable<TemporalPath> WithoutRule(TemporalOperation row, IReadOnlyList<TemporalPath> fields) =>
        row.AuditClass == AuditClass.Progress ? [] : fields.Where(f => f.Role == TemporalRole.Identity).Except(Stampable(row, fields));

    /// <summary>Writes the whole stamped message, unframed; false where nothing applies (a batch without an operation) and nothing is written.</summary>
    public bool TryStamp(ReadOnlySpan<byte> message, string caller, IBufferWriter<byte> output)
    {
        if (_list != 0)
        {
            return TryStampElements(message, caller, output);
        }

        Span<byte> suffix = stackalloc byte[MaxSuffix];
        if (!TryWriteSuffix(message, caller, suffix, out var length))
        {
            return false;
        }

        var to = output.GetSpan(message.Length + length);
        message.CopyTo(to);
        suffix[..length].CopyTo(to[message.Length..]);
        output.Advance(message.Length + length);
        return true;
    }

    /// <summary>Where <see cref="OnlyAppends"/>: what has to stand behind the message.</summary>
    /// <param name="message">The message as it came.</param>
    /// <param name="caller">The verified caller.</param>
    /// <param name="suffix">At least <see cref="MaxSuffix"/> bytes.</param>
    /// <param name="length">Bytes written.</param>
    public bool TryWriteSuffix(ReadOnlySpan<byte> message, string caller, Span<byte> suffix, out int length)
    {
        using var lens = MessageLens.Read(_lens, message);
        foreach (var path in _paths)
        {
            if (path.Applies(in lens))
            {
                length = path.Write(caller, path.Own(in lens), suffix);
                return true;
            }
        }

        length = 0;
        return false;
    }

    private bool TryStampElements(ReadOnlySpan<byte> message, string caller, IBufferWriter<byte> output)
    {
        Span<byte> suffix = stackalloc byte[MaxSuffix];
        Span<byte> head = stackalloc byte[10];
        var (position, stamped) = (0, false);
        while (position < message.Length)
        {
            var start = position;
            var read = Wire.TryReadTag(message, ref position, out var number, out var type);
            if (read && number == _list && type == Wire.Bytes && Wire.TryReadExtent(message, ref position, out var inner, out var size))
            {
                var element = message.Slice(inner, size);
                if (TryWriteSuffix(element, caller, suffix, out var length))
                {
                    var headLength = Wire.WriteVarint(head, (uint)((_list << 3) | Wire.Bytes));
                    headLength += Wire.WriteVarint(head[headLength..], (uint)(size + length));
                    output.Write(head[..headLength]);
                    output.Write(element);
                    output.Write(suffix[..length]);
                    stamped = true;
                    continue;
                }
            }
            else if (!read || (number == _list && type == Wire.Bytes) || !Wire.TrySkip(message, ref position, number, type, 1))
            {
                throw new InvalidOperationException("A message that was read can't be stamped.");
            }

            output.Write(message[start..position]);
        }

        return stamped;
    }

    private static IEnumerable<TemporalPath> Stampable(TemporalOperation row, IReadOnlyList<TemporalPath> fields)
    {
        // Polls, answers and heartbeats keep the worker's own: pollers are listed by it, and a fleet under one account would shrink to one line.
        if (row.AuditClass == AuditClass.Progress)
        {
            return [];
        }

        var identities = fields.Where(f => f.Role == TemporalRole.Identity);
        return row.Shape switch
        {
            TemporalShape.MultiOperation => identities.Where(f => f.Path is "operations[].start_workflow.identity" or "operations[].update_workflow.request.meta.identity"),
            TemporalShape.Batch => identities.Where(f => !f.Repeated && TemporalBatches.Members.Any(m => string.Equals(m.Field + ".identity", f.Path, StringComparison.Ordinal))),
            _ => identities.Where(f => f is { Repeated: false, Oneof: false } && f.Path is "identity" or "request.meta.identity"),
        };
    }
}
