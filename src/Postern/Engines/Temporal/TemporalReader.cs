using System.Buffers;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>Turns one request's message into what it asks for. What can't be read is refused: it couldn't be judged.</summary>
internal static class TemporalReader
{
    public static Operation? Read(TemporalMethod method, ReadOnlySpan<byte> message, out Refusal? refusal) => Read(method, message, CallbackAddresses.None, out refusal);

    public static Operation? Read(TemporalMethod method, ReadOnlySpan<byte> message, CallbackAddresses callbacks, out Refusal? refusal)
    {
        using var lens = MessageLens.Read(method.Lens, message);
        if (lens.Fault is { } fault)
        {
            refusal = Unreadable("The request can't be read: it isn't a valid protobuf message.", fault);
            return null;
        }

        return method.Demands.Build(in lens, callbacks, out refusal);
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
