using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Postern.Engines.Temporal.Lens;

/// <summary>
/// What one message says, read in one pass over its bytes: slots of a frame hold where a string stands or what a number is; the elements of a list have frames of their own.
/// Lives on the stack of one call; <see cref="Dispose"/> gives the slots back.
/// </summary>
internal ref struct MessageLens
{
    /// <summary>Slots that one message may fill: some ten thousand nested operations, far above the engine's own limits, and 4 MB.</summary>
    public const int MaxSlots = 256 * 1024;

    private const int Kept = 1024;

    [ThreadStatic]
    private static LensSlot[]? s_kept;

    private readonly ReadOnlySpan<byte> _message;
    private LensSlot[] _slots;
    private int _used;

    private MessageLens(ReadOnlySpan<byte> message, LensSlot[] slots, int used)
    {
        _message = message;
        _slots = slots;
        _used = used;
    }

    /// <summary>Why the message couldn't be read; null where it could.</summary>
    public string? Fault { get; private set; }

    public static MessageLens Read(LensNode root, ReadOnlySpan<byte> message)
    {
        var slots = s_kept ?? new LensSlot[Kept];
        s_kept = null;
        if (slots.Length < root.FrameSize)
        {
            slots = new LensSlot[root.FrameSize];
        }

        Array.Clear(slots, 0, root.FrameSize);
        var lens = new MessageLens(message, slots, root.FrameSize);
        lens.ReadFields(root, 0, 0, message.Length, 1);
        return lens;
    }

    public void Dispose()
    {
        if (_slots.Length == Kept)
        {
            s_kept = _slots;
        }
        else if (_slots.Length > Kept)
        {
            ArrayPool<LensSlot>.Shared.Return(_slots);
        }

        _slots = [];
    }

    /// <summary>The bytes of a string; empty where the message doesn't carry it (to protobuf the same).</summary>
    public readonly ReadOnlySpan<byte> Bytes(int frame, int slot)
    {
        if (slot < 0)
        {
            return default;
        }

        var value = _slots[frame + slot];
        return _message.Slice(value.Start, value.Length);
    }

    /// <summary>Where in the message a value begins; 0 where it is absent.</summary>
    public readonly int OffsetOf(int frame, int slot) => slot < 0 ? 0 : _slots[frame + slot].Start;

    /// <summary>A string that is seldom the same twice (an id); null where it is empty.</summary>
    public readonly string? Text(int frame, int slot)
    {
        var bytes = Bytes(frame, slot);
        return bytes.IsEmpty ? null : Encoding.UTF8.GetString(bytes);
    }

    /// <summary>A string out of few (a namespace, a queue, a type); null where it is empty.</summary>
    public readonly string? Name(int frame, int slot)
    {
        var bytes = Bytes(frame, slot);
        return bytes.IsEmpty ? null : NameCache.Shared.Get(bytes);
    }

    /// <summary>A number; 0 where the message doesn't carry it.</summary>
    public readonly ulong Number(int frame, int slot) => slot < 0 ? 0 : _slots[frame + slot].Value;

    /// <summary>An enum as protobuf sees it: the low 32 bits.</summary>
    public readonly int Enum(int frame, int slot) => (int)Number(frame, slot);

    /// <summary>True where the message carries the field (for a oneof: as its last member).</summary>
    public readonly bool Has(int frame, int slot) => slot >= 0 && _slots[frame + slot].IsSet;

    /// <summary>The frame of a list's first element; 0 where the list is empty. Elements that carry nothing that is read are left out.</summary>
    public readonly int FirstOf(int frame, int slot) => slot < 0 ? 0 : _slots[frame + slot].Start;

    /// <summary>The frame of the next element; 0 after the last.</summary>
    public readonly int NextOf(int element) => _slots[element - 1].Start;

    private void ReadFields(LensNode node, int frame, int from, int to, int depth)
    {
        // The end is the message's end for every bound check: a slice, so that a nested length can't reach behind its parent.
        var bytes = _message[..to];
        var position = from;
        while (position < to)
        {
            if (!Wire.TryReadTag(bytes, ref position, out var number, out var type))
            {
                Fault ??= "a malformed tag";
                return;
            }

            var field = node.Find(number);
            if (field is null || field.WireType != type)
            {
                if (!Wire.TrySkip(bytes, ref position, number, type, depth))
                {
                    Fault ??= "a malformed field";
                    return;
                }

                continue;
            }

            foreach (var (rivalFrom, rivalTo) in field.Rivals)
            {
                Array.Clear(_slots, frame + rivalFrom, rivalTo - rivalFrom);
            }

            if (!ReadField(field, frame, bytes, ref position, depth))
            {
                Fault ??= "a malformed field";
                return;
            }
        }
    }

    private bool ReadField(LensField field, int frame, ReadOnlySpan<byte> bytes, ref int position, int depth)
    {
        if (field.Kind == LensKind.Rival)
        {
            return Wire.TrySkip(bytes, ref position, field.Number, field.WireType, depth);
        }

        if (field.Kind == LensKind.Number)
        {
            var read = Wire.TryReadVarint(bytes, ref position, out var value);
            _slots[frame + field.Slot] = new LensSlot { Value = value, IsSet = true };
            return read;
        }

        if (!Wire.TryReadExtent(bytes, ref position, out var start, out var length))
        {
            return false;
        }

        switch (field.Kind)
        {
            case LensKind.Text:
                _slots[frame + field.Slot] = new LensSlot { Start = start, Length = length, IsSet = true };
                return IsText(bytes.Slice(start, length));
            case LensKind.Bytes:
                _slots[frame + field.Slot] = new LensSlot { Start = start, Length = length, IsSet = true };
                return true;
            case LensKind.TextList:
                return IsText(bytes.Slice(start, length)) && TryAppend(field, frame, 1, out var text) && SetText(text, start, length);
            case LensKind.Message:
                _slots[frame + field.Slot].IsSet = true;
                ReadFields(field.Node!, frame, start, start + length, depth + 1);
                return Fault is null;
            default:
                return ReadElement(field, frame, start, length, depth);
        }
    }

    private bool ReadElement(LensField field, int frame, int start, int length, int depth)
    {
        var node = field.Node!;
        var before = _used;
        if (!TryAppend(field, frame, node.FrameSize, out var element))
        {
            return false;
        }

        ReadFields(node, element, start, start + length, depth + 1);
        if (Fault is null && node.FrameSize > 0 && _used == element + node.FrameSize && !_slots.AsSpan(element, node.FrameSize).ContainsSet())
        {
            Unappend(field, frame, before, element);
        }

        return Fault is null;
    }

    // A list's slot holds its first and last element; the slot before an element holds the next (Start) and the one before it (Length).
    private bool TryAppend(LensField field, int frame, int size, out int element)
    {
        element = _used + 1;
        if (_used + 1 + size > MaxSlots)
        {
            Fault = "more nested parts than are read";
            return false;
        }

        Grow(_used + 1 + size);
        Array.Clear(_slots, _used, size + 1);
        _used += size + 1;
        ref var list = ref _slots[frame + field.Slot];
        if (list.Length != 0)
        {
            _slots[list.Length - 1].Start = element;
            _slots[element - 1].Length = list.Length;
            list.Length = element;
        }
        else
        {
            list = new LensSlot { Start = element, Length = element, IsSet = true };
        }

        return true;
    }

    private void Unappend(LensField field, int frame, int before, int element)
    {
        var previous = _slots[element - 1].Length;
        ref var list = ref _slots[frame + field.Slot];
        if (previous == 0)
        {
            list = new LensSlot { IsSet = true }; // no element to look at, but the message carries the field
        }
        else
        {
            list.Length = previous;
            _slots[previous - 1].Start = 0;
        }

        _used = before;
    }

    private readonly bool SetText(int element, int start, int length)
    {
        _slots[element] = new LensSlot { Start = start, Length = length, IsSet = true };
        return true;
    }

    private bool IsText(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
        {
            return true;
        }

        Fault = "a string that isn't UTF-8";
        return false;
    }

    private void Grow(int size)
    {
        if (size <= _slots.Length)
        {
            return;
        }

        var larger = ArrayPool<LensSlot>.Shared.Rent(Math.Max(size, 2 * _slots.Length + 2));
        Array.Copy(_slots, larger, _used);
        if (_slots.Length > Kept)
        {
            ArrayPool<LensSlot>.Shared.Return(_slots);
        }

        _slots = larger;
    }
}

/// <summary>A value: where a string stands, or what a number is; for a list its first and last element.</summary>
internal struct LensSlot
{
    public int Start;
    public int Length;
    public bool IsSet;

    /// <summary>A number, in the same eight bytes as a string's place.</summary>
    public ulong Value
    {
        readonly get => ((ulong)(uint)Length << 32) | (uint)Start;
        init
        {
            Start = (int)(uint)value;
            Length = (int)(value >> 32);
        }
    }
}

internal static class LensSlots
{
    public static bool ContainsSet(this Span<LensSlot> slots)
    {
        foreach (ref readonly var slot in slots)
        {
            if (slot.IsSet)
            {
                return true;
            }
        }

        return false;
    }
}
