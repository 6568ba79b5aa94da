using System.Buffers;
using System.IO.Pipelines;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Http;

namespace Postern.Forwarding;

/// <summary>What the engine answered, as far as the record needs it. Filled while the answer is copied.</summary>
internal struct GrpcAnswer
{
    public int Status;
    public long Bytes;

    /// <summary>The engine broke off in the middle of its answer.</summary>
    public bool Broken;

    /// <summary>The answer was larger than the limit and has been cut.</summary>
    public bool TooLarge;
}

/// <summary>Copies an engine's answer to the client: status, headers, messages, trailers, byte for byte.</summary>
internal static class GrpcAnswerCopy
{
    // Past this much the client's own flow control must bound what is held here.
    private const int FlushBytes = 64 * 1024;

    /// <summary>Copies status line and headers. Returns the status where the answer has no body (Trailers-Only), otherwise null.</summary>
    public static int? CopyHead(HttpResponseMessage from, IHeaderDictionary to)
    {
        int? status = null;
        foreach (var header in from.Headers.NonValidated)
        {
            if (IsConnectionLevel(header.Key))
            {
                continue;
            }

            var value = header.Value.ToString();
            if (header.Key.Equals("grpc-status", StringComparison.OrdinalIgnoreCase))
            {
                status = ParseStatus(value);
            }

            Set(to, header, value);
        }

        foreach (var header in from.Content.Headers.NonValidated)
        {
            if (!header.Key.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            {
                Set(to, header, header.Value.ToString());
            }
        }

        return status;
    }

    /// <summary>
    /// Copies the body. Answers that must wait for their record (<paramref name="held"/>) are written without a flush; the first
    /// <paramref name="head"/>.Length bytes are also kept there for who reads run ids.
    /// </summary>
    public static async ValueTask<GrpcAnswer> CopyBodyAsync(
        Stream body, PipeWriter to, long limit, bool held, Memory<byte> head, CancellationToken cancellation)
    {
        var answer = default(GrpcAnswer);
        var unflushed = 0;
        while (true)
        {
            int read;
            var memory = to.GetMemory(4096);
            try
            {
                read = await body.ReadAsync(memory, cancellation);
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                answer.Broken = true;
                return answer;
            }

            if (read == 0)
            {
                return answer;
            }

            if (answer.Bytes + read > limit)
            {
                answer.TooLarge = true;
                return answer;
            }

            if (answer.Bytes < head.Length)
            {
                var keep = (int)Math.Min(read, head.Length - answer.Bytes);
                memory.Span[..keep].CopyTo(head.Span[(int)answer.Bytes..]);
            }

            to.Advance(read);
            answer.Bytes += read;
            unflushed += read;
            if (!held && unflushed >= FlushBytes)
            {
                unflushed = 0;
                var flushed = await to.FlushAsync(cancellation);
                if (flushed.IsCompleted)
                {
                    throw new OperationCanceledException("The client is gone.");
                }
            }
        }
    }

    /// <summary>Copies trailers and returns the call's status; 2 (UNKNOWN) where the engine sent none, as clients read it.</summary>
    public static int CopyTrailers(HttpResponseHeaders from, IHeaderDictionary to)
    {
        var status = 2;
        foreach (var trailer in from.NonValidated)
        {
            var value = trailer.Value.ToString();
            if (trailer.Key.Equals("grpc-status", StringComparison.OrdinalIgnoreCase))
            {
                status = ParseStatus(value);
            }

            Set(to, trailer, value);
        }

        return status;
    }

    private static void Set(IHeaderDictionary to, KeyValuePair<string, HeaderStringValues> header, string first)
    {
        if (header.Value.Count <= 1)
        {
            to[header.Key] = first;
        }
        else
        {
            to[header.Key] = header.Value.ToArray();
        }
    }

    private static int ParseStatus(string value) =>
        int.TryParse(value, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var status) ? status : 2;

    private static bool IsConnectionLevel(string name) =>
        name.Equals("Connection", StringComparison.OrdinalIgnoreCase) || name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase)
        || name.Equals("Keep-Alive", StringComparison.OrdinalIgnoreCase) || name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase);
}
