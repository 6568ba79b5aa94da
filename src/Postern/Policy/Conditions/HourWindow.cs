using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Postern.Configuration;

namespace Postern.Policy.Conditions;

/// <summary>
/// From a time of day up to, not including, another, on some weekdays, at a place. A window that ends before it begins runs past midnight and belongs to the
/// day on which it begins: <c>Fri 22:00-06:00</c> ends on Saturday morning. Where clocks are turned, the wall clock decides: an hour that comes twice is in
/// or out twice.
/// </summary>
internal sealed class HourWindow
{
    private const string Example = "write it as \"08:00-18:00 Europe/Berlin\" or \"Mon-Fri 22:00-06:00 UTC\"";
    private static readonly string[] Days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

    private readonly ZoneClock _clock;
    private readonly long _from;
    private readonly long _until;
    private readonly int _days;

    private HourWindow(string text, ZoneClock clock, long from, long until, int days)
    {
        Text = text;
        _clock = clock;
        _from = from;
        _until = until;
        _days = days;
    }

    public string Text { get; }

    public bool Contains(DateTimeOffset now)
    {
        var local = _clock.LocalTicks(now);
        var time = local % TimeSpan.TicksPerDay;
        // Tick zero was a Monday.
        var day = (int)((local / TimeSpan.TicksPerDay + 1) % 7);
        return _from < _until
            ? time >= _from && time < _until && IsOn(day)
            : (time >= _from && IsOn(day)) || (time < _until && IsOn((day + 6) % 7));
    }

    public static bool TryParse(string text, [NotNullWhen(true)] out HourWindow? window, out string advice)
    {
        (window, advice) = (null, Example);
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is not (2 or 3))
        {
            return false;
        }

        var days = 0x7f;
        if (words.Length == 3 && !TryParseDays(words[0], out days))
        {
            advice = $"days are {string.Join(' ', Days)}, as Mon-Fri or Mon,Wed; {Example}";
            return false;
        }

        var times = words[^2].Split('-');
        if (times.Length != 2 || !TryParseTime(times[0], out var from) || !TryParseTime(times[1], out var until) || from == TimeSpan.TicksPerDay)
        {
            advice = $"times are 00:00 to 24:00; {Example}";
            return false;
        }

        if (from == until)
        {
            advice = "it begins where it ends; write 00:00-24:00 for a whole day";
            return false;
        }

        if (!TimeZoneInfo.TryFindSystemTimeZoneById(words[^1], out var zone))
        {
            advice = $"no time zone '{words[^1]}' is known on this machine; {NearestName.Advice(words[^1], [.. TimeZoneInfo.GetSystemTimeZones().Select(z => z.Id).Append("UTC")])}";
            advice = advice.Length > 200 ? $"no time zone '{words[^1]}' is known on this machine; {Example}" : advice;
            return false;
        }

        window = new HourWindow(string.Join(' ', words), new ZoneClock(zone), from, until, days);
        return true;
    }

    private bool IsOn(int day) => (_days & (1 << day)) != 0;

    private static bool TryParseDays(string text, out int days)
    {
        days = 0;
        foreach (var part in text.Split(','))
        {
            var ends = part.Split('-');
            var first = Array.IndexOf(Days, ends[0]);
            var last = Array.IndexOf(Days, ends[^1]);
            if (ends.Length > 2 || first < 0 || last < 0)
            {
                return false;
            }

            for (var day = first; ; day = (day + 1) % 7)
            {
                days |= 1 << day;
                if (day == last)
                {
                    break;
                }
            }
        }

        return true;
    }

    private static bool TryParseTime(string text, out long ticks)
    {
        ticks = TimeSpan.TicksPerDay;
        if (text == "24:00")
        {
            return true;
        }

        var read = TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time);
        ticks = time.Ticks;
        return read;
    }
}
