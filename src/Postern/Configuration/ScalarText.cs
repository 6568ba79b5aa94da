using System.Globalization;

namespace Postern.Configuration;

/// <summary>The written forms of single values, both ways.</summary>
internal static class ScalarText
{
    private static readonly (string Unit, long Ticks)[] DurationUnits =
    [
        ("d", TimeSpan.TicksPerDay), ("h", TimeSpan.TicksPerHour), ("m", TimeSpan.TicksPerMinute), ("s", TimeSpan.TicksPerSecond), ("ms", TimeSpan.TicksPerMillisecond),
    ];

    private static readonly (string Unit, long Bytes)[] SizeUnits = [("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("B", 1)];

    /// <summary>Reads one value of an options property's type. False, with what to write instead, where the text isn't one.</summary>
    public static bool TryRead(Type type, string text, out object? value, out string advice)
    {
        (value, advice) = (null, "");
        if (type == typeof(string))
        {
            value = text;
        }
        else if (type == typeof(bool))
        {
            value = text switch { "true" => true, "false" => false, _ => null };
            advice = "write true or false";
        }
        else if (type == typeof(int))
        {
            value = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
            advice = "write a whole number";
        }
        else if (type == typeof(long))
        {
            value = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
            advice = "write a whole number";
        }
        else if (type == typeof(double))
        {
            value = double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var real) ? real : null;
            advice = "write a number";
        }
        else if (type == typeof(TimeSpan))
        {
            value = TryReadDuration(text, out var duration) ? duration : null;
            advice = "write a duration with its unit: 500ms, 75s, 10m, 24h, 1d";
        }
        else if (type == typeof(ByteSize))
        {
            value = TryReadSize(text, out var size) ? size : null;
            advice = "write a size with its unit: 512B, 64KiB, 4MiB, 1GiB";
        }
        else if (type.IsEnum)
        {
            value = ReadWord(type, text);
            advice = $"write one of: {string.Join(", ", Words(type))}";
        }
        else
        {
            throw new NotSupportedException($"Options properties of type {type} have no written form.");
        }

        return value is not null;
    }

    /// <summary>The words of an enum, as they are documented.</summary>
    public static IReadOnlyList<string> Words(Type type) => [.. Enum.GetNames(type).Select(OptionShape.Kebab)];

    /// <summary>Durations: one or more whole numbers with units, largest first: <c>1h30m</c>.</summary>
    public static bool TryReadDuration(string text, out TimeSpan duration)
    {
        duration = default;
        if (text == "0")
        {
            return true;
        }

        long milliseconds = 0;
        var next = 0;
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var digits = rest.IndexOfAnyExceptInRange('0', '9');
            if (digits is <= 0 or > 10)
            {
                return false;
            }

            var letters = rest[digits..].IndexOfAnyInRange('0', '9');
            var unit = letters < 0 ? rest[digits..] : rest.Slice(digits, letters);
            while (next < DurationUnits.Length && !unit.SequenceEqual(DurationUnits[next].Unit))
            {
                next++;
            }

            if (next == DurationUnits.Length)
            {
                return false;
            }

            milliseconds += long.Parse(rest[..digits], CultureInfo.InvariantCulture) * (DurationUnits[next].Ticks / TimeSpan.TicksPerMillisecond);
            next++;
            rest = rest[(digits + unit.Length)..];
        }

        // Counted in milliseconds, so that ten digits of days can't overflow.
        if (text.Length == 0 || milliseconds > TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerMillisecond)
        {
            return false;
        }

        duration = TimeSpan.FromTicks(milliseconds * TimeSpan.TicksPerMillisecond);
        return true;
    }

    public static bool TryReadSize(string text, out ByteSize size)
    {
        size = default;
        if (text == "0")
        {
            return true;
        }

        foreach (var (unit, bytes) in SizeUnits)
        {
            if (text.EndsWith(unit, StringComparison.Ordinal))
            {
                var number = text.AsSpan(0, text.Length - unit.Length);
                if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count > long.MaxValue / bytes)
                {
                    return false;
                }

                size = new ByteSize(count * bytes);
                return true;
            }
        }

        return false;
    }

    /// <summary>The shortest written form of a value, for documentation and schema; null where there is nothing to show.</summary>
    public static string? Write(object? value) => value switch
    {
        null or "" => null,
        bool flag => flag ? "true" : "false",
        TimeSpan duration => WriteDuration(duration),
        ByteSize size => WriteSize(size),
        Enum word => OptionShape.Kebab(word.ToString()),
        string text => text,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => null,
    };

    private static string WriteDuration(TimeSpan duration)
    {
        // Days only from two on: operators think of 24h as hours.
        foreach (var (unit, ticks) in DurationUnits)
        {
            if (duration.Ticks != 0 && duration.Ticks % ticks == 0 && (unit != "d" || duration.Days > 1))
            {
                return (duration.Ticks / ticks).ToString(CultureInfo.InvariantCulture) + unit;
            }
        }

        return "0s";
    }

    private static string WriteSize(ByteSize size)
    {
        var (unit, bytes) = SizeUnits.First(u => size.Bytes % u.Bytes == 0 && (size.Bytes != 0 || u.Bytes == 1));
        return (size.Bytes / bytes).ToString(CultureInfo.InvariantCulture) + unit;
    }

    private static object? ReadWord(Type type, string text)
    {
        var name = Enum.GetNames(type).FirstOrDefault(n => text == OptionShape.Kebab(n) || text == OptionShape.Camel(n));
        return name is null ? null : Enum.Parse(type, name);
    }
}
