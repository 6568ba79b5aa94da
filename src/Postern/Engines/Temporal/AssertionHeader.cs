using System.Text;
using Postern.Engines.Temporal.Lens;
using Postern.Model;

namespace Postern.Engines.Temporal;

/// <summary>
/// The assertion as a <c>temporal.api.common.v1.Header</c> of one entry: a payload whose encoding is <c>json/plain</c> and whose data is the token as a JSON string, which every
/// SDK's default converter reads and no codec touches.
/// </summary>
internal static class AssertionHeader
{
    // metadata { key: "encoding" value: "json/plain" }
    private static readonly byte[] s_metadata = [0x0A, 22, 0x0A, 8, .. "encoding"u8, 0x12, 10, .. "json/plain"u8];

    // fields { key: "postern-caller" … }
    private static readonly byte[] s_key = [0x0A, (byte)CallerAssertion.HeaderKey.Length, .. Encoding.ASCII.GetBytes(CallerAssertion.HeaderKey)];

    /// <summary>Bytes that a token's header takes.</summary>
    public static int Length(int token) => Field(Entry(token));

    /// <summary>Writes the header; <paramref name="to"/> is as long as <see cref="Length"/> says.</summary>
    public static void Write(ReadOnlySpan<byte> token, Span<byte> to)
    {
        var at = Open(to, 0x0A, Entry(token.Length)); // fields
        s_key.CopyTo(to[at..]);
        at += s_key.Length;
        at += Open(to[at..], 0x12, Payload(token.Length)); // value
        s_metadata.CopyTo(to[at..]);
        at += s_metadata.Length;
        at += Open(to[at..], 0x12, token.Length + 2); // data
        to[at++] = (byte)'"';
        token.CopyTo(to[at..]);
        at += token.Length;
        to[at] = (byte)'"';
    }

    private static int Payload(int token) => s_metadata.Length + Field(token + 2);

    private static int Entry(int token) => s_key.Length + Field(Payload(token));

    private static int Field(int length) => 1 + Wire.VarintLength((uint)length) + length;

    private static int Open(Span<byte> to, byte tag, int length)
    {
        to[0] = tag;
        return 1 + Wire.WriteVarint(to[1..], (uint)length);
    }
}
