namespace Postern.Identity;

/// <summary>Why something that credentials rested on no longer holds.</summary>
internal enum LeaseEnd : byte
{
    /// <summary>It holds, or only ran out.</summary>
    None,

    /// <summary>It was taken away: calls that are open end as unauthenticated.</summary>
    Revoked,

    /// <summary>It says something else now: calls that are open end so that they are judged anew.</summary>
    Changed,
}

/// <summary>
/// How long something that many credentials rest on (a key of an issuer, an account) may be relied on. One object for all of them: ending it ends what was
/// remembered on its strength at once, and a look at it costs one read.
/// </summary>
internal class Lease
{
    private long _untilTicks;
    private volatile LeaseEnd _end;

    /// <summary>A lease that holds until it is ended.</summary>
    public static Lease Lasting() => new() { _untilTicks = DateTime.MaxValue.Ticks };

    /// <summary>Why it was ended, where that concerns calls that are open.</summary>
    public virtual LeaseEnd Ended => _end;

    public virtual bool Holds(DateTimeOffset now) => now.UtcTicks < Volatile.Read(ref _untilTicks);

    public void HoldUntil(DateTimeOffset until) => Volatile.Write(ref _untilTicks, until.UtcTicks);

    public void End(LeaseEnd why = LeaseEnd.None)
    {
        _end = why;
        Volatile.Write(ref _untilTicks, 0);
    }
}
