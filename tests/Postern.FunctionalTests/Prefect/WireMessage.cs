using System.Globalization;
using System.Text;

namespace Postern.FunctionalTests.Prefect;

/// <summary>A message of HTTP/1.1 as it stands on the wire: first line, headers in order and case, body without its framing.</summary>
internal sealed record WireMessage(string Start, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body)
{
    private const int PieceOfChunk = 40_000;

    /// <summary>Of an answer.</summary>
    public int Status => int.Parse(Start.Split(' ')[1], CultureInfo.InvariantCulture);

    /// <summary>Of an answer; empty where the server gave none.</summary>
    public string Reason => Start.Split(' ', 3) is [_, _, var reason] ? reason : "";

    /// <summary>Of a request.</summary>
    public string Method => Start.Split(' ')[0];

    /// <summary>Of a request.</summary>
    public string Target => Start[(Start.IndexOf(' ') + 1)..Start.LastIndexOf(' ')];

    public string? Header(string name) => Find(Headers, name);

    public override string ToString() => $"{Start} [{string.Join(", ", Headers.Select(header => $"{header.Name}: {header.Value}"))}] {Body.Length} B";

    public static string? Find(IEnumerable<(string Name, string Value)> headers, string name) =>
        headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value).FirstOrDefault();

    /// <summary>Writes all of it, as its own headers say: chunked, or as long as it is.</summary>
    /// <param name="to">The connection.</param>
    /// <param name="bodiless">An answer that has no body whatever its headers say: to HEAD, 204, 304.</param>
    /// <param name="cancellation">Ends the writing.</param>
    public async Task WriteAsync(Stream to, bool bodiless, CancellationToken cancellation)
    {
        var bytes = new MemoryStream();
        void Add(string text) => bytes.Write(Encoding.Latin1.GetBytes(text));
        Add(Start + "\r\n");
        foreach (var (name, value) in Headers)
        {
            Add($"{name}: {value}\r\n");
        }

        Add("\r\n");
        if (!bodiless && IsChunked(Headers))
        {
            for (var from = 0; from < Body.Length; from += PieceOfChunk)
            {
                var piece = Body.AsMemory(from, Math.Min(PieceOfChunk, Body.Length - from));
                Add(piece.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n");
                bytes.Write(piece.Span);
                Add("\r\n");
            }

            Add("0\r\n\r\n");
        }
        else if (!bodiless)
        {
            bytes.Write(Body);
        }

        await to.WriteAsync(bytes.GetBuffer().AsMemory(0, (int)bytes.Length), cancellation);
        await to.FlushAsync(cancellation);
    }

    public static bool IsChunked(IEnumerable<(string Name, string Value)> headers) => Find(headers, "transfer-encoding")?.Contains("chunked", StringComparison.OrdinalIgnoreCase) == true;
}

/// <summary>Reads messages from a connection one after another.</summary>
internal sealed class WireReader(Stream from)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    /// <summary>First line and headers; null where the peer closed before the first byte.</summary>
    /// <exception cref="EndOfStreamException">The peer closed amid the head.</exception>
    public async Task<WireMessage?> HeadAsync(CancellationToken cancellation)
    {
        if (_start == _end && !await FillAsync(cancellation))
        {
            return null;
        }

        var start = await LineAsync(cancellation);
        var headers = new List<(string, string)>();
        while (await LineAsync(cancellation) is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':');
            headers.Add((line[..colon], line[(colon + 1)..].Trim(' ', '\t')));
        }

        return new WireMessage(start, headers, []);
    }

    /// <summary>The body that follows <paramref name="head"/>, without its framing.</summary>
    /// <param name="head">What was read before.</param>
    /// <param name="untilEnd">Without a length the body ends with the connection: so it is with answers.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public async Task<byte[]> BodyAsync(WireMessage head, bool untilEnd, CancellationToken cancellation)
    {
        using var body = new MemoryStream();
        if (WireMessage.IsChunked(head.Headers))
        {
            while (int.Parse((await LineAsync(cancellation)).Split(';')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture) is > 0 and var size)
            {
                await CopyAsync(body, size, cancellation);
                await LineAsync(cancellation);
            }

            while ((await LineAsync(cancellation)).Length > 0)
            {
                // A trailer: nobody here sends any that matter.
            }
        }
        else if (head.Header("content-length") is { } length)
        {
            await CopyAsync(body, int.Parse(length, CultureInfo.InvariantCulture), cancellation);
        }
        else if (untilEnd)
        {
            do
            {
                body.Write(_buffer, _start, _end - _start);
                _start = _end;
            }
            while (await FillAsync(cancellation));
        }

        return body.ToArray();
    }

    public async Task<byte[]> ExactlyAsync(int count, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream(count);
        await CopyAsync(bytes, count, cancellation);
        return bytes.ToArray();
    }

    private async Task CopyAsync(MemoryStream to, int count, CancellationToken cancellation)
    {
        while (count > 0)
        {
            await NeedAsync(cancellation);
            var taken = Math.Min(count, _end - _start);
            to.Write(_buffer, _start, taken);
            _start += taken;
            count -= taken;
        }
    }

    private async Task<string> LineAsync(CancellationToken cancellation)
    {
        var line = new StringBuilder();
        while (true)
        {
            await NeedAsync(cancellation);
            var at = Array.IndexOf(_buffer, (byte)'\n', _start, _end - _start);
            var until = at < 0 ? _end : at;
            line.Append(Encoding.Latin1.GetString(_buffer, _start, until - _start));
            _start = at < 0 ? _end : at + 1;
            if (at >= 0)
            {
                return line.ToString().TrimEnd('\r');
            }
        }
    }

    private async Task NeedAsync(CancellationToken cancellation)
    {
        if (_start == _end && !await FillAsync(cancellation))
        {
            throw new EndOfStreamException("The connection ended amid a message.");
        }
    }

    private async Task<bool> FillAsync(CancellationToken cancellation)
    {
        _start = 0;
        _end = await from.ReadAsync(_buffer, cancellation);
        return _end > 0;
    }
}
