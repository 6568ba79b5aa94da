using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Postern.Engines.Temporal.Framing;
using Postern.Engines.Temporal.Lens;
using Postern.Engines.Temporal.Visibility;
using Postern.Forwarding;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// Narrows the query of a message that is about to leave to the workflow types that its caller has a right to. The new query stands behind the message: of a
/// field that is there twice the last one counts, and the client's own bytes stay as they are.
/// </summary>
internal static class QueryNarrowing
{
    private const int FrameHead = 5;

    /// <summary>Narrows the call's message; the refusal where its query isn't understood or the message becomes too large.</summary>
    public static Refusal? Narrow(Call call, string query, WorkflowTypes types)
    {
        if (!VisibilityQuery.TryNarrow(query, types, out var narrowed, out var why))
        {
            return new Refusal(RefusalReason.Unreadable, $"The query can't be narrowed to the workflow types that you have a right to: {why}.", $"narrowing to {types}");
        }

        var limits = call.State.Options.Limits;
        // As it came it may be compressed, and behind that nothing can be written.
        using var open = GrpcMessage.Parse(
            new ReadOnlySequence<byte>(call.Message.Memory), call.RequestHeaders.GrpcEncoding, limits.RequestBytes.Bytes, limits.InflateBytes.Bytes, out var refusal);
        if (refusal is not null)
        {
            return refusal;
        }

        var own = (int)open.Message.Length;
        var text = Encoding.UTF8.GetByteCount(narrowed);
        var tag = (uint)((call.Method.NarrowedField << 3) | Wire.Bytes);
        var length = own + Wire.VarintLength(tag) + Wire.VarintLength((uint)text) + text;
        if (length > limits.RequestBytes.Bytes)
        {
            return new Refusal(
                RefusalReason.TooLarge, string.Create(CultureInfo.InvariantCulture, $"grpc: received message larger than max ({length} vs. {limits.RequestBytes.Bytes})"), "with its query narrowed");
        }

        var message = new OutgoingMessage(FrameHead + length);
        message.Span[0] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(message.Span[1..], (uint)length);
        open.Message.CopyTo(message.Span[FrameHead..]);
        var at = FrameHead + own;
        at += Wire.WriteVarint(message.Span[at..], tag);
        at += Wire.WriteVarint(message.Span[at..], (uint)text);
        Encoding.UTF8.GetBytes(narrowed, message.Span[at..]);
        call.Message.Release();
        call.Message = message;
        call.Note = $"narrowed to workflow types: {types}";
        return null;
    }
}
