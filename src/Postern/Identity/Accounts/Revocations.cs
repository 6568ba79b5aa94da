using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Identity.Accounts;

/// <summary>What was revoked before its time, in memory: tokens, sessions, certificates, everything of a caller up to a moment.</summary>
internal sealed class Revocations
{
    private readonly ConcurrentDictionary<string, Revocation> _all = new(StringComparer.Ordinal);
    private int _version;

    public int Count => _all.Count;

    /// <summary>All, in no order; for people.</summary>
    public IEnumerable<Revocation> All => _all.Values;

    /// <summary>Changes with what is revoked, so that an answer can be kept for as long as it stays.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>What the store's feed brings.</summary>
    public void Apply(StoreChanges changes)
    {
        if (!changes.IsWhole && changes.Revocations.Count == 0 && !changes.Deletions.Any(gone => gone.Kind == StoredKind.Revocation))
        {
            return;
        }

        foreach (var revocation in changes.Revocations)
        {
            _all[revocation.Id] = revocation;
        }

        var kept = changes.IsWhole ? changes.Revocations.Select(revocation => revocation.Id).ToHashSet(StringComparer.Ordinal) : null;
        foreach (var id in kept is null ? changes.Deletions.Where(gone => gone.Kind == StoredKind.Revocation).Select(gone => gone.Id) : _all.Keys.Where(id => !kept.Contains(id)))
        {
            _all.TryRemove(id, out _);
        }

        Interlocked.Increment(ref _version);
    }

    /// <summary>Forgets what would have ended by itself meanwhile.</summary>
    public void Sweep(DateTimeOffset now)
    {
        foreach (var (id, revocation) in _all)
        {
            if (revocation.Until < now)
            {
                _all.TryRemove(id, out _);
            }
        }
    }

    public bool IsRevoked(RevocationKind kind, string? value) => value is not null && _all.ContainsKey(Revocation.IdOf(kind, value));

    /// <summary>Whether everything that a caller was issued up to a moment after this one is revoked. What doesn't say when it was issued is taken for old.</summary>
    public bool IsCallerRevoked(string caller, DateTimeOffset? issued) =>
        _all.TryGetValue(Revocation.IdOf(RevocationKind.Caller, caller), out var revocation) && !(issued >= revocation.At);
}

/// <summary>Holds until something that the credential rests on is revoked. Asked by every call: while nothing new is revoked it costs one read.</summary>
internal sealed class RevocationLease(Revocations revocations) : Lease
{
    private int _seen = -1;
    private volatile bool _revoked;

    /// <summary>The token's id (<c>jti</c>), if any.</summary>
    public string? TokenId { get; init; }

    /// <summary>Its session, if any.</summary>
    public string? Family { get; init; }

    /// <summary>The certificate's issuer and serial number, if any.</summary>
    public string? Certificate { get; init; }

    /// <summary>The caller's name.</summary>
    public required string Caller { get; init; }

    /// <summary>When it was issued, as far as it says.</summary>
    public DateTimeOffset? Issued { get; init; }

    public override LeaseEnd Ended => IsRevoked() ? LeaseEnd.Revoked : LeaseEnd.None;

    public override bool Holds(DateTimeOffset now) => !IsRevoked();

    private bool IsRevoked()
    {
        var version = revocations.Version;
        if (version != Volatile.Read(ref _seen))
        {
            _revoked = revocations.IsRevoked(RevocationKind.Token, TokenId) || revocations.IsRevoked(RevocationKind.Family, Family)
                || revocations.IsRevoked(RevocationKind.Certificate, Certificate) || revocations.IsCallerRevoked(Caller, Issued);
            Volatile.Write(ref _seen, version);
        }

        return _revoked;
    }
}
