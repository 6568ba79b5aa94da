using System.Net;
using Postern.Model;

namespace Postern.Identity.Accounts;

/// <summary>A key in the memory of the gate.</summary>
internal sealed class KnownKey(ApiKey key, KnownKey? before)
{
    public ApiKey Key => key;

    public IReadOnlyList<IPNetwork> Sources { get; } = [.. key.Sources.Select(source => IPNetwork.Parse(source))];

    /// <summary>What is remembered on the strength of this key.</summary>
    public Lease Lease { get; } = Lease.Lasting();

    /// <summary>Its uses on this gate since the last were written down.</summary>
    public LastUse Use { get; } = before?.Use ?? new LastUse();

    /// <summary>Its last use as the store knows it, from any gate.</summary>
    public KeyUse? Stored { get; set; } = before?.Stored;
}
