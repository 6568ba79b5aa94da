using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Keeps every log line at every level, with its state's values: what is searched for secrets, and what must hold no error that the test didn't expect.</summary>
internal sealed class LogCapture : ILoggerProvider
{
    private readonly ConcurrentQueue<LogLine> _lines = new();
    private readonly ConcurrentBag<Func<LogLine, bool>> _expected = [];

    public IReadOnlyList<LogLine> Lines => [.. _lines];

    public IEnumerable<LogLine> Unexpected => _lines.Where(line => line.Level >= LogLevel.Error && !_expected.Any(expected => expected(line)));

    /// <summary>Errors like these are part of the test.</summary>
    public void Expect(Func<LogLine, bool> error) => _expected.Add(error);

    public ILogger CreateLogger(string categoryName) => new Logger(categoryName, _lines);

    public void Dispose()
    {
        // Lines stay readable after the gate's end.
    }

    private sealed class Logger(string category, ConcurrentQueue<LogLine> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var values = state is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs.Select(pair => $"{pair.Key}={pair.Value}")) : "";
            lines.Enqueue(new LogLine(logLevel, category, eventId, formatter(state, exception), values, exception));
        }
    }
}

internal sealed record LogLine(LogLevel Level, string Category, EventId Event, string Text, string Values, Exception? Exception)
{
    public override string ToString() => $"{Level} {Category}[{Event.Id} {Event.Name}] {Text} | {Values} | {Exception}";
}
