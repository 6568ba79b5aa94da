using System.Net;
using Postern.Model;

namespace Postern.Identity.Accounts;

/// <summary>A key in the memory of the gate.</summary>
internal sealed class KnownKey(ApiKey key, KnownKey? before)
{
    public ApiKey Key => key;

    public IReadOnlyList<IPNetwork> Sources { get; } = [.. key.Sources.Select(source => IPNetwork.Parse(source))];

    /// <summary>What is remembered on the strength of this key: as before where only its end was moved, so that what is open with it goes on.</summary>
    public Lease Lease { get; } = before is not null && IsAsWide(key, before.Key) ? before.Lease : Lease.Lasting();

    /// <summary>Its uses on this gate since the last were written down.</summary>
    public LastUse Use { get; } = before?.Use ?? new LastUse();

    /// <summary>Its last use as the store knows it, from any gate.</summary>
    public KeyUse? Stored { get; set; } = before?.Stored;

    private static bool IsAsWide(ApiKey key, ApiKey before) => key.RevokedAt is null && before.RevokedAt is null
        && key.Sources.SequenceEqual(before.Sources) && key.Namespaces.SequenceEqual(before.Namespaces) && key.Roles.SequenceEqual(before.Roles);
}
