using System.Globalization;

namespace Postern.Dev.Engine.Grpc;

/// <summary>The <c>grpc-timeout</c> header: digits and a unit.</summary>
internal static class GrpcTimeout
{
    private const long NanosecondsPerTick = TimeSpan.NanosecondsPerTick;
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1000);

    public static TimeSpan? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (text.Length < 2 || Unit(text[^1]) is not { } unit)
        {
            throw Malformed($"timeout unit is not recognized: \"{text}\"");
        }

        if (text.Length > 9 || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            throw Malformed($"timeout value is not a number: \"{text}\"");
        }

        // Eight digits of hours in nanoseconds need more than 64 bits.
        var ticks = (Int128)value * unit / NanosecondsPerTick;
        return ticks < Longest.Ticks ? TimeSpan.FromTicks((long)ticks) : Longest;
    }

    // In nanoseconds, the smallest of them.
    private static long? Unit(char unit) => unit switch
    {
        'H' => TimeSpan.TicksPerHour * NanosecondsPerTick,
        'M' => TimeSpan.TicksPerMinute * NanosecondsPerTick,
        'S' => TimeSpan.TicksPerSecond * NanosecondsPerTick,
        'm' => TimeSpan.TicksPerMillisecond * NanosecondsPerTick,
        'u' => TimeSpan.TicksPerMicrosecond * NanosecondsPerTick,
        'n' => 1,
        _ => null,
    };

    private static RpcException Malformed(string why) =>
        new(StatusCode.Internal, $"malformed grpc-timeout: transport: {why}") { HttpStatus = 400 };
}
