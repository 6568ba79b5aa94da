using System.Text;
using Postern.Engines.Temporal;

namespace Postern.Tests.Engines.Temporal;

/// <summary>A message stamped as the gate does it.</summary>
internal static class Stamped
{
    public static byte[] Of(CallerStamp stamp, byte[] message, string? caller, string? token, TemporalAssertion which = TemporalAssertion.Writes)
    {
        var header = new byte[token is null ? 0 : AssertionHeader.Length(token.Length)];
        if (token is not null)
        {
            AssertionHeader.Write(Encoding.ASCII.GetBytes(token), header);
        }

        var values = new StampValues { Caller = caller, Header = header, Which = which };
        if (!stamp.OnlyAppends)
        {
            var whole = new byte[stamp.Measure(message, in values)];
            stamp.Write(message, in values, whole);
            return whole;
        }

        var suffix = stamp.Suffix(message, in values, new byte[IdentityText.MaxLength]);
        var stamped = new byte[message.Length + suffix.Length];
        message.CopyTo(stamped, 0);
        Assert.Equal(suffix.Length, suffix.Write(stamped.AsSpan(message.Length)));
        return stamped;
    }
}
