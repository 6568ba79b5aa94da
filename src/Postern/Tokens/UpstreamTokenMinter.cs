using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.IdentityModel.JsonWebTokens;
using Postern.Model;

namespace Postern.Tokens;

/// <summary>
/// Mints what a stock Temporal server's default authorizer accepts: <c>sub</c> = the caller, <c>permissions</c> = the one grant that the call needs. Without
/// <c>iat</c> and <c>nbf</c>: that server has no clock leeway, and a clock one second ahead would refuse every call. Tokens are kept per caller and grant and renewed
/// while a quarter of their life is left; a signature is made once for many calls.
/// </summary>
internal sealed class UpstreamTokenMinter(SigningKeys keys, string audience, TimeSpan lifetime, TimeProvider time, int capacity = 50_000)
{
    private static readonly TimeSpan LeastLeft = TimeSpan.FromSeconds(60);

    private readonly Lock[] _minting = [.. Enumerable.Range(0, 64).Select(_ => new Lock())];
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };
    private readonly ConcurrentDictionary<(string Caller, string Grant), MintedToken> _minted = new();

    /// <summary>Tokens kept, for metrics.</summary>
    public int Count => _minted.Count;

    /// <summary>A token for this caller and grant with enough life left.</summary>
    public MintedToken For(Caller caller, string grant)
    {
        var now = time.GetUtcNow();
        var key = (caller.Name, grant);
        if (_minted.TryGetValue(key, out var minted) && now < minted.RenewAt)
        {
            return minted;
        }

        // A thousand polls of one worker come to the end of their token together: one of them signs, the others get what it made.
        lock (_minting[(uint)key.GetHashCode() % (uint)_minting.Length])
        {
            return _minted.TryGetValue(key, out minted) && now < minted.RenewAt ? minted : Renew(key, caller, now);
        }
    }

    private MintedToken Renew((string Caller, string Grant) key, Caller caller, DateTimeOffset now)
    {
        if (_minted.Count >= capacity)
        {
            foreach (var (old, token) in _minted)
            {
                if (now >= token.RenewAt)
                {
                    _minted.TryRemove(old, out _);
                }
            }

            if (_minted.Count >= capacity)
            {
                _minted.Clear();
            }
        }

        return _minted[key] = Mint(caller, key.Grant, now);
    }

    private MintedToken Mint(Caller caller, string grant, DateTimeOffset now)
    {
        var left = lifetime / 4 > LeastLeft ? lifetime / 4 : LeastLeft;
        var claims = new JsonObject
        {
            ["sub"] = caller.Name,
            ["aud"] = audience,
            ["exp"] = (now + lifetime).ToUnixTimeSeconds(),
            ["jti"] = Guid.CreateVersion7(now).ToString("N"),
            ["permissions"] = new JsonArray(grant),
        };
        var key = keys.Current;
        return new MintedToken("Bearer " + _handler.CreateToken(claims.ToJsonString(), key.Credentials), now + lifetime - left, key);
    }
}

/// <summary>The header value of a minted token. It doesn't print itself.</summary>
internal sealed class MintedToken(string header, DateTimeOffset renewAt, SigningKey key)
{
    public string Header => header;

    /// <summary>From when on another is to be made; at once where its key was taken out of the published set, since then nobody accepts it.</summary>
    public DateTimeOffset RenewAt => key.IsWithdrawn ? DateTimeOffset.MinValue : renewAt;

    public override string ToString() => "(minted token)";
}
