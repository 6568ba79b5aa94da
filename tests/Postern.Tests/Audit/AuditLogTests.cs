using System.Diagnostics.Metrics;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Audit;
using Postern.Audit.Sinks;
using Postern.Model;

namespace Postern.Tests.Audit;

public sealed class AuditLogTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly ScriptedSink _sink = new();
    private readonly Meter _meter = new("test");

    public void Dispose() => _meter.Dispose();

    [Fact]
    public async Task IntentAsync_SinkFlushed_CompletesOnlyThen()
    {
        await using var log = Open();
        _sink.Hold();

        var intent = log.IntentAsync(Record("1")).AsTask();
        await _sink.WhenFlushing();
        Assert.False(intent.IsCompleted);
        _sink.LetGo();

        Assert.True(await intent);
        Assert.Equal(["intent 1"], Shown());
    }

    [Fact]
    public async Task IntentAsync_ManyCallersDuringOneFlush_ShareTheNext()
    {
        await using var log = Open();
        _sink.Hold();
        var first = log.IntentAsync(Record("first")).AsTask();
        await _sink.WhenFlushing();

        var others = Enumerable.Range(0, 500).Select(i => Task.Run(() => log.IntentAsync(Record($"{i}")).AsTask())).ToList();
        var waiting = new TaskCompletionSource();
        using var watch = new Timer(_ => { if (log.QueueLength == 501) { waiting.TrySetResult(); } }, null, 0, 1);
        await waiting.Task;
        _sink.LetGo();

        Assert.True(await first);
        Assert.All(await Task.WhenAll(others), Assert.True);
        Assert.Equal(2, _sink.Flushes);
        Assert.Equal(501, Shown().Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task Calls_FromManyThreads_LoseAndRepeatNothing()
    {
        var memory = new MemoryAuditSink(100_000);
        await using var log = new AuditLog(memory, TimeProvider.System, NullLogger<AuditLog>.Instance, _meter);

        await Parallel.ForEachAsync(Enumerable.Range(0, 2_000), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) =>
        {
            Assert.True(await log.IntentAsync(Record($"{i}")));
            Assert.True(log.Append(Record($"r{i}")));
            Assert.True(await log.OutcomeAsync(Record($"{i}")));
        });
        await log.DisposeAsync();

        Assert.Equal(6_000, memory.Lines.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(6_000, memory.Lines.Count);
        Assert.All(
            memory.Lines.Select(Parse).Where(l => !l.Id.StartsWith('r')).GroupBy(l => l.Id, StringComparer.Ordinal),
            pair => Assert.Equal(["intent", "call"], pair.Select(l => l.Event)));
    }

    [Fact]
    public async Task Append_Alone_IsWrittenByTheClockWithinASecond()
    {
        await using var log = Open();

        Assert.True(log.Append(Record("1")));
        Assert.Equal(0, _sink.Flushes);
        _time.Advance(TimeSpan.FromSeconds(1));
        await _sink.WhenFlushing();
        await log.DisposeAsync();

        Assert.Equal(["call 1"], Shown());
        Assert.Equal(1, _sink.Flushes);
    }

    [Fact]
    public async Task Append_QueueFull_IsRefusedCountedAndToldInTheFile()
    {
        await using var log = Open(capacity: 8);
        _sink.Hold();
        var first = log.IntentAsync(Record("first")).AsTask();
        await _sink.WhenFlushing();

        for (var i = 0; i < 8; i++)
        {
            Assert.Equal(i < 6, log.CanRecord);
            Assert.True(log.Append(Record($"{i}")));
        }

        Assert.False(log.Append(Record("too many")));
        Assert.False(await log.IntentAsync(Record("too many")));
        Assert.False(await log.OutcomeAsync(Record("too many")));
        _sink.LetGo();
        Assert.True(await first);
        await log.DisposeAsync();

        Assert.Equal(9, Shown().Count(s => s.StartsWith("call", StringComparison.Ordinal) || s.StartsWith("intent", StringComparison.Ordinal)));
        Assert.Contains(_sink.Lines, l => l.Contains("\"event\":\"gap\"", StringComparison.Ordinal) && l.Contains("\"lost\":3", StringComparison.Ordinal));
        Assert.DoesNotContain(_sink.Lines, l => l.Contains("too many", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SinkFails_EveryAnswerIsFalseUntilItWorksAgain()
    {
        await using var log = Open();
        _sink.FailWith(new IOException("No space left on device"));

        Assert.False(await log.IntentAsync(Record("while failing")));
        Assert.True(log.IsFaulted);
        Assert.False(log.CanRecord);
        Assert.False(await log.IntentAsync(Record("refused at once")));
        Assert.False(await log.OutcomeAsync(Record("engine had acted")));
        Assert.False(log.Append(Record("read")));

        _sink.FailWith(null);
        await Recover(log);

        Assert.True(log.CanRecord);
        Assert.True(await log.IntentAsync(Record("after")));
        await log.DisposeAsync();
        Assert.Equal(["gap", "intent while failing", "call engine had acted", "call read", "intent after"], Shown());
    }

    [Fact]
    public async Task OutcomeAsync_SinkFails_RecordIsKeptForLater()
    {
        await using var log = Open();
        Assert.True(await log.IntentAsync(Record("1")));
        _sink.FailWith(new IOException("broken"));

        Assert.False(await log.OutcomeAsync(Record("1")));
        Assert.False(await log.IntentAsync(Record("2")));
        _sink.FailWith(null);
        await Recover(log);
        await log.DisposeAsync();

        Assert.Equal(["intent 1", "gap", "call 1"], Shown());
    }

    [Fact]
    public async Task SinkHangs_WaitingCallersAreToldAndOthersRefused()
    {
        await using var log = Open();
        _sink.Hold();
        var stuck = log.IntentAsync(Record("stuck")).AsTask();
        await _sink.WhenFlushing();
        var behind = log.IntentAsync(Record("behind")).AsTask();

        _time.Advance(AuditLog.StallLimit + AuditLog.BatchPeriod);

        Assert.False(await stuck);
        Assert.False(await behind);
        Assert.False(await log.IntentAsync(Record("next")));
        _sink.LetGo();
        await Recover(log);
        Assert.True(await log.IntentAsync(Record("after")));
    }

    [Fact]
    public async Task DisposeAsync_RecordsWaiting_WritesThemAndClosesTheSink()
    {
        var log = Open();
        log.Append(Record("1"));
        log.Append(Record("2"));

        await log.DisposeAsync();

        Assert.Equal(["call 1", "call 2"], Shown());
        Assert.True(_sink.IsDisposed);
        Assert.False(log.Append(Record("3")));
        Assert.False(await log.IntentAsync(Record("3")));
    }

    [Fact]
    public async Task DisposeAsync_SinkFails_Ends()
    {
        var log = Open();
        _sink.FailWith(new IOException("broken"));
        log.Append(Record("1"));

        await log.DisposeAsync();

        Assert.Empty(Shown());
    }

    [Fact]
    public async Task Append_RecordInHand_AllocatesNothing()
    {
        await using var log = Open(capacity: 100_000);
        _sink.Hold();
        var first = log.IntentAsync(Record("first")).AsTask();
        await _sink.WhenFlushing();
        var record = Record("1");
        for (var i = 0; i < 5_000; i++)
        {
            log.Append(record);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 2_000; i++)
        {
            log.Append(record);
        }

        // 5,000 made room for 8,192.
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        _sink.LetGo();
        Assert.True(await first);
    }

    private AuditLog Open(int capacity = AuditLog.DefaultCapacity) => new(_sink, _time, NullLogger<AuditLog>.Instance, _meter, capacity);

    private async Task Recover(AuditLog log)
    {
        while (log.IsFaulted)
        {
            _time.Advance(AuditLog.BatchPeriod);
            await Task.Yield();
        }
    }

    private List<string> Shown()
    {
        lock (_sink.Lines)
        {
            return [.. _sink.Lines.Select(Parse).Select(l => $"{l.Event} {l.Id}".TrimEnd())];
        }
    }

    private static (string Event, string Id) Parse(string line)
    {
        using var json = JsonDocument.Parse(line);
        return (json.RootElement.GetProperty("event").GetString()!, json.RootElement.TryGetProperty("id", out var id) ? id.GetString()! : "");
    }

    private static AuditRecord Record(string id) => new() { CallId = id, Engine = "temporal/main", Operation = "StartWorkflowExecution" };
}
