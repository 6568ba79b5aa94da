using System.Collections.Concurrent;
using System.Net;

namespace Postern.Identity;

/// <summary>
/// Bounds what one source address may cost in failed authentications: signatures are expensive to check. A caller whose token is known already never meets it.
/// </summary>
internal sealed class FailedAttempts(TimeProvider time)
{
    private const int Burst = 50;
    private const double PerSecond = 5;
    private const int LargestTable = 10_000;

    private readonly ConcurrentDictionary<IPAddress, Bucket> _buckets = new();

    /// <summary>Sources kept.</summary>
    public int Count => _buckets.Count;

    public bool IsExhausted(IPAddress? source) =>
        source is not null && _buckets.TryGetValue(Network(source), out var bucket) && bucket.Level(time) >= Burst;

    public void Add(IPAddress? source)
    {
        if (source is null)
        {
            return;
        }

        if (_buckets.Count >= LargestTable)
        {
            foreach (var (address, bucket) in _buckets)
            {
                if (bucket.Level(time) <= 0)
                {
                    _buckets.TryRemove(address, out _);
                }
            }

            if (_buckets.Count >= LargestTable)
            {
                _buckets.Clear();
            }
        }

        _buckets.GetOrAdd(Network(source), static _ => new Bucket()).Add(time);
    }

    /// <summary>What counts as one source: a customer gets a /64 in IPv6, so that single addresses there bound nothing.</summary>
    public static IPAddress Network(IPAddress source)
    {
        if (source.IsIPv4MappedToIPv6)
        {
            return source.MapToIPv4();
        }

        if (source.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6)
        {
            return source;
        }

        Span<byte> bytes = stackalloc byte[16];
        source.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes);
    }

    private sealed class Bucket
    {
        private readonly Lock _lock = new();
        private double _level;
        private long _at;

        public double Level(TimeProvider time)
        {
            lock (_lock)
            {
                return Leak(time);
            }
        }

        public void Add(TimeProvider time)
        {
            lock (_lock)
            {
                _level = Math.Min(Burst, Leak(time)) + 1;
            }
        }

        private double Leak(TimeProvider time)
        {
            var now = time.GetTimestamp();
            _level = _at == 0 ? 0 : Math.Max(0, _level - time.GetElapsedTime(_at, now).TotalSeconds * PerSecond);
            _at = now;
            return _level;
        }
    }
}
