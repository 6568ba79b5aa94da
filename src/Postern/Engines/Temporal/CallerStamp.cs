using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>
/// Writes the verified caller into a message as byte edits, without re-encoding it: over <c>identity</c>, and as an assertion into the headers that workflow code reads. Protobuf
/// lets the last occurrence of a field or of a map's key win and merges embedded messages, so a stamp stands behind the message. Two shapes need more: elements of a repeated field
/// don't merge, so each is rewritten; of a oneof only the member that is set may be appended, since an appended member replaces the one sent (a signal batch once became a terminate batch).
/// </summary>
internal sealed class CallerStamp
{
    private const string Operations = "operations[].";

    private readonly StampPath[] _identities;
    private readonly (StampPath Path, bool IsStart)[] _headers;
    private readonly LensNode _lens;
    private readonly int _list;

    private CallerStamp(MessageDescriptor message, IReadOnlyList<string> identities, IReadOnlyList<(string Path, bool IsStart)> headers, int list)
    {
        _lens = LensCompiler.Compile(message, identities.Concat(headers.Select(h => StampPath.MemberOf(message, h.Path)).OfType<string>()));
        _identities = [.. identities.Select(p => new StampPath(message, _lens, p))];
        _headers = [.. headers.Select(h => (new StampPath(message, _lens, h.Path), h.IsStart))];
        _list = list;
    }

    /// <summary>The paths that are read to stamp, so that the reader refuses what can't be read there.</summary>
    public IReadOnlyList<string> Fields { get; private init; } = [];

    /// <summary>Whether the method has an <c>identity</c> that is stamped.</summary>
    public bool HasIdentity => _identities.Length > 0;

    /// <summary>True where a stamp only stands behind the message; false where elements of a list are rewritten.</summary>
    public bool OnlyAppends => _list == 0;

    /// <summary>The stamp of a method; null where nothing of the caller is written, or the worker's own is kept.</summary>
    public static CallerStamp? For(TemporalOperation row, MessageDescriptor request, IReadOnlyList<TemporalPath> fields)
    {
        string[] identities = [.. Identities(row, fields).Select(p => p.Path)];
        (string Path, bool IsStart)[] headers = [.. Headers(row, fields).Select(p => (p.Path, IsStart(row, p.Path)))];
        if (identities.Length + headers.Length == 0)
        {
            return null;
        }

        // A header is only ever added to: nothing of it has to be read.
        if (row.Shape != TemporalShape.MultiOperation)
        {
            return new CallerStamp(request, identities, headers, 0) { Fields = [.. identities, .. headers.Select(h => StampPath.MemberOf(request, h.Path)).OfType<string>()] };
        }

        var list = request.FindFieldByName("operations");
        return new CallerStamp(list.MessageType, [.. identities.Select(Inside)], [.. headers.Select(h => (Inside(h.Path), h.IsStart))], list.FieldNumber) { Fields = identities };
    }

    /// <summary>Identity fields of a client's call that cross a oneof or a repeated field in a way that no rule here covers: a test keeps this empty.</summary>
    public static IEnumerable<TemporalPath> WithoutRule(TemporalOperation row, IReadOnlyList<TemporalPath> fields) =>
        row.AuditClass == AuditClass.Progress ? [] : fields.Where(f => f.Role == TemporalRole.Identity).Except(Identities(row, fields));

    /// <summary>Headers into which no assertion is written, whatever is configured: a test names each.</summary>
    public static IEnumerable<TemporalPath> WithoutAssertion(TemporalOperation row, IReadOnlyList<TemporalPath> fields) =>
        fields.Where(f => f.Role == TemporalRole.Header).Except(Headers(row, fields));

