using System.Collections.Concurrent;

namespace Postern.Pipeline;

/// <summary>
/// What an engine answered to the gate's own questions: each asked once, however many wait for it, and remembered as long as it may be. Bounded.
/// </summary>
internal sealed class KnownAnswers<TKey, T>(TimeProvider time)
    where TKey : notnull
    where T : class
{
    private const int Most = 10_000;

    private readonly ConcurrentDictionary<TKey, Entry> _known = new();

    /// <summary>The answer; null where the engine gave none, which isn't remembered.</summary>
    /// <param name="key">The question.</param>
    /// <param name="ask">Asks it, and says how long the answer holds.</param>
    /// <param name="cancellation">Ends the wait, not the question, which others may wait for too.</param>
    public async Task<T?> FindAsync(TKey key, Func<Task<(T? Found, TimeSpan Keep)>> ask, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (!_known.TryGetValue(key, out var entry) || entry.HasEnded(now))
        {
            if (_known.Count >= Most)
            {
                Forget(now);
            }

            var fresh = new Entry(ask, time);
            entry = _known.AddOrUpdate(key, fresh, (_, old) => old.HasEnded(now) ? fresh : old);
        }

        return await entry.Answer.WaitAsync(cancellation);
    }

    private void Forget(DateTimeOffset now)
    {
        foreach (var (key, entry) in _known)
        {
            if (entry.HasEnded(now))
            {
                _known.TryRemove(key, out _);
            }
        }

        if (_known.Count >= Most)
        {
            _known.Clear();
        }
    }

    /// <summary>One question: asked once, by whoever comes first; its answer ends when it may have changed, at once where there was none.</summary>
    private sealed class Entry(Func<Task<(T? Found, TimeSpan Keep)>> ask, TimeProvider time)
    {
        private readonly Lock _asking = new();
        private Task<T?>? _answer;
        private long _ends = long.MaxValue;

        public Task<T?> Answer
        {
            get
            {
                lock (_asking)
                {
                    return _answer ??= Task.Run(AskAsync);
                }
            }
        }

        public bool HasEnded(DateTimeOffset now) => now.UtcTicks >= Volatile.Read(ref _ends);

        private async Task<T?> AskAsync()
        {
            var keep = TimeSpan.Zero;
            try
            {
                (var found, keep) = await ask();
                return found;
            }
            finally
            {
                Volatile.Write(ref _ends, (time.GetUtcNow() + keep).UtcTicks);
            }
        }
    }
}
