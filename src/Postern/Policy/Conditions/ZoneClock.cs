namespace Postern.Policy.Conditions;

/// <summary>
/// The wall clock of a zone. Working out an offset walks the zone's rules, too slow for every call; offsets change only on a quarter of an hour, so the one
/// that held throughout the current quarter is kept.
/// </summary>
internal sealed class ZoneClock(TimeZoneInfo zone)
{
    private const long Quarter = 15 * TimeSpan.TicksPerMinute;
    private const int OffsetBits = 18;
    private const long Zero = 1L << (OffsetBits - 1);

    // The quarter and its offset in seconds in one word, so that no reader sees one without the other.
    private long _kept = -1;

    public long LocalTicks(DateTimeOffset now)
    {
        var quarter = now.UtcTicks / Quarter;
        var kept = Volatile.Read(ref _kept);
        if (kept >> OffsetBits == quarter)
        {
            return now.UtcTicks + (((kept & ((1L << OffsetBits) - 1)) - Zero) * TimeSpan.TicksPerSecond);
        }

        var begin = Offset(quarter * Quarter);
        if (begin != Offset((quarter * Quarter) + Quarter - 1) || begin % TimeSpan.TicksPerSecond != 0)
        {
            return now.UtcTicks + Offset(now.UtcTicks);
        }

        Volatile.Write(ref _kept, (quarter << OffsetBits) | ((begin / TimeSpan.TicksPerSecond) + Zero));
        return now.UtcTicks + begin;
    }

    private long Offset(long utcTicks) => zone.GetUtcOffset(new DateTime(utcTicks, DateTimeKind.Utc)).Ticks;
}
