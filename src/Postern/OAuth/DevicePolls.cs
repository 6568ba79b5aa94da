using System.Collections.Concurrent;

namespace Postern.OAuth;

/// <summary>
/// How often devices ask (RFC 8628 §3.5): one that asks sooner than it was told waits five seconds more from then on. In memory, for this gate alone: behind several each sees a part of what a device
/// asks, and none slows one down that keeps to its interval.
/// </summary>
internal sealed class DevicePolls(TimeProvider time)
{
    /// <summary>What a device is told first.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private const int LargestTable = 10_000;
    private static readonly TimeSpan s_longest = TimeSpan.FromMinutes(1);
    // What is on its way takes now longer, now shorter.
    private static readonly TimeSpan s_leeway = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Device> _devices = new(StringComparer.Ordinal);

    /// <summary>Notes that a device asked; true where it was too soon.</summary>
    public bool IsTooSoon(string id)
    {
        if (_devices.Count >= LargestTable && !_devices.ContainsKey(id))
        {
            // Those of devices that gave up go first; where that isn't enough, all begin anew.
            foreach (var (known, device) in _devices)
            {
                if (device.IsIdle(time))
                {
                    _devices.TryRemove(known, out _);
                }
            }

            if (_devices.Count >= LargestTable)
            {
                _devices.Clear();
            }
        }

        return _devices.GetOrAdd(id, static _ => new Device()).Ask(time);
    }

    public void Forget(string id) => _devices.TryRemove(id, out _);

    private sealed class Device
    {
        private readonly Lock _lock = new();
        private TimeSpan _interval = Interval;
        private long _at;

        public bool Ask(TimeProvider time)
        {
            lock (_lock)
            {
                var now = time.GetTimestamp();
                var isTooSoon = _at != 0 && time.GetElapsedTime(_at, now) < _interval - s_leeway;
                _at = now;
                _interval = isTooSoon && _interval < s_longest ? _interval + Interval : _interval;
                return isTooSoon;
            }
        }

        public bool IsIdle(TimeProvider time)
        {
            lock (_lock)
            {
                return _at != 0 && time.GetElapsedTime(_at) > s_longest + s_leeway;
            }
        }
    }
}
