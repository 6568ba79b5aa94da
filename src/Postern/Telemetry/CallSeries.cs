using System.Diagnostics.Metrics;
using Postern.Configuration;
using Postern.Model;

namespace Postern.Telemetry;

/// <summary>Reads <see cref="MethodMeter"/>s out as series. Only at a scrape.</summary>
internal static class CallSeries
{
    public const string DurationName = "postern.calls.duration";

    private static readonly (DecisionKind Kind, string Name)[] Decisions = [.. Enum.GetValues<DecisionKind>().Select(d => (d, OptionShape.Kebab(d.ToString())))];

    private static readonly (RefusalReason? Reason, string Name)[] Reasons =
        [(null, "none"), .. Enum.GetValues<RefusalReason>().Select(r => ((RefusalReason?)r, OptionShape.Kebab(r.ToString())))];

    public static IEnumerable<Measurement<long>> Counts(MethodMeter method)
    {
        foreach (var (decision, decisionName) in Decisions)
        {
            foreach (var (reason, reasonName) in Reasons)
            {
                var count = method.Ended(decision, reason);
                if (count > 0)
                {
                    yield return new Measurement<long>(count, new("engine", method.Engine), new("method", method.Method), new("decision", decisionName), new("reason", reasonName));
                }
            }
        }
    }

    public static MetricFamily Durations(IEnumerable<MethodMeter> methods)
    {
        var series = new List<MetricSeries>();
        foreach (var method in methods)
        {
            var buckets = new long[MethodMeter.Bounds.Length + 1];
            for (var i = 0; i < buckets.Length; i++)
            {
                buckets[i] = method.Bucket(i);
            }

            if (buckets.Any(b => b > 0))
            {
                series.Add(new MetricSeries(PrometheusText.Labels([new("engine", method.Engine), new("method", method.Method)]), method.TotalSeconds)
                {
                    Buckets = buckets,
                    Bounds = MethodMeter.Bounds,
                });
            }
        }

        return new MetricFamily(DurationName, MetricKind.Histogram, "s", "Duration of calls, from their head to the end of their answer", series);
    }
}
