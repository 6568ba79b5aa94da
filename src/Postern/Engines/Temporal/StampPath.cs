using Google.Protobuf.Reflection;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>One place where the caller can stand: the field numbers that lead to it, and where the client's own text is.</summary>
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

    /// <summary>Within a oneof: only where this member is the one set.</summary>
    public bool Applies(in MessageLens lens) => _member < 0 || lens.Has(0, _member);

    public ReadOnlySpan<byte> Own(in MessageLens lens) => lens.Bytes(0, _own);

    /// <summary>Writes the fields around the text from the inside out, and returns how long they became.</summary>
    public int Write(string caller, ReadOnlySpan<byte> own, Span<byte> to)
    {
        Span<byte> text = stackalloc byte[IdentityText.MaxLength];
        text = text[..IdentityText.Write(caller, own, text)];
        Span<int> sizes = stackalloc int[_numbers.Length];
        var size = text.Length;
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

        text.CopyTo(to[at..]);
        return at + text.Length;
    }

    private uint Tag(int level) => (uint)((_numbers[level] << 3) | Wire.Bytes);
}
