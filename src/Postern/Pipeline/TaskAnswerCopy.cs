using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Framing;
using Postern.Forwarding;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Copies an answer that hands out tasks, with a seal on each task's token. One message, edited in hand; of a long poll answer only the beginning is held, since the
/// engine writes the token first and a history of megabytes behind it.
/// </summary>
internal static class TaskAnswerCopy
{
    private const int FrameHead = 5;
    private const int FirstRead = 4096;
    private const int LongAnswer = 256 * 1024;
    private const int LongestBeginning = 64 * 1024;

    private static readonly Refusal s_foreign = new(RefusalReason.NotAllowed, "Request unauthorized. The task is of another task queue.", "a sticky queue handed out a task of another normal queue");

    /// <summary>Copies the body. Nothing is written where a refusal is returned before anything was.</summary>
    /// <param name="call">The call.</param>
    /// <param name="tasks">Where tasks stand in the answer.</param>
    /// <param name="body">What the engine sends.</param>
    /// <param name="encoding">The answer's <c>grpc-encoding</c>.</param>
    /// <param name="head">Takes the beginning of an answer that waits for its record; empty for one that flows.</param>
    public static async ValueTask<(GrpcAnswer Answer, Refusal? Refusal)> CopyAsync(Call call, TaskTokens tasks, Stream body, string? encoding, Memory<byte> head)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FirstRead);
        try
        {
            var (read, broken) = await ReadAsync(body, buffer, 0, FrameHead, call.Cancellation);
            if (broken || read == 0)
            {
                return (new GrpcAnswer { Broken = broken }, null);
            }

            long length = read < FrameHead ? -1 : BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(1));
            var limit = call.State.Options.Limits.ResponseBytes.Bytes;
            if (length < 0 || length + FrameHead > limit)
            {
                return (new GrpcAnswer { Broken = length < 0, TooLarge = length >= 0 }, null);
            }

            if (tasks.IsPoll && call.Method.HandedCallbacks is null && call.Operation.StickyQueue is null && buffer[0] == 0 && length > LongAnswer)
            {
                (buffer, read, broken) = await FillAsync(body, buffer, read, FrameHead + LongestBeginning, call.Cancellation);
                if (!broken && TryBegin(call, tasks, buffer.AsSpan(0, read), length, out var begun))
                {
                    var rest = await GrpcAnswerCopy.CopyBodyAsync(body, call.ResponseBody.Writer, limit, held: false, Memory<byte>.Empty, call.Cancellation);
                    rest.Bytes += begun;
                    return (rest, null);
                }
            }

            (buffer, read, broken) = broken ? (buffer, read, broken) : await FillAsync(body, buffer, read, FrameHead + (int)length, call.Cancellation);
            // Nothing may follow the one message of a unary answer.
            return broken || read != FrameHead + length || await HasMoreAsync(body, call.Cancellation)
                ? (new GrpcAnswer { Broken = true }, null)
                : Write(call, tasks, new ReadOnlySequence<byte>(buffer, 0, read), encoding, head);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static (GrpcAnswer Answer, Refusal? Refusal) Write(Call call, TaskTokens tasks, in ReadOnlySequence<byte> body, string? encoding, Memory<byte> head)
    {
        var limits = call.State.Options.Limits;
        using var message = GrpcMessage.Parse(body, encoding, limits.ResponseBytes.Bytes, limits.ResponseBytes.Bytes, out var refusal);
        if (refusal is not null)
        {
            return (new GrpcAnswer { Broken = refusal.Reason != RefusalReason.TooLarge, TooLarge = refusal.Reason == RefusalReason.TooLarge }, null);
        }

        var edited = new ArrayBufferWriter<byte>((int)message.Message.Length + 256);
        var (count, foreign) = (0, false);
        if (!tasks.TryEdit(message.Message.FirstSpan, (kind, token, origin) => { count++; return Seal(call, kind, token, origin, out foreign); }, edited))
        {
            return foreign ? (default, s_foreign) : (new GrpcAnswer { Broken = true }, null);
        }

        if (count == 0)
        {
            // No task came with it: byte for byte, packed or not.
            WriteAnswer(call, body.FirstSpan, head);
            return (new GrpcAnswer { Bytes = body.Length }, null);
        }

        if (call.Method.HandedCallbacks is { } callbacks)
        {
            var tokens = edited;
            edited = new ArrayBufferWriter<byte>(tokens.WrittenCount + 512);
            if (!callbacks.TryEdit(tokens.WrittenSpan, token => SealCallback(call, token), edited))
            {
                return (new GrpcAnswer { Broken = true }, null);
            }
        }

        Span<byte> frame = stackalloc byte[FrameHead];
        frame[0] = 0; // not compressed
        BinaryPrimitives.WriteUInt32BigEndian(frame[1..], (uint)edited.WrittenCount);
        WriteAnswer(call, frame, head);
        WriteAnswer(call, edited.WrittenSpan, head.Length > FrameHead ? head[FrameHead..] : head);
        return (new GrpcAnswer { Bytes = FrameHead + edited.WrittenCount }, null);
    }

    private static void WriteAnswer(Call call, ReadOnlySpan<byte> bytes, Memory<byte> head)
    {
        call.ResponseBody.Writer.Write(bytes);
        bytes[..Math.Min(bytes.Length, head.Length)].CopyTo(head.Span);
    }

    // The frame's head with its new length, the sealed token, and what is in hand of the rest.
    private static bool TryBegin(Call call, TaskTokens tasks, ReadOnlySpan<byte> beginning, long length, out int written)
    {
        written = 0;
        if (!tasks.TryFindFirst(beginning[FrameHead..], out var fieldEnd, out var token, out var kind) || token.IsEmpty || Seal(call, kind, token, default, out _) is not { } sealedToken)
        {
            return false;
        }

        var field = new ArrayBufferWriter<byte>(sealedToken.Length + 16);
        tasks.WriteFirst(sealedToken, field);
        Span<byte> frame = stackalloc byte[FrameHead];
        frame[0] = 0; // not compressed
        BinaryPrimitives.WriteUInt32BigEndian(frame[1..], (uint)(length - fieldEnd + field.WrittenCount));
        var to = call.ResponseBody.Writer;
        to.Write(frame);
        to.Write(field.WrittenSpan);
        to.Write(beginning[(FrameHead + fieldEnd)..]);
        written = FrameHead + field.WrittenCount + beginning.Length - FrameHead - fieldEnd;
        return true;
    }

    private static byte[]? Seal(Call call, TaskKind kind, ReadOnlySpan<byte> token, ReadOnlySpan<byte> origin, out bool foreign)
    {
        foreign = false;
        var operation = call.Operation;
        var from = origin.IsEmpty ? null : Encoding.UTF8.GetString(origin);
        if (!call.Method.Row.IsTaskPoll)
        {
            // A task that comes with an answer: of the queue that the engine says, else of the task that was answered or the run that was started.
            return call.Engine.Tasks.Seal(token, new TaskFacts(kind, operation.Namespace ?? "", from ?? call.Task?.TaskQueue ?? operation.TaskQueue ?? ""));
        }

        foreign = operation is { StickyQueue: not null, TaskQueue: not null } && from is not null && !string.Equals(from, operation.TaskQueue, StringComparison.Ordinal);
        return foreign ? null : call.Engine.Tasks.Seal(token, new TaskFacts(kind, operation.Namespace ?? "", operation.TaskQueue ?? from ?? ""));
    }

    // Where it can't be sealed it is judged by what it names when it comes back, as one that was handed out elsewhere.
    private static byte[]? SealCallback(Call call, ReadOnlySpan<byte> token) =>
        CallbackToken.Seal(token, bytes => call.Engine.Tasks.Seal(bytes, new TaskFacts(TaskKind.Callback, call.Operation.Namespace ?? "", call.Operation.TaskQueue ?? "")));

    private static async ValueTask<(byte[] Buffer, int Read, bool Broken)> FillAsync(Stream body, byte[] buffer, int read, int wanted, CancellationToken cancellation)
    {
        if (buffer.Length < wanted)
        {
            var larger = ArrayPool<byte>.Shared.Rent(wanted);
            buffer.AsSpan(0, read).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = larger;
        }

        var (filled, broken) = await ReadAsync(body, buffer, read, wanted, cancellation);
        return (buffer, filled, broken);
    }

    private static async ValueTask<(int Read, bool Broken)> ReadAsync(Stream body, byte[] buffer, int read, int wanted, CancellationToken cancellation)
    {
        try
        {
            while (read < wanted && await body.ReadAsync(buffer.AsMemory(read, wanted - read), cancellation) is > 0 and var more)
            {
                read += more;
            }

            return (read, false);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return (read, true);
        }
    }

    private static async ValueTask<bool> HasMoreAsync(Stream body, CancellationToken cancellation)
    {
        var one = new byte[1];
        var (read, broken) = await ReadAsync(body, one, 0, 1, cancellation);
        return read > 0 || broken;
    }
}
