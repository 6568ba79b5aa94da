using System.Diagnostics.Metrics;
using Postern.Model;

namespace Postern.Telemetry;

/// <summary>Counters of one engine's method. Counting is a few interlocked additions and allocates nothing.</summary>
internal sealed class MethodMeter(string engine, string method, bool isPoll, Histogram<double> duration)
{
    /// <summary>Upper bounds in seconds. Up to 75 s, since polls last 60 to 70.</summary>
    public static readonly double[] Bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 75];

    /// <summary>Reasons plus one for calls that weren't refused.</summary>
    public static readonly int Reasons = Enum.GetValues<RefusalReason>().Length + 1;

    private static readonly int Decisions = Enum.GetValues<DecisionKind>().Length;

    private readonly long[] _ended = new long[Decisions * Reasons];
    private readonly long[] _buckets = new long[Bounds.Length + 1];
    private long _ticks;
    private long _open;

    public string Engine => engine;

    public string Method => method;

    public bool IsPoll => isPoll;

    public long Open => Volatile.Read(ref _open);

    /// <summary>Calls that the policy refused.</summary>
    public long Denied => Ended(DecisionKind.Deny, RefusalReason.NotAllowed);

    public void Begin() => Interlocked.Increment(ref _open);

    /// <summary>Counts a call's end. <paramref name="refusal"/> is null for a call that the engine answered, whatever it said.</summary>
    public void End(DecisionKind decision, RefusalReason? refusal, TimeSpan time)
    {
        Interlocked.Decrement(ref _open);
        Interlocked.Increment(ref _ended[Index(decision, refusal)]);
        var seconds = time.TotalSeconds;
        var bucket = 0;
        while (bucket < Bounds.Length && seconds > Bounds[bucket])
        {
            bucket++;
        }

        Interlocked.Increment(ref _buckets[bucket]);
        Interlocked.Add(ref _ticks, time.Ticks);
        if (duration.Enabled)
        {
            duration.Record(seconds, new KeyValuePair<string, object?>("engine", engine), new KeyValuePair<string, object?>("method", method));
        }
    }

    public long Ended(DecisionKind decision, RefusalReason? refusal) => Volatile.Read(ref _ended[Index(decision, refusal)]);

    public long Bucket(int index) => Volatile.Read(ref _buckets[index]);

    public double TotalSeconds => TimeSpan.FromTicks(Volatile.Read(ref _ticks)).TotalSeconds;

    private static int Index(DecisionKind decision, RefusalReason? refusal) => ((int)decision * Reasons) + (refusal is { } reason ? (int)reason + 1 : 0);
}
