using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using Postern.Engines.Temporal;
using Postern.Forwarding;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>
/// The verified caller, written into the message that was judged: its name over <c>identity</c>, and a signed assertion of it into the headers. Nothing else of the message changes.
/// It stands behind every stage that may refuse, so that only what is allowed is asserted.
/// </summary>
internal sealed class StampStage
{
    private const int FrameHead = 5;

#pragma warning disable CA1822 // A stage is an object like its neighbours, also while it keeps nothing.
    public Refusal? Run(Call call)
#pragma warning restore CA1822
    {
        if (call.Engine.RoomFor(call.Method) == 0)
        {
            return null;
        }

        if (!call.Engine.IsAsserted(call.Method))
        {
            return Stamp(call, default);
        }

        var token = call.Engine.Assertions!.Sign(call.Token.Caller, AssertedCall.Of(call.Operation), call.Id, call.Time);
        var length = AssertionHeader.Length(token.Length);
        var rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            AssertionHeader.Write(token, rented);
            return Stamp(call, rented.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static Refusal? Stamp(Call call, ReadOnlySpan<byte> header)
    {
        var stamp = call.Method.Stamp!;
        var identity = call.Engine.Options.Identity;
        var values = new StampValues { Caller = identity.Stamp ? call.Token.Caller.DisplayName : null, Header = header, Which = identity.Assertion };
        var message = call.Message.Span[FrameHead..];
        var before = message.Length;
        if (stamp.OnlyAppends)
        {
            Span<byte> scratch = stackalloc byte[IdentityText.MaxLength];
            var suffix = stamp.Suffix(message, in values, scratch);
            if (TooLarge(call, before + (long)suffix.Length) is { } refusal)
            {
                return refusal;
            }

            suffix.Write(call.Message.Append(suffix.Length));
        }
        else
        {
            var length = stamp.Measure(message, in values);
            if (TooLarge(call, length) is { } refusal)
            {
                return refusal;
            }

            var stamped = new OutgoingMessage(FrameHead + length);
            stamped.Span[0] = 0; // not compressed
            stamp.Write(message, in values, stamped.Span[FrameHead..]);
            call.Message.Release();
            call.Message = stamped;
        }

        BinaryPrimitives.WriteUInt32BigEndian(call.Message.Span[1..], (uint)(call.Message.Length - FrameHead));
        return null;
    }

    private static Refusal? TooLarge(Call call, long length)
    {
        var limit = call.State.Options.Limits.RequestBytes.Bytes;
        return length <= limit
            ? null
            : new Refusal(RefusalReason.TooLarge, string.Create(CultureInfo.InvariantCulture, $"grpc: received message larger than max ({length} vs. {limit})"), "with the caller's name on it");
    }
}
