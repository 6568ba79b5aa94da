using System.Collections.Concurrent;
using Postern.Limits;
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
            return call.State.Rates.IsEmpty ? null : TryEnter(call);
        }

        return new Refusal(RefusalReason.Limited, $"too many open calls for {call.Token.Caller.DisplayName}.", "limits.openCallsPerCaller")
        {
            RetryAfter = TimeSpan.FromSeconds(1),
            IsOfOpen = true,
        };
    }

    /// <summary>A limit that was reached, in words that say whose it is.</summary>
    public static Refusal Refuse(RateExceeded exceeded, Caller caller) => new(
        RefusalReason.Limited, $"{caller.DisplayName} {(exceeded.IsOfOpen ? "has as many calls open as he may" : "makes more calls than he may")}.", exceeded.Rule)
    {
        RetryAfter = exceeded.RetryAfter,
        IsOfOpen = exceeded.IsOfOpen,
    };

    private static Refusal? TryEnter(Call call)
    {
        var exceeded = call.State.Rates.TryEnter(call.Engine.Name, call.Token.Caller, Of(call.Method.Row, call.State), out var pass);
        call.Pass = pass;
        return exceeded is null ? null : Refuse(exceeded, call.Token.Caller);
    }

    private static Traffic Of(Engines.Temporal.TemporalOperation row, GateState state) =>
        row.IsTaskPoll ? Traffic.Poll : state.AuditClasses.Of(row.Base) switch { AuditClass.Progress => Traffic.Progress, AuditClass.Read => Traffic.Read, _ => Traffic.Write };

    public static void Leave(Call call)
    {
        if (call.Counted)
        {
            call.Counted = false;
            call.CallerState.OpenCalls.Leave();
            call.Pass.Dispose();
            call.Pass = default;
        }
    }
}
