using System.Diagnostics.Metrics;

namespace Postern.Telemetry;

/// <summary>Adds up what the instruments of one meter report. For what happens now and then: each report builds its labels.</summary>
internal sealed class MetricsListener : IDisposable
{
    private static readonly double[] Bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

    private readonly MeterListener _listener = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<Instrument, Dictionary<string, Cell>> _cells = [];

    public MetricsListener(Meter meter)
    {
        // By reference: two gates in one process (tests) have two meters of one name.
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter, meter) && instrument.Name != CallSeries.DurationName)
            {
                lock (_gate)
                {
                    _cells[instrument] = [];
                }

                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>((instrument, value, labels, _) => Report(instrument, value, labels));
        _listener.SetMeasurementEventCallback<long>((instrument, value, labels, _) => Report(instrument, value, labels));
        _listener.SetMeasurementEventCallback<double>((instrument, value, labels, _) => Report(instrument, value, labels));
        _listener.Start();
    }

    public List<MetricFamily> Collect()
    {
        lock (_gate)
        {
            foreach (var (instrument, cells) in _cells)
            {
                if (instrument.IsObservable)
                {
                    // What an observable doesn't report any more is gone.
                    cells.Clear();
                }
            }
        }

        _listener.RecordObservableInstruments();
        lock (_gate)
        {
            return [.. _cells.Select(c => new MetricFamily(c.Key.Name, KindOf(c.Key), c.Key.Unit, c.Key.Description, [.. c.Value.Select(Series)]))];
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Report(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var key = PrometheusText.Labels(labels);
        lock (_gate)
        {
            var cells = _cells[instrument];
            if (!cells.TryGetValue(key, out var cell))
            {
                cells[key] = cell = new Cell(KindOf(instrument) == MetricKind.Histogram);
            }

            cell.Report(value, IsTotal(instrument));
        }
    }

    private static MetricSeries Series(KeyValuePair<string, Cell> cell) => new(cell.Key, cell.Value.Sum) { Buckets = cell.Value.Buckets, Bounds = Bounds };

    private static MetricKind KindOf(Instrument instrument) => instrument switch
    {
        Counter<long> or Counter<int> or Counter<double> or ObservableCounter<long> or ObservableCounter<int> or ObservableCounter<double> => MetricKind.Counter,
        Histogram<double> or Histogram<long> or Histogram<int> => MetricKind.Histogram,
        _ => MetricKind.Gauge,
    };

    // An observable and a gauge say how much there is, the others how much is added.
    private static bool IsTotal(Instrument instrument) => instrument.IsObservable || instrument is Gauge<long> or Gauge<int> or Gauge<double>;

    private sealed class Cell(bool isHistogram)
    {
        public long[]? Buckets { get; } = isHistogram ? new long[Bounds.Length + 1] : null;

        public double Sum { get; private set; }

        public void Report(double value, bool isTotal)
        {
            Sum = isTotal ? value : Sum + value;
            if (Buckets is not null)
            {
                var bucket = Array.FindIndex(Bounds, b => value <= b);
                Buckets[bucket < 0 ? Bounds.Length : bucket]++;
            }
        }
    }
}
