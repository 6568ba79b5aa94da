namespace Postern.Telemetry;

internal enum MetricKind { Counter, Gauge, Histogram }

/// <summary>One metric with its series, ready to be written.</summary>
internal sealed record MetricFamily(string Name, MetricKind Kind, string? Unit, string? Description, IReadOnlyList<MetricSeries> Series);

/// <summary>One series: its labels as written, its value (a histogram's sum), and a histogram's counts per bucket, the last one without an upper bound.</summary>
internal sealed record MetricSeries(string Labels, double Value)
{
    public IReadOnlyList<long>? Buckets { get; init; }

    public IReadOnlyList<double> Bounds { get; init; } = [];
}
