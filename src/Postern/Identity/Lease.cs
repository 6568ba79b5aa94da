namespace Postern.Identity;

/// <summary>
/// How long something that many credentials rest on (a key of an issuer) may be relied on. One object for all of them: ending it ends what was remembered on its
/// strength at once, and a look at it costs one read.
/// </summary>
internal sealed class Lease
{
    private long _untilTicks;

    public bool Holds(DateTimeOffset now) => now.UtcTicks < Volatile.Read(ref _untilTicks);

    public void HoldUntil(DateTimeOffset until) => Volatile.Write(ref _untilTicks, until.UtcTicks);

    public void End() => Volatile.Write(ref _untilTicks, 0);
}
