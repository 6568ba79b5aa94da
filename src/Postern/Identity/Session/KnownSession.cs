using Postern.Model;

namespace Postern.Identity.Session;

/// <summary>A session in the memory of the gate.</summary>
internal sealed class KnownSession(BrowserSession session, TimeProvider time)
{
    private BrowserSession _session = session;
    private Made? _made;
    private int _isWriting;
    private long _wroteAt;

    /// <summary>As the store last had it.</summary>
    public BrowserSession Session
    {
        get => Volatile.Read(ref _session);
        set => Volatile.Write(ref _session, value);
    }

    /// <summary>What everything that is open with it rests on.</summary>
    public SessionLease Lease { get; } = new(session.ExpiresAt, time);

    /// <summary>Its uses on this gate.</summary>
    public LastUse Use { get; } = new();

    /// <summary>When it was last used, as far as this gate knows.</summary>
    public DateTimeOffset LastSeen => Use.At is { } here && here > Session.LastSeenAt ? here : Session.LastSeenAt;

    /// <summary>Whom it speaks for, made for one state of the gate; null where that is another's or no longer stands.</summary>
    public VerifiedToken? TokenOf(object maker, DateTimeOffset now) => Volatile.Read(ref _made) is { } made && ReferenceEquals(made.Maker, maker) && made.Token.Stands(now) ? made.Token : null;

    public void Keep(object maker, VerifiedToken token) => Volatile.Write(ref _made, new Made(maker, token));

    /// <summary>Takes the turn to write something of it down, where nobody has it. After a failure not at once again.</summary>
    public bool TryBeginWrite(TimeSpan pause) =>
        (Volatile.Read(ref _wroteAt) is 0 || time.GetElapsedTime(Volatile.Read(ref _wroteAt)) >= pause) && Interlocked.CompareExchange(ref _isWriting, 1, 0) == 0;

    public void EndWrite(bool isWritten)
    {
        Volatile.Write(ref _wroteAt, isWritten ? 0 : time.GetTimestamp());
        Volatile.Write(ref _isWriting, 0);
    }

    private sealed record Made(object Maker, VerifiedToken Token);
}

/// <summary>Holds until a session ends: by logout, by revocation, or by its age. Calls that are open then end.</summary>
internal sealed class SessionLease : Lease
{
    private readonly DateTimeOffset _ends;
    private readonly TimeProvider _time;

    public SessionLease(DateTimeOffset ends, TimeProvider time)
    {
        (_ends, _time) = (ends, time);
        HoldUntil(ends);
    }

    public override LeaseEnd Ended => base.Ended is var ended and not LeaseEnd.None ? ended : _time.GetUtcNow() >= _ends ? LeaseEnd.Revoked : LeaseEnd.None;
}
