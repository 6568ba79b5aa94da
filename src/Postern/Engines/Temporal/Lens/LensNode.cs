namespace Postern.Engines.Temporal.Lens;

internal enum LensKind : byte
{
    /// <summary>A string that is read: its last occurrence counts.</summary>
    Text,

    /// <summary>A number, enum or bool that is read: its last occurrence counts.</summary>
    Number,

    /// <summary>An embedded message: occurrences merge.</summary>
    Message,

    /// <summary>A repeated embedded message: each occurrence is an element of its own.</summary>
    MessageList,

    /// <summary>A repeated string.</summary>
    TextList,

    /// <summary>Bytes that are read: their last occurrence counts.</summary>
    Bytes,

    /// <summary>Not read, but its presence ends what another member of its oneof said.</summary>
    Rival,
}

/// <summary>One field that a lens looks at.</summary>
internal sealed class LensField
{
    public required int Number { get; init; }

    public required string Name { get; init; }

    public required LensKind Kind { get; init; }

    /// <summary>The wire type that carries it; any other is skipped as an unknown field is.</summary>
    public required int WireType { get; init; }

    /// <summary>The oneof that it is a member of, if any.</summary>
    public string? Oneof { get; init; }

    /// <summary>Where its value stands in the frame. For a message: that it is there; its own fields follow up to <see cref="End"/>.</summary>
    public int Slot { get; set; }

    public int End { get; set; }

    /// <summary>What is read inside it.</summary>
    public LensNode? Node { get; init; }

    /// <summary>Slots that this field's arrival empties: the other members of its oneof.</summary>
    public (int From, int To)[] Rivals { get; set; } = [];
}

/// <summary>What is read of one message type: a tree from field numbers to slots of a frame. Built by <see cref="LensCompiler"/>, immutable after.</summary>
internal sealed class LensNode
{
    private readonly LensField?[] _byNumber;
    private readonly LensField[] _others;

    public LensNode(LensField[] fields)
    {
        Fields = fields;
        const int direct = 64;
        var small = fields.Where(f => f.Number < direct).ToArray();
        _byNumber = new LensField?[small.Length == 0 ? 0 : small.Max(f => f.Number) + 1];
        foreach (var field in small)
        {
            _byNumber[field.Number] = field;
        }

        _others = [.. fields.Where(f => f.Number >= direct)];
    }

    public IReadOnlyList<LensField> Fields { get; }

    /// <summary>Slots in one frame of this node, where it is the root or an element of a list.</summary>
    public int FrameSize { get; set; }

    public LensField? Find(int number)
    {
        if ((uint)number < (uint)_byNumber.Length)
        {
            return _byNumber[number];
        }

        foreach (var field in _others)
        {
            if (field.Number == number)
            {
                return field;
            }
        }

        return null;
    }

    /// <summary>The field at a dotted path within one frame; null where the lens doesn't read it.</summary>
    public LensField? At(string path)
    {
        var node = this;
        LensField? field = null;
        foreach (var name in path.Split('.'))
        {
            field = node?.Fields.FirstOrDefault(f => f.Kind != LensKind.Rival && string.Equals(f.Name, name, StringComparison.Ordinal));
            node = field?.Node;
            if (field is null)
            {
                return null;
            }
        }

        return field;
    }

    /// <summary>The slot of a path within one frame; -1 where the lens doesn't read it.</summary>
    public int SlotOf(string path) => At(path)?.Slot ?? -1;
}
