using System.Buffers;
using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text;
using Postern.Model;
using Postern.Telemetry;

namespace Postern.Tests.Telemetry;

public sealed class MetricsTests : IDisposable
{
    private readonly Metrics _metrics = new();

    public void Dispose() => _metrics.Dispose();

    [Fact]
    public void WriteText_CallsEnded_AreCountedByMethodDecisionAndReason()
    {
        var start = _metrics.Method("main", "StartWorkflowExecution", isPoll: false);
        for (var i = 0; i < 3; i++)
        {
            start.Begin();
        }

        start.End(DecisionKind.Allow, null, TimeSpan.FromMilliseconds(3));
        start.End(DecisionKind.Deny, RefusalReason.NotAllowed, TimeSpan.FromMilliseconds(0.2));

        var text = Text();
        Assert.Contains("# TYPE postern_calls_total counter\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_total{engine=\"main\",method=\"StartWorkflowExecution\",decision=\"allow\",reason=\"none\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_total{engine=\"main\",method=\"StartWorkflowExecution\",decision=\"deny\",reason=\"not-allowed\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_open 1\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_duration_seconds_bucket{engine=\"main\",method=\"StartWorkflowExecution\",le=\"0.0005\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_duration_seconds_bucket{engine=\"main\",method=\"StartWorkflowExecution\",le=\"0.005\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_duration_seconds_bucket{engine=\"main\",method=\"StartWorkflowExecution\",le=\"+Inf\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_duration_seconds_count{engine=\"main\",method=\"StartWorkflowExecution\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_duration_seconds_sum{engine=\"main\",method=\"StartWorkflowExecution\"} 0.0032\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteText_PollsDenied_AreCountedApart()
    {
        var poll = _metrics.Method("main", "PollWorkflowTaskQueue", isPoll: true);
        poll.Begin();
        poll.Begin();
        poll.End(DecisionKind.Deny, RefusalReason.NotAllowed, TimeSpan.Zero);

        var text = Text();
        Assert.Contains("postern_polls_open 1\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_polls_denied_total 1\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_calls_open 0\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteText_InstrumentsOfRooms_AreAddedUp()
    {
        var failures = _metrics.Meter.CreateCounter<long>("postern.identity.failures", null, "Failed authentications");
        failures.Add(2, new KeyValuePair<string, object?>("reason", "expired"));
        failures.Add(3, new KeyValuePair<string, object?>("reason", "expired"));
        var connections = _metrics.Meter.CreateUpDownCounter<long>("postern.upstream.connections");
        connections.Add(4);
        connections.Add(-1);
        var size = 7;
        _metrics.Meter.CreateObservableGauge("postern.cache.size", () => size, null, "Entries");
        var wait = _metrics.Meter.CreateHistogram<double>("postern.wait", "s", "Waiting");
        wait.Record(0.02);
        wait.Record(100);

        Assert.Contains("postern_cache_size 7\n", Text(), StringComparison.Ordinal);
        size = 5;
        var text = Text();
        Assert.Contains("postern_identity_failures_total{reason=\"expired\"} 5\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_upstream_connections 3\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_cache_size 5\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_wait_seconds_bucket{le=\"0.025\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_wait_seconds_bucket{le=\"+Inf\"} 2\n", text, StringComparison.Ordinal);
        Assert.Contains("postern_wait_seconds_sum 100.02\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteText_HostileLabel_StaysInItsQuotes()
    {
        _metrics.Meter.CreateCounter<long>("postern.x").Add(1, new KeyValuePair<string, object?>("name", "a\"} 9\nforged{x=\"\\"));

        Assert.Contains("postern_x_total{name=\"a\\\"} 9\\nforged{x=\\\"\\\\\"} 1\n", Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void WriteText_TwoGatesInOneProcess_CountApart()
    {
        using var other = new Metrics();
        other.Meter.CreateCounter<long>("postern.y").Add(1);

        Assert.DoesNotContain("postern_y", Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void End_OnTheRequestPath_AllocatesNothing()
    {
        var method = _metrics.Method("main", "StartWorkflowExecution", isPoll: false);
        method.Begin();
        method.End(DecisionKind.Allow, null, TimeSpan.FromMilliseconds(1));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            method.Begin();
            method.End(DecisionKind.Allow, null, TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void End_FromManyThreads_LosesNothing()
    {
        var method = _metrics.Method("main", "StartWorkflowExecution", isPoll: false);
        Parallel.For(0, 10_000, _ =>
        {
            method.Begin();
            method.End(DecisionKind.Allow, null, TimeSpan.FromMilliseconds(1));
        });

        Assert.Equal(10_000, method.Ended(DecisionKind.Allow, null));
        Assert.Equal(0, method.Open);
        Assert.Equal(10, method.TotalSeconds, 6);
    }

    [Fact]
    public void Method_AskedTwice_IsTheSame() => Assert.Same(_metrics.Method("main", "X", false), _metrics.Method("main", "X", false));

    [Fact]
    public void EventIds_Ranges_AreApart()
    {
        var starts = typeof(EventIds).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (int)f.GetRawConstantValue()!).ToList();

        Assert.Equal(starts.Count, starts.Distinct().Count());
        Assert.All(starts, s => Assert.Equal(0, s % 100));
    }

    private string Text()
    {
        var buffer = new ArrayBufferWriter<byte>();
        _metrics.WriteText(buffer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
