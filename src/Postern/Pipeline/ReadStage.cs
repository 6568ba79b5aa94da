using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using Postern.Engines.Temporal;
using Postern.Engines.Temporal.Framing;
using Postern.Engines.Temporal.Lens;
using Postern.Forwarding;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Body → operation. The whole message is in hand before anything is judged, and what is judged is what goes out: the same bytes, copied once into the buffer that
/// is sent.
/// </summary>
internal sealed class ReadStage(DeadlineWheel wheel)
{
    private const int FrameHead = 5;

    // A client that opens a call and never ends its request must not hold it open for ever; those that say how long they wait are believed.
    private static readonly TimeSpan LongestBody = TimeSpan.FromSeconds(60);

    public async ValueTask<Refusal?> RunAsync(Call call)
    {
        var limits = call.State.Options.Limits;
        var limit = limits.RequestBytes.Bytes + FrameHead;
        var body = call.Body;
        var read = await ReadToEndAsync(call, body, limit);
        if (read is not { } result)
        {
            return call.EndedBy is { } ended
                ? new Refusal(ended, ended == RefusalReason.Draining ? "The gate is shutting down." : "The request did not arrive in time.")
                : new Refusal(RefusalReason.TooLarge, string.Create(CultureInfo.InvariantCulture, $"grpc: received message larger than max ({call.RequestBytes} vs. {limits.RequestBytes.Bytes})"));
        }

        try
        {
            return Read(call, result.Buffer, limits.RequestBytes.Bytes, limits.InflateBytes.Bytes);
        }
        finally
        {
            body.AdvanceTo(result.Buffer.End);
            // Gives the pipe's buffers back before the wait for the engine: an idle poll keeps its own few hundred bytes only.
            await body.CompleteAsync();
        }
    }

    private async ValueTask<ReadResult?> ReadToEndAsync(Call call, PipeReader body, long limit)
    {
        if (body.TryRead(out var result) && result.IsCompleted && result.Buffer.Length <= limit)
        {
            call.RequestBytes = result.Buffer.Length;
            return result;
        }

        body.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        wheel.Start(call, Patience(call));
        var registration = call.Lifetime.RequestAborted.UnsafeRegister(static call => ((Call)call!).ClientGone(), call);
        try
        {
            while (true)
            {
                result = await body.ReadAsync(call.Cancellation);
                call.RequestBytes = result.Buffer.Length;
                if (result.Buffer.Length > limit)
                {
                    // Framing says how large it would have been; the text is what SDKs know not to retry.
                    call.RequestBytes = DeclaredLength(result.Buffer);
                    body.AdvanceTo(result.Buffer.End);
                    return null;
                }

                if (result.IsCompleted)
                {
                    return result;
                }

                body.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            }
        }
        catch (OperationCanceledException) when (call.EndedBy is not null)
        {
            return null;
        }
        finally
        {
            await registration.DisposeAsync();
            wheel.Stop(call);
        }
    }

    private static TimeSpan Patience(Call call)
    {
        var header = call.RequestHeaders.GrpcTimeout;
        return header.Count == 1 && GrpcTimeout.TryParse(header[0], out var timeout) && timeout > TimeSpan.Zero && timeout < LongestBody ? timeout : LongestBody;
    }

    private static long DeclaredLength(in ReadOnlySequence<byte> body)
    {
        Span<byte> head = stackalloc byte[FrameHead];
        if (body.Length < FrameHead)
        {
            return body.Length;
        }

        body.Slice(0, FrameHead).CopyTo(head);
        return BinaryPrimitives.ReadUInt32BigEndian(head[1..]);
    }

