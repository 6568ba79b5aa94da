using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace Postern.Dev.IdentityProvider;

/// <summary>
/// Things that are handed out under a random name and taken back once: a login page that waits for its answer, a code that waits for its exchange.
/// Bounded in number and in time; the name is the only proof, so it is long, random, and gone with its first use.
/// </summary>
internal sealed class OneTimeNames<T>(TimeProvider time, TimeSpan life, int most)
    where T : class
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (T Value, DateTimeOffset Until)> _waiting = new(StringComparer.Ordinal);

    public string Add(T value)
    {
        var name = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var now = time.GetUtcNow();
        lock (_lock)
        {
            if (_waiting.Count >= most)
            {
                foreach (var old in _waiting.Where(w => w.Value.Until <= now).Select(w => w.Key).ToArray())
                {
                    _waiting.Remove(old);
                }

                // Still full: the one that ends first makes room, so that a page reloaded without end can't fill the memory.
                if (_waiting.Count >= most)
                {
                    _waiting.Remove(_waiting.MinBy(w => w.Value.Until).Key);
                }
            }

            _waiting.Add(name, (value, now + life));
        }

        return name;
    }

    public T? Take(string name)
    {
        lock (_lock)
        {
            return _waiting.Remove(name, out var found) && found.Until > time.GetUtcNow() ? found.Value : null;
        }
    }
}
