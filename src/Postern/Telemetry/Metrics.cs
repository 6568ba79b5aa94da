using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Postern.Telemetry;

/// <summary>
/// The gate's metrics. Rooms create their instruments on <see cref="Meter"/>, so that any listener can take them; what happens on every call goes through a
/// <see cref="MethodMeter"/> that was resolved beforehand, since a lookup by labels per call would cost more than the decision. No metric names a caller.
/// </summary>
internal sealed class Metrics : IDisposable
{
    public const string MeterName = "Postern";

    private readonly ConcurrentDictionary<(string Engine, string Method), MethodMeter> _methods = new();
    private readonly MetricsListener _listener;
    private readonly Histogram<double> _duration;

    public Metrics()
    {
        Meter = new Meter(MeterName);
        _listener = new MetricsListener(Meter);
        _duration = Meter.CreateHistogram<double>(CallSeries.DurationName, "s", "Duration of calls, from their head to the end of their answer");
        Meter.CreateObservableCounter("postern.calls", ObserveCalls, null, "Calls that ended");
        Meter.CreateObservableUpDownCounter("postern.calls.open", () => Sum(m => m.IsPoll ? 0 : m.Open), null, "Calls under way, polls apart");
        Meter.CreateObservableUpDownCounter("postern.polls.open", () => Sum(m => m.IsPoll ? m.Open : 0), null, "Long polls under way");
        Meter.CreateObservableCounter("postern.polls.denied", () => Sum(m => m.IsPoll ? m.Denied : 0), null, "Long polls that the policy refused; their workers are silent and end after a minute");
    }

    /// <summary>Where rooms create their instruments: <c>postern.room.thing</c>, with unit and description.</summary>
    public Meter Meter { get; }

    /// <summary>
    /// The counters of one method; to be kept by whoever serves it. <paramref name="method"/> is a name of the catalogue, never what a caller sent: calls to
    /// unknown methods share one name.
    /// </summary>
    public MethodMeter Method(string engine, string method, bool isPoll) =>
        _methods.GetOrAdd((engine, method), static (key, state) => new MethodMeter(key.Engine, key.Method, state.isPoll, state._duration), (isPoll, _duration));

    /// <summary>All metrics in the Prometheus text format.</summary>
    public void WriteText(IBufferWriter<byte> output)
    {
        var text = new PrometheusText();
        foreach (var family in _listener.Collect().Where(f => f.Name != CallSeries.DurationName).Append(CallSeries.Durations(_methods.Values)).OrderBy(f => f.Name, StringComparer.Ordinal))
        {
            text.Add(family);
        }

        text.CopyTo(output);
    }

    public void Dispose()
    {
        _listener.Dispose();
        Meter.Dispose();
    }

    private long Sum(Func<MethodMeter, long> of) => _methods.Values.Sum(of);

    private IEnumerable<Measurement<long>> ObserveCalls() => _methods.Values.SelectMany(CallSeries.Counts);
}
