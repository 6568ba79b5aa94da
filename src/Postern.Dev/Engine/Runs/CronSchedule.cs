using System.Globalization;

namespace Postern.Dev.Engine.Runs;

/// <summary>A cron expression of five fields (minute, hour, day, month, weekday, UTC), <c>@every &lt;duration&gt;</c> or one of the usual names.</summary>
internal sealed class CronSchedule
{
    private readonly TimeSpan? every;
    private readonly bool[]? minutes;
    private readonly bool[]? hours;
    private readonly bool[]? days;
    private readonly bool[]? months;
    private readonly bool[]? weekdays;
    private readonly bool eitherDay;

    private CronSchedule(TimeSpan every) => this.every = every;

    private CronSchedule(string[] fields, bool[][] sets)
    {
        (minutes, hours, days, months, weekdays) = (sets[0], sets[1], sets[2], sets[3], sets[4]);
        // Cron's own rule: with both day fields restricted, either of them is enough.
        eitherDay = fields[2] != "*" && fields[4] != "*";
    }

    /// <summary>The schedule, or null when the text isn't one.</summary>
    public static CronSchedule? Parse(string text)
    {
        if (text.StartsWith("@every ", StringComparison.Ordinal))
        {
            return ParseDuration(text["@every ".Length..]) is { } interval && interval >= TimeSpan.FromSeconds(1) ? new CronSchedule(interval) : null;
        }

        text = text switch
        {
            "@yearly" or "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" or "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => text,
        };
        var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length != 5)
        {
            return null;
        }

        var sets = new bool[5][];
        ReadOnlySpan<(int Low, int High)> ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
        for (var i = 0; i < 5; i++)
        {
            if (ParseField(fields[i], ranges[i].Low, ranges[i].High) is not { } set)
            {
                return null;
            }

            sets[i] = set;
        }

        sets[4][0] |= sets[4][7];
        return new CronSchedule(fields, sets);
    }

    /// <summary>The first tick after now; intervals count from when the last run began.</summary>
    public DateTimeOffset Next(DateTimeOffset lastStart, DateTimeOffset now)
    {
        if (every is { } interval)
        {
            var periods = Math.Floor((now - lastStart) / interval) + 1;
            return lastStart + (interval * Math.Max(1, periods));
        }

        var at = new DateTimeOffset(now.Year, now.Month, now.Day, now.Hour, now.Minute, 0, TimeSpan.Zero).AddMinutes(1);
        var limit = now.AddYears(5);
        while (at < limit)
        {
            if (!months![at.Month] || !Day(at))
            {
                at = new DateTimeOffset(at.Year, at.Month, at.Day, 0, 0, 0, TimeSpan.Zero).AddDays(1);
            }
            else if (!hours![at.Hour])
            {
                at = new DateTimeOffset(at.Year, at.Month, at.Day, at.Hour, 0, 0, TimeSpan.Zero).AddHours(1);
            }
            else if (minutes![at.Minute])
            {
                return at;
            }
            else
            {
                at = at.AddMinutes(1);
            }
        }

        return limit;
    }

    private static bool[]? ParseField(string field, int low, int high)
    {
        var set = new bool[high + 1];
        foreach (var part in field.Split(','))
        {
            var slash = part.Split('/');
            var step = 1;
            if (slash.Length > 2 || (slash.Length == 2 && (!int.TryParse(slash[1], NumberStyles.None, CultureInfo.InvariantCulture, out step) || step < 1)))
            {
                return null;
            }

            var (from, to) = (low, high);
            if (slash[0] is not ("*" or "?"))
            {
                var bounds = slash[0].Split('-');
                if (bounds.Length > 2 || !int.TryParse(bounds[0], NumberStyles.None, CultureInfo.InvariantCulture, out from))
                {
                    return null;
                }

                to = slash.Length == 2 ? high : from;
                if (bounds.Length == 2 && !int.TryParse(bounds[1], NumberStyles.None, CultureInfo.InvariantCulture, out to))
                {
                    return null;
                }
            }

            if (from < low || to > high || from > to)
            {
                return null;
            }

            for (var value = from; value <= to; value += step)
            {
                set[value] = true;
            }
        }

        return set;
    }

    private static TimeSpan? ParseDuration(string text)
    {
        var total = TimeSpan.Zero;
        var number = 0;
        foreach (var c in text.Trim())
        {
            if (char.IsAsciiDigit(c))
            {
                number = (number * 10) + (c - '0');
                continue;
            }

            TimeSpan? unit = c switch
            {
                'h' => TimeSpan.FromHours(1),
                'm' => TimeSpan.FromMinutes(1),
                's' => TimeSpan.FromSeconds(1),
                _ => null,
            };
            if (unit is null)
            {
                return null;
            }

            total += unit.Value * number;
            number = 0;
        }

        return number == 0 ? total : null;
    }

    private bool Day(DateTimeOffset at)
    {
        var (day, weekday) = (days![at.Day], weekdays![(int)at.DayOfWeek]);
        return eitherDay ? day || weekday : day && weekday;
    }
}
