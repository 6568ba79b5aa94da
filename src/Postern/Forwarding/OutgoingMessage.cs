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
    private readonly bool _rented;

    public OutgoingMessage(int length)
    {
        Length = length;
        _rented = length > OwnArrayBytes;
        _array = _rented ? ArrayPool<byte>.Shared.Rent(length) : GC.AllocateUninitializedArray<byte>(length);
    }

    public int Length { get; }

    public readonly ReadOnlyMemory<byte> Memory => new(_array, 0, _array is null ? 0 : Length);

    public readonly Span<byte> Span => _array.AsSpan(0, Length);

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
