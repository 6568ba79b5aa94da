using System.Collections.Concurrent;
using System.Net;

namespace Postern.Identity.Accounts;

/// <summary>
/// Bounds how often passwords may be tried: per user, whatever address it comes from, and per address, whatever user it names. A try counts when it begins, so
/// that many at once gain nothing, and is given back where the password was right.
/// </summary>
internal sealed class PasswordThrottle(TimeProvider time)
{
    /// <summary>Tries in a row of one user.</summary>
    public const int TriesPerUser = 10;

    /// <summary>Tries in a row from one address.</summary>
    public const int TriesPerAddress = 30;

    /// <summary>After which a spent try is given back.</summary>
    public static readonly TimeSpan OneMoreAfter = TimeSpan.FromSeconds(30);

    private const int LargestTable = 10_000;
    private const uint UnknownNames = 4096;

    private readonly ConcurrentDictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);

    /// <summary>Counts a try. Null: there are none left.</summary>
    /// <param name="user">The user's id; null where nobody has the name.</param>
    /// <param name="name">The name as it came.</param>
    /// <param name="source">Where it comes from.</param>
    public Try? Begin(string? user, string name, IPAddress? source)
    {
        // Names that nobody has are throttled as others are, or one could tell; they share places, so that they can't fill the table.
        var byUser = BucketOf(user ?? $"?{(uint)string.GetHashCode(name, StringComparison.Ordinal) % UnknownNames}");
        var byAddress = BucketOf($"@{FailedAttempts.Network(source ?? IPAddress.None)}");
        if (!byAddress.TryTake(time, TriesPerAddress))
        {
            return null;
        }

        if (byUser.TryTake(time, TriesPerUser))
        {
            return new Try(byUser, byAddress);
        }

        byAddress.GiveBack();
        return null;
    }

    private Bucket BucketOf(string key)
    {
        if (_buckets.Count >= LargestTable)
        {
            foreach (var (known, bucket) in _buckets)
            {
                if (bucket.IsEmpty(time))
                {
                    _buckets.TryRemove(known, out _);
                }
            }

            // Addresses come by the thousand, users don't: what is known of a user stays.
            foreach (var known in _buckets.Count >= LargestTable ? _buckets.Keys.Where(k => k[0] == '@') : [])
            {
                _buckets.TryRemove(known, out _);
            }
        }

        return _buckets.GetOrAdd(key, static _ => new Bucket());
    }

    /// <summary>A try that was counted.</summary>
    internal sealed class Try(Bucket byUser, Bucket byAddress)
    {
        public void Succeeded()
        {
            byUser.GiveBack();
            byAddress.GiveBack();
        }
    }

    internal sealed class Bucket
    {
        private readonly Lock _lock = new();
        private double _level;
        private long _at;

        public bool TryTake(TimeProvider time, int most)
        {
            lock (_lock)
            {
                if (Leak(time) + 1 > most)
                {
                    return false;
                }

                _level++;
                return true;
            }
        }

        public void GiveBack()
        {
            lock (_lock)
            {
                _level = Math.Max(0, _level - 1);
            }
        }

        public bool IsEmpty(TimeProvider time)
        {
            lock (_lock)
            {
                return Leak(time) <= 0;
            }
        }

        private double Leak(TimeProvider time)
        {
            var now = time.GetTimestamp();
            _level = _at == 0 ? 0 : Math.Max(0, _level - (time.GetElapsedTime(_at, now) / OneMoreAfter));
            _at = now;
            return _level;
        }
    }
}
