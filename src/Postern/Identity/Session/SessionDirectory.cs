using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Identity.Session;

/// <summary>Sessions of browsers in memory, whole: a request with a known cookie asks no store. Changes come from the store's feed; one that is gone there ends here at once.</summary>
internal sealed class SessionDirectory(TimeProvider time)
{
    private const int MostEnded = 50_000;

    private readonly ConcurrentDictionary<string, KnownSession> _byId = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, byte> _ended = new(StringComparer.Ordinal);
    private readonly Lock _applying = new();

    public int Count => _byId.Count;

    public KnownSession? Find(string id) => _byId.GetValueOrDefault(id);

    /// <summary>Whether this gate knows that there is no such session any more: ids are never used again.</summary>
    public bool HasEnded(string id) => _ended.ContainsKey(id);

    /// <summary>The sessions that an issuer means: those of its own session, where it names one, otherwise all of a person. Walks over all: for logouts, not for calls.</summary>
    public IReadOnlyList<KnownSession> Of(string issuer, string? subject, string? session) =>
    [
        .. _byId.Values.Where(known => known.Session is var one && one.Issuer == issuer
            && (session is not null ? one.ProviderSession == session && (subject is null || one.ProviderSubject == subject) : subject is not null && one.ProviderSubject == subject)),
    ];

    /// <summary>What the store's feed brings.</summary>
    public void Apply(StoreChanges changes)
    {
        if (!changes.IsWhole && changes.BrowserSessions.Count == 0 && changes.Deletions.Count == 0)
        {
            return;
        }

        lock (_applying)
        {
            foreach (var session in changes.BrowserSessions)
            {
                Keep(session);
            }

            if (changes.IsWhole)
            {
                // One that was learned while this was on its way isn't in it: it is looked up again, not taken for ended.
                var kept = changes.BrowserSessions.Select(session => session.Id).ToHashSet(StringComparer.Ordinal);
                foreach (var id in _byId.Keys.Where(id => !kept.Contains(id)))
                {
                    Remove(id);
                }
            }

            foreach (var gone in changes.Deletions.Where(gone => gone.Kind == StoredKind.BrowserSession))
            {
                Forget(gone.Id);
            }
        }
    }

    /// <summary>What the store answered for one id that the feed hasn't brought yet; null where it has none.</summary>
    public KnownSession? Learn(string id, BrowserSession? session)
    {
        lock (_applying)
        {
            if (session is null)
            {
                Forget(id);
                return null;
            }

            // The feed may have brought its end since it was read.
            return HasEnded(id) ? null : Keep(session);
        }
    }

    /// <summary>Forgets what has ended by itself.</summary>
    public void Sweep(DateTimeOffset now)
    {
        lock (_applying)
        {
            foreach (var (id, known) in _byId)
            {
                if (known.Session.ExpiresAt <= now)
                {
                    Forget(id);
                }
            }
        }
    }

    private KnownSession Keep(BrowserSession session)
    {
        var known = _byId.GetOrAdd(session.Id, static (_, made) => new KnownSession(made.session, made.time), (session, time));
        if (known.Session.Version < session.Version)
        {
            known.Session = session;
        }

        return known;
    }

    private void Forget(string id)
    {
        if (_ended.Count >= MostEnded)
        {
            // Only a shortcut: what is forgotten is asked for again.
            _ended.Clear();
        }

        _ended[id] = 0;
        Remove(id);
    }

    private void Remove(string id)
    {
        if (_byId.TryRemove(id, out var gone))
        {
            gone.Lease.End(LeaseEnd.Revoked);
        }
    }
}
