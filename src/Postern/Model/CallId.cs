using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Postern.Model;

/// <summary>
/// The id of one call: 128 bits, time first, written as 26 characters of Crockford's base 32 (the ULID form), so that ids sort by time and can be read out loud.
/// The same 128 bits are the trace id of a call that came without a trace.
/// </summary>
internal readonly struct CallId
{
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private static readonly System.Buffers.SearchValues<char> Hex = System.Buffers.SearchValues.Create("0123456789abcdef");

    // Randomness is drawn in blocks: a system call per call would cost more than the id is worth. Ids are unique, not secret.
    [ThreadStatic]
    private static byte[]? s_random;

    [ThreadStatic]
    private static int s_used;

    private readonly UInt128 _value;

    private CallId(UInt128 value) => _value = value;

    public static CallId New(DateTimeOffset now)
    {
        var random = s_random ??= new byte[4000];
        if (s_used == 0 || s_used + 10 > random.Length)
        {
            RandomNumberGenerator.Fill(random);
            s_used = 0;
        }

        var span = random.AsSpan(s_used, 10);
        s_used += 10;
        var high = ((ulong)now.ToUnixTimeMilliseconds() << 16) | BinaryPrimitives.ReadUInt16LittleEndian(span);
        return new CallId(new UInt128(high, BinaryPrimitives.ReadUInt64LittleEndian(span[2..])));
    }

    public override string ToString() => string.Create(26, _value, static (to, value) =>
    {
        for (var i = 25; i >= 0; i--)
        {
            to[i] = Alphabet[(int)(value & 31)];
            value >>= 5;
        }
    });

    /// <summary>
    /// The <c>traceparent</c> to send on: the client's trace continued where it sent a valid one (W3C Trace Context, version 00), else a new trace with this id.
    /// </summary>
    public string TraceParent(string? received)
    {
        var continued = IsValid(received);
        return string.Create(55, (Value: _value, Received: continued ? received : null), static (to, state) =>
        {
            const string hex = "0123456789abcdef";
            "00-".CopyTo(to);
            if (state.Received is { } received)
            {
                received.AsSpan(3, 32).CopyTo(to[3..]);
                received.AsSpan(53, 2).CopyTo(to[53..]);
            }
            else
            {
                var value = state.Value;
                for (var i = 34; i >= 3; i--)
                {
                    to[i] = hex[(int)(value & 15)];
                    value >>= 4;
                }

                "00".CopyTo(to[53..]);
            }

            to[35] = '-';
            var span = (ulong)state.Value | 1; // an all-zero span id is invalid
            for (var i = 51; i >= 36; i--)
            {
                to[i] = hex[(int)(span & 15)];
                span >>= 4;
            }

            to[52] = '-';
        });
    }

    /// <summary>True for a well-formed version 00 <c>traceparent</c> whose ids aren't all zero.</summary>
    public static bool IsValid(string? traceParent)
    {
        if (traceParent is not { Length: 55 } || !traceParent.StartsWith("00-", StringComparison.Ordinal) || traceParent[35] != '-' || traceParent[52] != '-')
        {
            return false;
        }

        return IsHex(traceParent.AsSpan(3, 32)) && IsHex(traceParent.AsSpan(36, 16)) && IsHex(traceParent.AsSpan(53, 2))
            && traceParent.AsSpan(3, 32).ContainsAnyExcept('0') && traceParent.AsSpan(36, 16).ContainsAnyExcept('0');
    }

    private static bool IsHex(ReadOnlySpan<char> text) => !text.ContainsAnyExcept(Hex);
}
