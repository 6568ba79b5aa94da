using System.Diagnostics.Metrics;

namespace Postern.Audit;

/// <summary>What an operator watches of the audit. Names are in docs/metrics.md.</summary>
internal sealed class AuditMeters
{
    private readonly Counter<long> _records;
    private readonly Histogram<double> _commit;

    public AuditMeters(Meter meter, Func<int> queueLength, Func<bool> isFaulted)
    {
        _records = meter.CreateCounter<long>("postern.audit.records", null, "Audit records written");
        _commit = meter.CreateHistogram<double>("postern.audit.commit.duration", "s", "Time to write and flush one batch of audit records");
        Lost = meter.CreateCounter<long>("postern.audit.lost", null, "Audit records that found no room; their calls were refused");
        Faults = meter.CreateCounter<long>("postern.audit.faults", null, "Times that audit records could no longer be kept");
        meter.CreateObservableGauge("postern.audit.queue", queueLength, null, "Audit records that wait to be written");
        meter.CreateObservableGauge("postern.audit.faulted", () => isFaulted() ? 1 : 0, null, "1 while audit records can't be kept and calls are refused");
    }

    public Counter<long> Lost { get; }

    public Counter<long> Faults { get; }

    public void Committed(int records, TimeSpan time)
    {
        _records.Add(records);
        _commit.Record(time.TotalSeconds);
    }
}
