using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Identity.Accounts;

/// <summary>
/// Accounts, local users and keys in memory, whole: nothing on the request path asks the store. Changes come from the store's feed; what they take away ends at
/// once whatever was remembered on its strength.
/// </summary>
internal sealed class AccountDirectory(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Principal> _byId = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Principal> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, KnownKey> _keys = new(StringComparer.Ordinal);
    private readonly Lock _applying = new();

    /// <summary>False until the store was read once: until then nobody can be told to be unknown.</summary>
    public bool IsLoaded { get; private set; }

    public int Principals => _byId.Count;

    public int Keys => _keys.Count;

    public Principal? Find(string id) => _byId.GetValueOrDefault(id);

    public Principal? FindNamed(string name) => _byName.GetValueOrDefault(name);

    public KnownKey? FindKey(string id) => _keys.GetValueOrDefault(id);

    /// <summary>Whether there is a local user who could log in. Walks over all: for people, not for calls.</summary>
    public bool HasUsers => _byId.Any(pair => pair.Value is { User: not null, Disabled: false });

    /// <summary>All, in no order.</summary>
    public IEnumerable<Principal> All => _byId.Values;

    /// <summary>The keys of an owner, oldest first. Walks over all: for people, not for calls.</summary>
    public IReadOnlyList<KnownKey> KeysOf(string ownerId) => [.. _keys.Values.Where(key => key.Key.OwnerId == ownerId).OrderBy(key => key.Key.CreatedAt)];

    /// <summary>What the store's feed brings.</summary>
    public void Apply(StoreChanges changes)
    {
        lock (_applying)
        {
            foreach (var account in changes.Accounts)
            {
                Apply(account);
            }

            foreach (var user in changes.Users)
            {
                Apply(user);
            }

            foreach (var key in changes.Keys)
            {
                Apply(key);
            }

            foreach (var gone in changes.IsWhole ? Missing(changes) : changes.Deletions)
            {
                switch (gone.Kind)
                {
                    case StoredKind.Account or StoredKind.User:
                        Remove(gone.Id);
                        break;
                    case StoredKind.Key:
                        RemoveKey(gone.Id);
                        break;
                }
            }

            IsLoaded = true;
        }
    }

    private void Apply(Account account)
    {
        Keep(Principal.Of(account, Find(account.Id)));
    }

    private void Apply(LocalUser user)
    {
        Keep(Principal.Of(user, Find(user.Id)));
    }

    private void Apply(ApiKey key)
    {
        var before = FindKey(key.Id);
        if (before?.Key.Version >= key.Version)
        {
            return;
        }

        var next = new KnownKey(key, before);
        _keys[key.Id] = next;
        if (before is not null && !ReferenceEquals(before.Lease, next.Lease))
        {
            before.Lease.End(key.RevokedAt is null ? LeaseEnd.Changed : LeaseEnd.Revoked);
        }

        // A rotation brings the end nearer: nothing that was remembered may outlast it.
        if (key.RevokedAt is null)
        {
            next.Lease.HoldUntil(key.ExpiresAt);
        }
    }

    // An account or a user is gone, with everything that speaks for it.
    private void Remove(string id)
    {
        if (_byId.TryRemove(id, out var gone))
        {
            _byName.TryRemove(new KeyValuePair<string, Principal>(gone.Name, gone));
            gone.Lease.End(LeaseEnd.Revoked);
        }
    }

    private void RemoveKey(string id)
    {
        if (_keys.TryRemove(id, out var gone))
        {
            gone.Lease.End(LeaseEnd.Revoked);
        }
    }

    /// <summary>Uses that the store doesn't know yet.</summary>
    public IReadOnlyList<KeyUse> TakeUses()
    {
        var uses = new List<KeyUse>();
        foreach (var key in _keys.Values)
        {
            if (key.Use.At is { } at && (key.Stored is null || key.Stored.At < at))
            {
                key.Stored = new KeyUse(key.Key.Id, at, key.Use.From?.ToString());
                uses.Add(key.Stored);
            }
        }

        return uses;
    }

    /// <summary>A use that another gate wrote down.</summary>
    public void Apply(KeyUse use)
    {
        if (FindKey(use.KeyId) is { } key && (key.Stored is null || key.Stored.At < use.At))
        {
            key.Stored = use;
        }
    }

    /// <summary>Whether a key works now, and if not, why.</summary>
    public (Principal? Owner, string? Problem) Judge(KnownKey key)
    {
        var now = time.GetUtcNow();
        if (key.Key.RevokedAt is not null)
        {
            return (null, "The key was revoked.");
        }

        if (key.Key.ExpiresAt <= now)
        {
            return (null, "The key has expired.");
        }

        return Find(key.Key.OwnerId) is not { } owner ? (null, "Whoever the key was made for is gone.")
            : owner.Problem(now) is { } problem ? (null, $"The account {problem}.")
            : (owner, null);
    }

    /// <summary>The account for which configuration lets somebody speak, by its name; else what he is refused with. Never a person.</summary>
    public Principal? AccountFor(string name, out Refusal? refusal)
    {
        refusal = null;
        if (FindNamed(name) is not { Account: not null } account)
        {
            refusal = IsLoaded
                ? new Refusal(RefusalReason.Unauthenticated, $"Request unauthenticated. There is no account {name}.", "the account that a rule names doesn't exist")
                : new Refusal(RefusalReason.CannotTell, "Accounts can't be looked up at the moment.", "the store was not read yet");
            return null;
        }

        if (account.Problem(time.GetUtcNow()) is { } problem)
        {
            refusal = new Refusal(RefusalReason.Unauthenticated, $"Request unauthenticated. The account {problem}.", "account");
            return null;
        }

        return account;
    }

    // Of a whole state what isn't in it is gone.
    private List<StoreDeletion> Missing(StoreChanges whole)
    {
        var principals = whole.Accounts.Select(account => account.Id).Concat(whole.Users.Select(user => user.Id)).ToHashSet(StringComparer.Ordinal);
        var keys = whole.Keys.Select(key => key.Id).ToHashSet(StringComparer.Ordinal);
        return [
            .. _byId.Keys.Where(id => !principals.Contains(id)).Select(id => new StoreDeletion(StoredKind.Account, id)),
            .. _keys.Keys.Where(id => !keys.Contains(id)).Select(id => new StoreDeletion(StoredKind.Key, id)),
        ];
    }

    private void Keep(Principal next)
    {
        if (_byId.TryGetValue(next.Id, out var before) && before.Name != next.Name)
        {
            _byName.TryRemove(new KeyValuePair<string, Principal>(before.Name, before));
        }

        _byId[next.Id] = next;
        _byName[next.Name] = next;
    }
}
