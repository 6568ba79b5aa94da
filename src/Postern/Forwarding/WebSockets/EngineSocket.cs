using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Postern.Forwarding.WebSockets;

/// <summary>What became of the attempt to open a socket to the engine.</summary>
/// <param name="Stream">The open socket's bytes; null where there is none.</param>
/// <param name="Status">The status with which the engine answered instead; null where it didn't answer, or answered what no server does.</param>
/// <param name="Fault">What went wrong, for the log; null where nothing did.</param>
internal readonly record struct EngineSocket(Stream? Stream, HttpStatusCode? Status, string? Fault)
{
    private const int LongestHead = 16 * 1024;

    /// <summary>Whether the engine took the subprotocol.</summary>
    public bool TookProtocol { get; init; }

    /// <summary>What the engine has sent behind its answer so far.</summary>
    public byte[]? Early { get; init; }

    /// <summary>
    /// Asks the engine for a socket (RFC 6455 §4.1) over a connection of its own. No extension is offered: frames are read here. The platform's client could do it, but keeps
    /// eight kilobytes of buffers for each socket as long as it lives.
    /// </summary>
    /// <param name="connection">A connection to the engine, which is the socket's from now on.</param>
    /// <param name="request">Its target, host and what else it says; the handshake is added.</param>
    /// <param name="protocol">The subprotocol that is asked for, beside which the engine may take none.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    public static async Task<EngineSocket> OpenAsync(Stream connection, HttpRequestMessage request, string protocol, CancellationToken cancellation)
    {
        var isOpen = false;
        try
        {
            var key = SocketOffer.NewKey();
            await connection.WriteAsync(Head(request, key, protocol), cancellation);
            await connection.FlushAsync(cancellation);
            if (await ReadHeadAsync(connection, cancellation) is not { Head: { } head, Early: var early })
            {
                return new EngineSocket(null, null, "it broke off in its answer");
            }

            var (socket, answer) = Parse(head);
            if (answer is null)
            {
                return socket;
            }

            var took = answer.NonValidated.Contains("Sec-WebSocket-Protocol");
            if (FaultOf(answer, key, took ? protocol : null) is { } fault)
            {
                return new EngineSocket(null, null, fault);
            }

            isOpen = true;
            return new EngineSocket(connection, HttpStatusCode.SwitchingProtocols, null) { TookProtocol = took, Early = early };
        }
        finally
        {
            if (!isOpen)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private static byte[] Head(HttpRequestMessage request, string key, string protocol)
    {
        var head = new StringBuilder()
            .Append("GET ").Append(request.RequestUri!.PathAndQuery).Append(" HTTP/1.1\r\nHost: ").Append(request.Headers.Host)
            .Append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ").Append(key)
            .Append("\r\nSec-WebSocket-Version: ").Append(SocketOffer.Version).Append("\r\nSec-WebSocket-Protocol: ").Append(protocol).Append("\r\n");
        foreach (var (name, values) in request.Headers.NonValidated)
        {
            if (name.Equals("Host", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            foreach (var value in values)
            {
                // Kestrel lets no line end into a header's value, nor does what is added here have one: a request that had would be two.
                if (value.AsSpan().ContainsAny("\r\n\0"))
                {
                    throw new ArgumentException($"The value of {name} isn't one line.", nameof(request));
                }

                head.Append(name).Append(": ").Append(value).Append("\r\n");
            }
        }

        return Encoding.Latin1.GetBytes(head.Append("\r\n").ToString());
    }

    /// <summary>Takes an answer's head apart, strictly; headers only where it is an upgrade.</summary>
    private static (EngineSocket Socket, HttpResponseHeaders? Headers) Parse(string text)
    {
        var lines = text.Split("\r\n");
        if (lines[0] is not { Length: >= 12 } start || !start.StartsWith("HTTP/1.1 ", StringComparison.Ordinal)
            || !int.TryParse(start.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status) || (start.Length > 12 && start[12] != ' '))
        {
            return (new EngineSocket(null, null, "its answer isn't HTTP"), null);
        }

        if (status != (int)HttpStatusCode.SwitchingProtocols)
        {
            return (new EngineSocket(null, (HttpStatusCode)status, "no upgrade"), null);
        }

        using var message = new HttpResponseMessage();
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || line[0] is ' ' or '\t' || line[colon - 1] is ' ' or '\t')
            {
                return (new EngineSocket(null, null, "its answer isn't HTTP"), null);
            }

            message.Headers.TryAddWithoutValidation(line[..colon], line[(colon + 1)..].Trim(' ', '\t'));
        }

        return (default, message.Headers);
    }

    private static async ValueTask<(string? Head, byte[] Early)> ReadHeadAsync(Stream connection, CancellationToken cancellation)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(LongestHead);
        try
        {
            for (var length = 0; length < LongestHead;)
            {
                var read = await connection.ReadAsync(buffer.AsMemory(length, LongestHead - length), cancellation);
                if (read == 0)
                {
                    break;
                }

                length += read;
                if (buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8) is >= 0 and var end)
                {
                    return (Encoding.Latin1.GetString(buffer, 0, end), buffer[(end + 4)..length]);
                }
            }

            return (null, []);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static string? FaultOf(HttpResponseHeaders headers, string key, string? protocol) =>
        !Is(headers, "Upgrade", "websocket", StringComparison.OrdinalIgnoreCase) ? "upgrade"
        : !Is(headers, "Sec-WebSocket-Accept", SocketOffer.Accept(key), StringComparison.Ordinal) ? "sec-websocket-accept"
        : protocol is not null && !Is(headers, "Sec-WebSocket-Protocol", protocol, StringComparison.Ordinal) ? "sec-websocket-protocol"
        : headers.NonValidated.Contains("Sec-WebSocket-Extensions") ? "sec-websocket-extensions"
        : null;

    private static bool Is(HttpResponseHeaders headers, string name, string value, StringComparison comparison) =>
        headers.NonValidated.TryGetValues(name, out var values) && values.Count == 1 && string.Equals(values.ToString(), value, comparison);
}
