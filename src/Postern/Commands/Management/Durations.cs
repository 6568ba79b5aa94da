using Postern.Configuration;

namespace Postern.Commands.Management;

/// <summary>Ends that are given as a time from now: <c>30d</c>.</summary>
internal static class Durations
{
    /// <summary>The moment; null where nothing, or <c>never</c>, was given. False, with what to write, where it is no duration.</summary>
    public static bool TryRead(string? text, string option, TimeProvider time, out DateTimeOffset? moment, out string wrong)
    {
        (moment, wrong) = (null, "");
        if (text is null or "never")
        {
            return true;
        }

        if (!ScalarText.TryReadDuration(text, out var duration) || duration <= TimeSpan.Zero)
        {
            wrong = $"{option} takes a duration with its unit, such as 90d, 12h or 30m, not '{text}'";
            return false;
        }

        moment = time.GetUtcNow() + duration;
        return true;
    }
}
