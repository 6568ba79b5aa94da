namespace Postern.Tests.Forwarding.WebSockets;

/// <summary>Bytes that arrive in pieces of chosen sizes, each read giving one piece at most.</summary>
internal sealed class ChunkedStream(byte[] bytes, Func<int> nextPiece) : Stream
{
    private int _at;
    private int _piece;

    public List<int> ReadSizes { get; } = [];

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _at; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        ReadSizes.Add(buffer.Length);
        if (buffer.Length == 0)
        {
            return 0;
        }

        _piece = _piece > 0 ? _piece : nextPiece();
        var length = Math.Min(Math.Min(buffer.Length, _piece), bytes.Length - _at);
        bytes.AsSpan(_at, length).CopyTo(buffer.Span);
        _at += length;
        _piece -= length;
        return length;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
