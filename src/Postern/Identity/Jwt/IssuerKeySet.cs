using System.Collections.Frozen;
using System.Collections.Immutable;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Identity.Jwt;

/// <summary>One public key of an issuer, the same object for as long as the issuer shows the key: what was verified with it rests on its lease.</summary>
internal sealed class IssuerKey(JsonWebKey key)
{
    public JsonWebKey Key => key;

    public Lease Lease { get; } = new();

    public bool IsSameAs(JsonWebKey other) =>
        (key.Kid ?? "", key.Kty, key.Alg ?? "", key.N, key.E, key.Crv, key.X, key.Y)
        == (other.Kid ?? "", other.Kty, other.Alg ?? "", other.N, other.E, other.Crv, other.X, other.Y);
}

/// <summary>An issuer's keys as they were at one moment.</summary>
internal sealed class IssuerKeySet
{
    private readonly FrozenDictionary<string, ImmutableArray<IssuerKey>> _byId;

    private IssuerKeySet(ImmutableArray<IssuerKey> keys, DateTimeOffset fetchedAt)
    {
        All = keys;
        FetchedAt = fetchedAt;
        // RFC 7517 §4.5: keys of different types may share an id.
        _byId = keys.GroupBy(key => key.Key.Kid ?? "", StringComparer.Ordinal).ToFrozenDictionary(group => group.Key, group => group.ToImmutableArray(), StringComparer.Ordinal);
    }

    public ImmutableArray<IssuerKey> All { get; }

    public DateTimeOffset FetchedAt { get; }

    /// <summary>Reads a JWK set. Keys that stood in <paramref name="before"/> stay the same objects. Throws where no key in it can be used.</summary>
    public static IssuerKeySet Read(string json, IssuerKeySet? before, DateTimeOffset now)
    {
        var keys = ImmutableArray.CreateBuilder<IssuerKey>();
        foreach (var key in new JsonWebKeySet(json).Keys)
        {
            if (TokenAlgorithms.IsUsable(key) && !keys.Any(known => known.IsSameAs(key)))
            {
                keys.Add(before?.All.FirstOrDefault(known => known.IsSameAs(key)) ?? new IssuerKey(key));
            }
        }

        return keys.Count > 0 ? new IssuerKeySet(keys.ToImmutable(), now) : throw new FormatException("the key set has no key that can verify tokens");
    }

    public bool Has(string? keyId) => !string.IsNullOrEmpty(keyId) && _byId.ContainsKey(keyId);

    /// <summary>The one key that a token names by id and algorithm; without an id, the only one that its algorithm fits. Never a guess between several.</summary>
    public IssuerKey? Find(string? keyId, string algorithm)
    {
        IssuerKey? found = null;
        foreach (var key in string.IsNullOrEmpty(keyId) ? All : _byId.GetValueOrDefault(keyId, []))
        {
            if (TokenAlgorithms.Fits(algorithm, key.Key))
            {
                if (found is not null)
                {
                    return null;
                }

                found = key;
            }
        }

        return found;
    }

    public bool HasSameKeysAs(IssuerKeySet other) => All.Length == other.All.Length && All.All(other.All.Contains);
}