    private static Refusal? Read(Call call, in ReadOnlySequence<byte> body, long requestLimit, long inflateLimit)
    {
        var headers = call.RequestHeaders;
        if (headers.GrpcEncoding.Count > 1)
        {
            return new Refusal(RefusalReason.Unreadable, "The message can't be read: several encodings are named.");
        }

        using var message = GrpcMessage.Parse(body, headers.GrpcEncoding, requestLimit, inflateLimit, out var refusal);
        if (refusal is not null)
        {
            return refusal;
        }

        if (message.Message.IsSingleSegment)
        {
            return Read(call, body, message.Message.FirstSpan);
        }

        var length = (int)message.Message.Length;
        var whole = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            message.Message.CopyTo(whole);
            return Read(call, body, whole.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    private static Refusal? Read(Call call, in ReadOnlySequence<byte> body, ReadOnlySpan<byte> message)
    {
        if (TemporalReader.Read(call.Method, message, call.Engine.Callbacks, call.Engine.Tasks.Opener, out var task, out var refusal) is not { } operation)
        {
            return refusal ?? new Refusal(RefusalReason.Unreadable, "The message can't be read.");
        }

        call.Operation = operation;
        if (operation.SealedCallbacks)
        {
            return UnsealCallbacks(call, message);
        }

        if (!task.IsAnswer)
        {
            Frame(call, body, message);
            return null;
        }

        if (Check(call, in task, message) is { } wrong)
        {
            return wrong;
        }

        call.Task = task.Facts;
        Unseal(call, body, message, in task);
        return null;
    }

    // A task is answered by who may poll it: what its seal says, and not what the answer says of itself.
    private static Refusal? Check(Call call, in AnsweredTask task, ReadOnlySpan<byte> message)
    {
        if (task.Facts is not { } facts)
        {
            if (!call.Engine.Options.AcceptUnsealedTasks)
            {
                return new Refusal(RefusalReason.Unreadable, "The task token isn't one that was handed out here.", "no seal, or none of ours");
            }

            // The server believes the token's namespace before the message's, so it must be the one that is judged.
            if (TaskTokens.NamespaceIdOf(message.Slice(task.Start, task.Length)) is not { } id)
            {
                return new Refusal(RefusalReason.Unreadable, "The task token can't be read.", "no namespace in the token");
            }

            call.Operation.NamespaceId = id;
            return null;
        }

        if (facts.Kind != call.Method.AnswersTo)
        {
            return new Refusal(RefusalReason.Unreadable, "The task token is for another kind of task.", $"sealed as {facts.Kind}");
        }

        return string.Equals(call.Operation.Namespace, facts.Namespace, StringComparison.Ordinal)
            ? null
            : new Refusal(RefusalReason.Unreadable, "Operation requested with a token from a different namespace.", "the seal names another namespace");
    }

    /// <summary>Copies the message without the seal: the token gets its own length back, everything else stays byte for byte.</summary>
    private static void Unseal(Call call, in ReadOnlySequence<byte> body, ReadOnlySpan<byte> message, in AnsweredTask task)
    {
        if (task.SealLength == 0)
        {
            Frame(call, body, message);
            return;
        }

        // The length stands right before the token: its last byte has the high bit clear, those before it have it set, and the tag's last byte hasn't.
        var length = task.Start - 1;
        while (length > 0 && message[length - 1] >= 0x80)
        {
            length--;
        }

        Span<byte> written = stackalloc byte[5];
        written = written[..Wire.WriteVarint(written, (uint)task.Length)];
        var rest = message[(task.Start + task.Length + task.SealLength)..];
        var unsealed = length + written.Length + task.Length + rest.Length;
        call.Message = new OutgoingMessage(FrameHead + unsealed);
        FrameHeadOf(unsealed, call.Message.Span);
        var to = call.Message.Span[FrameHead..];
        message[..length].CopyTo(to);
        written.CopyTo(to[length..]);
        message.Slice(task.Start, task.Length).CopyTo(to[(length + written.Length)..]);
        rest.CopyTo(to[^rest.Length..]);
    }

    /// <summary>Copies the message without the seals: each callback's token becomes what the server wrote.</summary>
    private static Refusal? UnsealCallbacks(Call call, ReadOnlySpan<byte> message)
    {
        var open = call.Engine.Tasks.Opener;
        var unsealed = new ArrayBufferWriter<byte>(message.Length);
        if (!call.Method.Callbacks!.TryEdit(message, token => CallbackToken.Unseal(token, open), unsealed))
        {
            return new Refusal(RefusalReason.Unreadable, "The message can't be read.");
        }

        FrameUnpacked(call, unsealed.WrittenSpan);
        return null;
    }

    /// <summary>Copies the message into the buffer that is sent: as it came, or inflated with room for the stamp that is to stand behind it.</summary>
    private static void Frame(Call call, in ReadOnlySequence<byte> body, ReadOnlySpan<byte> message)
    {
        // A poll goes out inflated: the server packs its answer for who sent packed, and the seal has to be written into it.
        if (call.Engine.RoomFor(call.Method) > 0 || (call.Method.Row.IsTaskPoll && body.FirstSpan[0] != 0))
        {
            FrameUnpacked(call, message);
            return;
        }

        call.Message = new OutgoingMessage((int)body.Length);
        body.CopyTo(call.Message.Span);
    }

    private static void FrameUnpacked(Call call, ReadOnlySpan<byte> message)
    {
        call.Message = new OutgoingMessage(FrameHead + message.Length, call.Engine.RoomFor(call.Method));
        FrameHeadOf(message.Length, call.Message.Span);
        message.CopyTo(call.Message.Span[FrameHead..]);
    }

    private static void FrameHeadOf(int length, Span<byte> to)
    {
        to[0] = 0; // not compressed
        BinaryPrimitives.WriteUInt32BigEndian(to[1..], (uint)length);
    }
}
