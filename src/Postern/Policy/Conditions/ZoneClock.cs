namespace Postern.Policy.Conditions;

/// <summary>
/// The wall clock of a zone. Working out an offset walks the zone's rules, too slow for every call; offsets change only on a quarter of an hour, so the one
/// that held throughout the current quarter is kept.
/// </summary>
internal sealed class ZoneClock(TimeZoneInfo zone)
{
    private const long Slot = 15 * TimeSpan.TicksPerMinute;

    private Kept? _kept;

    public long LocalTicks(DateTimeOffset now)
    {
        var slot = now.UtcTicks / Slot;
        var kept = Volatile.Read(ref _kept);
        if (kept is null || kept.Slot != slot)
        {
            var begin = Offset(slot * Slot);
            if (begin != Offset((slot * Slot) + Slot - 1))
            {
                return now.UtcTicks + Offset(now.UtcTicks);
            }

            kept = new Kept(slot, begin);
            Volatile.Write(ref _kept, kept);
        }

        return now.UtcTicks + kept.Offset;
    }

    private long Offset(long utcTicks) => zone.GetUtcOffset(new DateTime(utcTicks, DateTimeKind.Utc)).Ticks;

    private sealed record Kept(long Slot, long Offset);
}
