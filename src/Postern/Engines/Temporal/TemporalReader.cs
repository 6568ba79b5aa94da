using System.Buffers;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>Opens the seal of a task token; null where it has none that holds. Says how many of its bytes are the engine's.</summary>
internal delegate TaskFacts? TaskOpener(ReadOnlySpan<byte> token, out int tokenLength);

/// <summary>Which task a call answers, and where its token stands in the message.</summary>
/// <param name="IsAnswer">Whether the call answers a task at all.</param>
/// <param name="Facts">What the seal says; null where the token has none that holds.</param>
/// <param name="Start">Where in the message the token begins.</param>
/// <param name="Length">Bytes of the engine's own token.</param>
/// <param name="SealLength">Bytes of the seal behind it.</param>
internal readonly record struct AnsweredTask(bool IsAnswer, TaskFacts? Facts, int Start, int Length, int SealLength);

/// <summary>Turns one request's message into what it asks for. What can't be read is refused: it couldn't be judged.</summary>
internal static class TemporalReader
{
    /// <summary>Reads a message whose task tokens, where it has any, nobody sealed.</summary>
    public static Operation? Read(TemporalMethod method, ReadOnlySpan<byte> message, out Refusal? refusal) => Read(method, message, CallbackAddresses.None, null, out _, out refusal);

    /// <summary>Reads a message; the task that it answers by the seal on its token.</summary>
    public static Operation? Read(TemporalMethod method, ReadOnlySpan<byte> message, CallbackAddresses callbacks, TaskOpener? open, out AnsweredTask task, out Refusal? refusal)
    {
        task = default;
        using var lens = MessageLens.Read(method.Lens, message);
        if (lens.Fault is { } fault)
        {
            refusal = Unreadable("The request can't be read: it isn't a valid protobuf message.", fault);
            return null;
        }

        if (method.Names.TaskToken >= 0)
        {
            var token = lens.Bytes(0, method.Names.TaskToken);
            var length = token.Length;
            var facts = token.IsEmpty ? null : open?.Invoke(token, out length);
            task = new AnsweredTask(!token.IsEmpty, facts, lens.OffsetOf(0, method.Names.TaskToken), length, token.Length - length);
        }

        return method.Demands.Build(in lens, task.Facts, callbacks, open, out refusal);
    }

    public static Operation? Read(TemporalMethod method, in ReadOnlySequence<byte> message, out Refusal? refusal)
    {
        if (message.IsSingleSegment)
        {
            return Read(method, message.FirstSpan, out refusal);
        }

        var length = checked((int)message.Length);
        var joined = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            message.CopyTo(joined);
            return Read(method, joined.AsSpan(0, length), out refusal);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(joined);
        }
    }

    internal static Refusal Unreadable(string text, string detail) => new(RefusalReason.Unreadable, text, detail);
}
