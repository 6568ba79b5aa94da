using System.Collections.Immutable;
using Postern.Model;

namespace Postern.Identity.Accounts;

/// <summary>Whoever the gate itself keeps: an account, an agent, a local user. What credentials speak for.</summary>
internal sealed class Principal
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    public required CallerKind Kind { get; init; }

    public required string DisplayName { get; init; }

    public ImmutableArray<string> Groups { get; init; } = [];

    /// <summary>Patterns of namespaces that it may ever act in. Empty: no such bound.</summary>
    public ImmutableArray<string> Namespaces { get; init; } = [];

    public DateTimeOffset? ExpiresAt { get; init; }

    public bool Disabled { get; init; }

    /// <summary>As it is kept; null for a local user.</summary>
    public Account? Account { get; init; }

    /// <summary>As it is kept; null for an account.</summary>
    public LocalUser? User { get; init; }

    /// <summary>What everything that speaks for it rests on.</summary>
    public Lease Lease { get; init; } = Lease.Lasting();

    public static Principal Of(Account account, Principal? before) => Following(before, new Principal
    {
        Id = account.Id,
        Name = account.Name,
        Kind = account.Kind,
        DisplayName = account.Name,
        Namespaces = account.Namespaces,
        ExpiresAt = account.ExpiresAt,
        Disabled = account.Disabled,
        Account = account,
    });

    public static Principal Of(LocalUser user, Principal? before) => Following(before, new Principal
    {
        Id = user.Id,
        Name = user.Name,
        Kind = CallerKind.Human,
        DisplayName = user.DisplayName.Length > 0 ? user.DisplayName : user.Name,
        Groups = user.Groups,
        Disabled = user.Disabled,
        User = user,
    });

    /// <summary>Why it can't be spoken for now; null where it can.</summary>
    public string? Problem(DateTimeOffset now) =>
        Disabled ? $"{Name} is disabled" : ExpiresAt is { } end && end <= now ? $"{Name} has expired" : null;

    /// <summary>It as a caller.</summary>
    /// <param name="credential">What kind of credential speaks for it.</param>
    /// <param name="credentialId">The credential's public id.</param>
    /// <param name="expires">When the credential ends.</param>
    public Caller ToCaller(CredentialKind credential, string? credentialId, DateTimeOffset expires) => new()
    {
        Kind = Kind,
        Issuer = Caller.OwnIssuer,
        Subject = Name,
        Name = $"{Caller.OwnIssuer}/{Name}",
        DisplayName = DisplayName,
        Groups = Groups,
        Credential = credential,
        CredentialId = credentialId,
        NamespaceBounds = Namespaces.IsEmpty ? [] : [Namespaces],
        ExpiresAt = ExpiresAt < expires ? ExpiresAt.Value : expires,
    };

    // What is remembered of a principal stays good where nothing changed that a decision rests on.
    private static Principal Following(Principal? before, Principal next)
    {
        if (before is null)
        {
            return next;
        }

        if (before.Name == next.Name && before.Kind == next.Kind && before.DisplayName == next.DisplayName && before.ExpiresAt == next.ExpiresAt && before.Disabled == next.Disabled
            && before.Groups.SequenceEqual(next.Groups) && before.Namespaces.SequenceEqual(next.Namespaces) && before.User?.Password == next.User?.Password && before.User?.SessionVersion == next.User?.SessionVersion)
        {
            return new Principal
            {
                Id = next.Id, Name = next.Name, Kind = next.Kind, DisplayName = next.DisplayName, Groups = next.Groups, Namespaces = next.Namespaces, ExpiresAt = next.ExpiresAt,
                Disabled = next.Disabled, Account = next.Account, User = next.User, Lease = before.Lease,
            };
        }

        before.Lease.End(next.Disabled ? LeaseEnd.Revoked : LeaseEnd.Changed);
        return next;
    }
}