    /// <summary>Whether calls of the method carry an assertion.</summary>
    public bool IsAsserted(TemporalAssertion which)
    {
        foreach (var (_, isStart) in _headers)
        {
            if (which == TemporalAssertion.Writes || (isStart && which == TemporalAssertion.Starts))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Where <see cref="OnlyAppends"/>: what has to stand behind the message; nothing where nothing applies (a batch without an operation).</summary>
    /// <param name="message">The message as it came, or an element.</param>
    /// <param name="values">What is stamped.</param>
    /// <param name="scratch">At least <see cref="IdentityText.MaxLength"/> bytes, kept until the suffix is written.</param>
    public StampSuffix Suffix(ReadOnlySpan<byte> message, in StampValues values, Span<byte> scratch)
    {
        using var lens = MessageLens.Read(_lens, message);
        var suffix = default(StampSuffix);
        if (values.Caller is { } caller)
        {
            foreach (var path in _identities)
            {
                if (path.Applies(in lens))
                {
                    suffix = suffix.With(path, scratch[..IdentityText.Write(caller, path.Own(in lens), scratch)]);
                    break;
                }
            }
        }

        if (!values.Header.IsEmpty)
        {
            foreach (var (path, isStart) in _headers)
            {
                if ((isStart || values.Which == TemporalAssertion.Writes) && path.Applies(in lens))
                {
                    suffix = suffix.WithHeader(path, values.Header);
                    break;
                }
            }
        }

        return suffix;
    }

    /// <summary>Where elements are rewritten: how long the message becomes.</summary>
    public int Measure(ReadOnlySpan<byte> message, in StampValues values)
    {
        Span<byte> scratch = stackalloc byte[IdentityText.MaxLength];
        var (position, length) = (0, 0);
        while (position < message.Length)
        {
            var start = position;
            if (Next(message, ref position, out var element))
            {
                var size = element.Length + Suffix(element, in values, scratch).Length;
                length += Wire.VarintLength(ListTag) + Wire.VarintLength((uint)size) + size;
            }
            else
            {
                length += position - start;
            }
        }

        return length;
    }

    /// <summary>Where elements are rewritten: writes the whole stamped message.</summary>
    /// <param name="message">The message as it came.</param>
    /// <param name="values">What is stamped.</param>
    /// <param name="to">As long as <see cref="Measure"/> says.</param>
    public void Write(ReadOnlySpan<byte> message, in StampValues values, Span<byte> to)
    {
        Span<byte> scratch = stackalloc byte[IdentityText.MaxLength];
        var (position, at) = (0, 0);
        while (position < message.Length)
        {
            var start = position;
            if (Next(message, ref position, out var element))
            {
                var suffix = Suffix(element, in values, scratch);
                at += Wire.WriteVarint(to[at..], ListTag);
                at += Wire.WriteVarint(to[at..], (uint)(element.Length + suffix.Length));
                element.CopyTo(to[at..]);
                at += element.Length;
                at += suffix.Write(to[at..]);
            }
            else
            {
                message[start..position].CopyTo(to[at..]);
                at += position - start;
            }
        }
    }

    private uint ListTag => (uint)((_list << 3) | Wire.Bytes);

    // Steps over one field; true where it is an element of the list.
    private bool Next(ReadOnlySpan<byte> message, ref int position, out ReadOnlySpan<byte> element)
    {
        element = default;
        if (!Wire.TryReadTag(message, ref position, out var number, out var type))
        {
            throw Unread();
        }

        if (number != _list || type != Wire.Bytes)
        {
            return Wire.TrySkip(message, ref position, number, type, 1) ? false : throw Unread();
        }

        if (!Wire.TryReadExtent(message, ref position, out var inner, out var size))
        {
            throw Unread();
        }

        element = message.Slice(inner, size);
        return true;
    }

    private static InvalidOperationException Unread() => new("A message that was read can't be stamped.");

    private static string Inside(string path) => path[Operations.Length..];

    private static bool IsStart(TemporalOperation row, string path) =>
        row.Shape is TemporalShape.Start or TemporalShape.SignalWithStart || (row.Shape == TemporalShape.MultiOperation && path.StartsWith(Operations + "start_workflow.", StringComparison.Ordinal));

    private static IEnumerable<TemporalPath> Identities(TemporalOperation row, IReadOnlyList<TemporalPath> fields)
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

    // Not in what a worker's commands copy, nor in batches and resets, whose signals reach workflows that no assertion could name.
    private static IEnumerable<TemporalPath> Headers(TemporalOperation row, IReadOnlyList<TemporalPath> fields)
    {
        if (row.AuditClass != AuditClass.Write)
        {
            return [];
        }

        // A map's entries are found inside its message: what crosses a list is known by its path.
        var headers = fields.Where(f => f.Role == TemporalRole.Header);
        return row.Shape switch
        {
            TemporalShape.MultiOperation => headers.Where(f => f.Path is "operations[].start_workflow.header" or "operations[].update_workflow.request.input.header"),
            TemporalShape.Schedule => headers.Where(f => f is { Repeated: false, Path: "schedule.action.start_workflow.header" }),
            _ => headers.Where(f => f is { Repeated: false, Oneof: false } && f.Path is "header" or "request.input.header"),
        };
    }
}
