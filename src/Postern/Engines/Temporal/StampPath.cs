using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>One place where something of the caller can stand: the field numbers that lead to it, and the member of a oneof that must be set for it.</summary>
internal sealed class StampPath
{
    private readonly int[] _numbers;
    private readonly int _own;
    private readonly int _member;

    public StampPath(MessageDescriptor message, LensNode lens, string path)
    {
        var names = path.Split('.');
        _numbers = new int[names.Length];
        _member = -1;
        for (var i = 0; i < names.Length; i++)
        {
            var field = message.FindFieldByName(names[i]) ?? throw new InvalidOperationException($"{message.FullName} has no field '{names[i]}'");
            _numbers[i] = field.FieldNumber;
            if (field.RealContainingOneof is not null)
            {
                _member = lens.SlotOf(string.Join('.', names[..(i + 1)]));
            }

            message = field.FieldType == FieldType.Message ? field.MessageType : message;
        }

        _own = lens.SlotOf(path);
    }

    /// <summary>The path to the innermost member of a oneof that the path crosses, which a lens must read; null where it crosses none.</summary>
    public static string? MemberOf(MessageDescriptor message, string path)
    {
        var names = path.Split('.');
        string? member = null;
        for (var i = 0; i < names.Length; i++)
        {
            var field = message.FindFieldByName(names[i]);
            if (field.RealContainingOneof is not null)
            {
                member = string.Join('.', names[..(i + 1)]);
            }

            message = field.FieldType == FieldType.Message ? field.MessageType : message;
        }

        return member;
    }

    /// <summary>Within a oneof: only where this member is the one set.</summary>
    public bool Applies(in MessageLens lens) => _member < 0 || lens.Has(0, _member);

    /// <summary>What the client wrote at a place that holds a text.</summary>
    public ReadOnlySpan<byte> Own(in MessageLens lens) => lens.Bytes(0, _own);

    /// <summary>How long a value becomes with the fields around it.</summary>
    public int Length(int value)
    {
        for (var i = _numbers.Length - 1; i >= 0; i--)
        {
            value += Wire.VarintLength((uint)value) + Wire.VarintLength(Tag(i));
        }

        return value;
    }

    /// <summary>Writes a value with the fields around it, and returns how long it became.</summary>
    public int Write(ReadOnlySpan<byte> value, Span<byte> to)
    {
        Span<int> sizes = stackalloc int[_numbers.Length];
        var size = value.Length;
        for (var i = _numbers.Length - 1; i >= 0; i--)
        {
            sizes[i] = size;
            size += Wire.VarintLength((uint)size) + Wire.VarintLength(Tag(i));
        }

        var at = 0;
        for (var i = 0; i < _numbers.Length; i++)
        {
            at += Wire.WriteVarint(to[at..], Tag(i));
            at += Wire.WriteVarint(to[at..], (uint)sizes[i]);
        }

        value.CopyTo(to[at..]);
        return at + value.Length;
    }

    private uint Tag(int level) => (uint)((_numbers[level] << 3) | Wire.Bytes);
}
