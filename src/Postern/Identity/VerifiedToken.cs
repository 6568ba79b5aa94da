using System.Net;
using Postern.Model;

namespace Postern.Identity;

/// <summary>
/// A credential that was verified, remembered under its hash. What is compiled for its caller hangs from it, so that it ends with it.
/// </summary>
/// <param name="caller">Whom it speaks for.</param>
/// <param name="validUntil">When it has to be verified again at the latest.</param>
/// <param name="key">What its verification rests on.</param>
internal sealed class VerifiedToken(Caller caller, DateTimeOffset validUntil, Lease key)
{
    private object? _attached;

    public Caller Caller => caller;

    /// <summary>What it rests on besides: its account, its key, its session. All must hold.</summary>
    public IReadOnlyList<Lease> Leases { get; init; } = [];

    /// <summary>Networks that it may come from. Empty: any.</summary>
    public IReadOnlyList<IPNetwork> Sources { get; init; } = [];

    /// <summary>Where its uses are noted; null where nobody asks.</summary>
    public LastUse? Use { get; init; }

    /// <summary>Whether it may still be used without being verified again: not expired, not too old, everything that it rests on holds.</summary>
    public bool Stands(DateTimeOffset now)
    {
        if (now >= validUntil || !key.Holds(now))
        {
            return false;
        }

        // By index: an enumerator over an interface would be an allocation per call.
        for (var i = 0; i < Leases.Count; i++)
        {
            if (!Leases[i].Holds(now))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Why calls that are open with it must end; None where they needn't.</summary>
    public LeaseEnd Ended
    {
        get
        {
            var end = key.Ended;
            for (var i = 0; i < Leases.Count && end != LeaseEnd.Revoked; i++)
            {
                end = Leases[i].Ended is var other and not LeaseEnd.None ? other : end;
            }

            return end;
        }
    }

    /// <summary>Whether it may come from there.</summary>
    public bool MayComeFrom(IPAddress? source)
    {
        if (Sources.Count == 0)
        {
            return true;
        }

        for (var i = 0; i < Sources.Count; i++)
        {
            if (source is not null && Sources[i].Contains(source))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What the pipeline keeps for this caller, or null. Read and replaced as a whole.</summary>
    public T? Attached<T>()
        where T : class => Volatile.Read(ref _attached) as T;

    public void Attach(object state) => Volatile.Write(ref _attached, state);

    /// <summary>The generation that holds it, so that one found by reference is seen to be of an older one.</summary>
    public object? KeptIn { get; set; }
}

/// <summary>When and from where something was last used. Noted by every call, so two writes and nothing more; they needn't agree to the instant.</summary>
internal sealed class LastUse
{
    private long _ticks;
    private IPAddress? _from;

    /// <summary>Null where it was never used.</summary>
    public DateTimeOffset? At => Volatile.Read(ref _ticks) is var ticks and not 0 ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    public IPAddress? From => Volatile.Read(ref _from);

    public void Note(DateTimeOffset now, IPAddress? from)
    {
        Volatile.Write(ref _from, from);
        Volatile.Write(ref _ticks, now.UtcTicks);
    }
}
