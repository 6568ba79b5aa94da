using System.Buffers;
using System.IO.Compression;

namespace Postern.Engines.Temporal.Framing;

/// <summary>
/// Inflates one DEFLATE stream (RFC 1951) with the platform's zlib, and says whether it ended exactly where its bytes end. The platform's stream doesn't tell: it takes
/// a cut stream for a short one and leaves what stands behind an end unread. So its source hands the last byte out by itself and notes what was asked for: a whole
/// stream asks for the last byte and for nothing after it.
/// </summary>
internal static class Inflater
{
    /// <summary>True where the bytes are one whole stream that fills <paramref name="to"/> exactly.</summary>
    public static bool TryInflate(ReadOnlySpan<byte> deflated, Span<byte> to)
    {
        var copy = ArrayPool<byte>.Shared.Rent(Math.Max(1, deflated.Length));
        try
        {
            deflated.CopyTo(copy);
            using var source = new Source(copy, deflated.Length);
            using var inflating = new DeflateStream(source, CompressionMode.Decompress, leaveOpen: true);
            while (!to.IsEmpty)
            {
                var read = inflating.Read(to);
                if (read == 0)
                {
                    return false;
                }

                to = to[read..];
            }

            Span<byte> beyond = stackalloc byte[1];
            return inflating.Read(beyond) == 0 && source.WasReadExactly;
        }
        catch (InvalidDataException)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }

    private sealed class Source(byte[] bytes, int length) : Stream
    {
        private int _at;
        private bool _overrun;

        public bool WasReadExactly => _at == length && !_overrun;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(Span<byte> buffer)
        {
            var left = length - _at;
            if (left == 0)
            {
                _overrun = true;
                return 0;
            }

            var count = Math.Min(buffer.Length, left > 1 ? left - 1 : 1);
            bytes.AsSpan(_at, count).CopyTo(buffer);
            _at += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
