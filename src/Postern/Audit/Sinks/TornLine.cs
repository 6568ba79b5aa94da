using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Postern.Audit.Sinks;

/// <summary>
/// What a crash left at the end of a file: a line without its end. It is rewritten as a line that holds the piece as text, so that the file stays readable
/// line by line and nothing is thrown away. Nobody was told that it was kept.
/// </summary>
internal static class TornLine
{
    private const int MaxPiece = 64 * 1024;

    /// <summary>Repairs the end of the file. The length behind which to go on.</summary>
    public static long Complete(SafeFileHandle file, DateTimeOffset now)
    {
        var length = RandomAccess.GetLength(file);
        var start = length;
        var piece = new List<byte>();
        var block = new byte[4096];
        while (start > 0 && piece.Count < MaxPiece)
        {
            var take = (int)Math.Min(block.Length, start);
            ReadExactly(file, block.AsSpan(0, take), start - take);
            var lineFeed = block.AsSpan(0, take).LastIndexOf((byte)'\n');
            piece.InsertRange(0, block.AsSpan(lineFeed + 1, take - lineFeed - 1));
            start -= take - lineFeed - 1;
            if (lineFeed >= 0)
            {
                break;
            }
        }

        if (start == length)
        {
            return length;
        }

        // A piece larger than any line of ours isn't ours; it is ended where it is.
        var line = piece.Count >= MaxPiece ? "\n"u8.ToArray() : Encode(piece, now);
        var at = piece.Count >= MaxPiece ? length : start;
        RandomAccess.Write(file, line, at);
        RandomAccess.SetLength(file, at + line.Length);
        RandomAccess.FlushToDisk(file);
        return at + line.Length;
    }

    private static byte[] Encode(List<byte> piece, DateTimeOffset now)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("event", "torn");
            json.WriteString("time", now.UtcDateTime);
            json.WriteString("text", Encoding.UTF8.GetString([.. piece]));
            json.WriteEndObject();
        }

        buffer.WriteByte((byte)'\n');
        return buffer.ToArray();
    }

    private static void ReadExactly(SafeFileHandle file, Span<byte> target, long offset)
    {
        while (!target.IsEmpty)
        {
            var read = RandomAccess.Read(file, target, offset);
            if (read == 0)
            {
                throw new EndOfStreamException("The audit file became shorter while it was read.");
            }

            target = target[read..];
            offset += read;
        }
    }
}
