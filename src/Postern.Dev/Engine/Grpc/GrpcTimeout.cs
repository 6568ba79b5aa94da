using System.Globalization;

namespace Postern.Dev.Engine.Grpc;

/// <summary>The <c>grpc-timeout</c> header: digits and a unit.</summary>
internal static class GrpcTimeout
{
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

        return unit * value < TimeSpan.FromDays(1000) ? unit * value : TimeSpan.FromDays(1000);
    }

    private static TimeSpan? Unit(char unit) => unit switch
    {
        'H' => TimeSpan.FromHours(1),
        'M' => TimeSpan.FromMinutes(1),
        'S' => TimeSpan.FromSeconds(1),
        'm' => TimeSpan.FromMilliseconds(1),
        'u' => TimeSpan.FromMicroseconds(1),
        'n' => TimeSpan.FromTicks(1) / 100,
        _ => null,
    };

    private static RpcException Malformed(string why) =>
        new(StatusCode.Internal, $"malformed grpc-timeout: transport: {why}") { HttpStatus = 400 };
}
