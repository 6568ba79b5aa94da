using System.Collections.Concurrent;
using Postern.Model;

namespace Postern.Pipeline;

/// <summary>Open calls of one caller, whatever tokens it comes with.</summary>
internal sealed class OpenCalls
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public bool TryEnter(int limit)
    {
        if (Interlocked.Increment(ref _count) <= limit)
        {
            return true;
        }

        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _count);
}

/// <summary>
/// Caller and operation → go, or a refusal that the SDK backs off on: one caller's open calls are bounded, so that a fleet gone wild can't take the gate's
/// memory from the others.
/// </summary>
internal sealed class LimitStage
{
    // Past this many names those without open calls are forgotten: names come from verified tokens, but from many of them over a year.
    private const int PruneAbove = 50_000;

    private readonly ConcurrentDictionary<string, OpenCalls> _byCaller = new(StringComparer.Ordinal);

    /// <summary>The counter of a caller's name; kept by whoever keeps the caller.</summary>
    public OpenCalls For(string caller)
    {
        if (_byCaller.Count > PruneAbove)
        {
            foreach (var (name, calls) in _byCaller)
            {
                if (calls.Count == 0)
                {
                    _byCaller.TryRemove(new KeyValuePair<string, OpenCalls>(name, calls));
                }
            }
        }

        return _byCaller.GetOrAdd(caller, static _ => new OpenCalls());
    }

#pragma warning disable CA1822 // Belongs to the stage, though a call carries its own counter.
    public Refusal? Run(Call call)
#pragma warning restore CA1822
    {
        if (call.CallerState.OpenCalls.TryEnter(call.State.Options.Limits.OpenCallsPerCaller))
        {
            call.Counted = true;
            return null;
        }

        return new Refusal(RefusalReason.Limited, $"too many open calls for {call.Token.Caller.DisplayName}.", "limits.openCallsPerCaller")
        {
            RetryAfter = TimeSpan.FromSeconds(1),
        };
    }

    public static void Leave(Call call)
    {
        if (call.Counted)
        {
            call.Counted = false;
            call.CallerState.OpenCalls.Leave();
        }
    }
}
