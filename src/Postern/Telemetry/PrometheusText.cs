using System.Buffers;
using System.Globalization;
using System.Text;

namespace Postern.Telemetry;

/// <summary>The Prometheus text format, version 0.0.4.</summary>
internal sealed class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>Labels as they are written between braces.</summary>
    public static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        if (labels.IsEmpty)
        {
            return "";
        }

        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            text.Append(text.Length == 0 ? "" : ",").Append(Name(name)).Append("=\"");
            foreach (var c in Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")
            {
                _ = c switch
                {
                    '\\' => text.Append("\\\\"),
                    '"' => text.Append("\\\""),
                    '\n' => text.Append("\\n"),
                    _ => text.Append(c),
                };
            }

            text.Append('"');
        }

        return text.ToString();
    }

    public void Add(MetricFamily family)
    {
        if (family.Series.Count == 0)
        {
            return;
        }

        var name = FullName(family);
        _text.Append("# HELP ").Append(name).Append(' ').Append((family.Description ?? "").Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(family.Kind switch { MetricKind.Counter => "counter", MetricKind.Gauge => "gauge", _ => "histogram" }).Append('\n');
        foreach (var series in family.Series.OrderBy(s => s.Labels, StringComparer.Ordinal))
        {
            if (series.Buckets is { } buckets)
            {
                AddHistogram(name, series, buckets);
            }
            else
            {
                AddLine(name, series.Labels, series.Value);
            }
        }
    }

    public void CopyTo(IBufferWriter<byte> output) => Encoding.UTF8.GetBytes(_text.ToString(), output);

    private void AddHistogram(string name, MetricSeries series, IReadOnlyList<long> buckets)
    {
        long sum = 0;
        var separator = series.Labels.Length == 0 ? "" : ",";
        for (var i = 0; i < buckets.Count; i++)
        {
            sum += buckets[i];
            var bound = i < series.Bounds.Count ? series.Bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
            AddLine(name + "_bucket", $"{series.Labels}{separator}le=\"{bound}\"", sum);
        }

        AddLine(name + "_sum", series.Labels, series.Value);
        AddLine(name + "_count", series.Labels, sum);
    }

    private void AddLine(string name, string labels, double value)
    {
        _text.Append(name);
        if (labels.Length > 0)
        {
            _text.Append('{').Append(labels).Append('}');
        }

        _text.Append(' ').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string FullName(MetricFamily family)
    {
        var name = Name(family.Name);
        name += family.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        return family.Kind == MetricKind.Counter ? name + "_total" : name;
    }

    private static string Name(string name) => string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
}
