using System.Buffers.Text;
using System.Text;
using Postern.Engines.Temporal.Lens;

namespace Postern.Engines.Temporal;

/// <summary>
/// The token in a completion callback's header, by which the server finds the Nexus operation that the callback ends: <c>{"v":1,"d":"…"}</c>, where d is base64url of the server's own message,
/// unsigned. Sealed, d is the server's whole token with the seal behind it: to an SDK, which copies it, a text like before.
/// </summary>
internal static class CallbackToken
{
    private static ReadOnlySpan<byte> Before => "{\"v\":1,\"d\":\""u8;

    private static ReadOnlySpan<byte> After => "\"}"u8;

    /// <summary>Whether a header by this name is read as the token; the server compares without case.</summary>
    public static bool IsHeader(ReadOnlySpan<byte> name) => Ascii.EqualsIgnoreCase(name.Trim((byte)' '), "temporal-callback-token"u8);

    /// <summary>The token with its seal; null where the names in it are too long for one.</summary>
    /// <param name="token">The token as the server wrote it, whatever it is.</param>
    /// <param name="seal">Puts the seal behind some bytes.</param>
    public static byte[]? Seal(ReadOnlySpan<byte> token, CallbackSeal seal)
    {
        if (seal(token) is not { } data)
        {
            return null;
        }

        var text = new byte[Before.Length + Base64Url.GetEncodedLength(data.Length) + After.Length];
        Before.CopyTo(text);
        Base64Url.EncodeToUtf8(data, text.AsSpan(Before.Length));
        After.CopyTo(text.AsSpan(text.Length - After.Length));
        return text;
    }

    /// <summary>The server's token, as it was before it was sealed; null where the seal isn't one of ours for a callback.</summary>
    public static byte[]? Unseal(ReadOnlySpan<byte> token, TaskOpener open) =>
        TryUnwrap(token, out var data) && open(data, out var length) is { Kind: TaskKind.Callback } ? data[..length] : null;

    /// <summary>What stands in d. False where the token is written in any other way than the server does, which a parser could take for something else.</summary>
    public static bool TryUnwrap(ReadOnlySpan<byte> token, out byte[] data)
    {
        data = [];
        if (!token.StartsWith(Before) || !token.EndsWith(After) || token.Length < Before.Length + After.Length)
        {
            return false;
        }

        var text = token[Before.Length..^After.Length];
        if (text.ContainsAny(" \r\n\t"u8) || !Base64Url.IsValid(text))
        {
            return false;
        }

        data = Base64Url.DecodeFromUtf8(text);
        return true;
    }

    /// <summary>Reads whose operation the server's own message names. False where it isn't protobuf, names none, or names two.</summary>
    /// <param name="data">The message.</param>
    /// <param name="namespaceId">The id of the operation's namespace.</param>
    /// <param name="workflow">The id of its workflow; null where the message names a component of the server's, whatever that is.</param>
    public static bool TryRead(ReadOnlySpan<byte> data, out string namespaceId, out string? workflow)
    {
        (namespaceId, workflow) = ("", null);
        if (!TryReadLast(data, 1, out var ns) || !TryReadLast(data, 2, out var id) || !TryReadLast(data, 6, out var component) || !TryReadLast(component, 1, out var other))
        {
            return false;
        }

        // A newer server follows the component and not the names beside it.
        if (component.IsEmpty)
        {
            workflow = id.IsEmpty ? null : Encoding.UTF8.GetString(id);
        }
        else if (other.IsEmpty || !(ns.IsEmpty || ns.SequenceEqual(other)))
        {
            return false;
        }

        ns = component.IsEmpty ? ns : other;
        namespaceId = Encoding.UTF8.GetString(ns);
        return !ns.IsEmpty && !ns.ContainsAnyExceptInRange((byte)'!', (byte)'~');
    }

    // The last one counts; where anything can't be read, nothing does.
    private static bool TryReadLast(ReadOnlySpan<byte> message, int field, out ReadOnlySpan<byte> found)
    {
        found = default;
        var position = 0;
        while (position < message.Length)
        {
            if (!Wire.TryReadTag(message, ref position, out var number, out var type))
            {
                return false;
            }

            if (number != field || type != Wire.Bytes)
            {
                if (!Wire.TrySkip(message, ref position, number, type, 1))
                {
                    return false;
                }

                continue;
            }

            if (!Wire.TryReadExtent(message, ref position, out var start, out var length))
            {
                return false;
            }

            found = message.Slice(start, length);
        }

        return true;
    }
}

/// <summary>Puts the seal behind a callback's token; null where it can't.</summary>
internal delegate byte[]? CallbackSeal(ReadOnlySpan<byte> token);
