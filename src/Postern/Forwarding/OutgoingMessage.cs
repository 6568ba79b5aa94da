using System.Buffers;

namespace Postern.Forwarding;

/// <summary>
/// A framed message on its way out. Small ones have an array of their own size, which is what an idle poll keeps alive while it waits;
/// larger ones are rented and given back as soon as the engine has answered.
/// </summary>
internal struct OutgoingMessage
{
    private const int OwnArrayBytes = 2048;

    private byte[]? _array;
    private bool _rented;

    /// <param name="length">Its bytes, with the frame's head.</param>
    /// <param name="room">Bytes that will be appended, so that they needn't move what stands before them.</param>
    public OutgoingMessage(int length, int room = 0)
    {
        Length = length;
        _rented = length + room > OwnArrayBytes;
        _array = _rented ? ArrayPool<byte>.Shared.Rent(length + room) : GC.AllocateUninitializedArray<byte>(length + room);
    }

    public int Length { get; private set; }

    public readonly ReadOnlyMemory<byte> Memory => new(_array, 0, _array is null ? 0 : Length);

    public readonly Span<byte> Span => _array.AsSpan(0, Length);

    /// <summary>Makes it longer; the bytes added are the caller's to write.</summary>
    public Span<byte> Append(int length)
    {
        var before = Length;
        if (before + length > _array!.Length)
        {
            var larger = new OutgoingMessage(before + length);
            Span.CopyTo(larger.Span);
            Release();
            this = larger;
        }

        Length = before + length;
        return Span[before..];
    }

    public void Release()
    {
        var array = _array;
        _array = null;
        if (_rented && array is not null)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
