using Microsoft.Extensions.Logging;
using Postern.Configuration;
using Postern.Identity.Jwt;

namespace Postern.Commands.Checks;

/// <summary>Whether each issuer's keys can be fetched, by the code that the gate itself fetches them with.</summary>
internal static class IssuerChecks
{
    public static async Task RunAsync(PosternOptions options, Problems problems, TimeProvider time, CancellationToken cancellation)
    {
        await Task.WhenAll(options.Identity.AllIssuers().Where(issuer => issuer.Value.Issuer.Length > 0 || issuer.Value is { TrustDomain: not null, KeySet: not null }).Select(async issuer =>
        {
            var log = new LastMessage();
            await using var keys = new IssuerKeys(issuer.Value, time, log);
            await keys.FirstFetch.WaitAsync(cancellation);
            if (!keys.IsUsable)
            {
                lock (problems)
                {
                    problems.Error($"identity.{issuer.Place}", $"its keys can't be fetched: {log.Text}");
                }
            }
        }));
    }

    /// <summary>What the fetching code would have logged is what the operator wants to read here.</summary>
    private sealed class LastMessage : ILogger
    {
        public string Text { get; private set; } = "no answer";

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                var reason = (state as IReadOnlyList<KeyValuePair<string, object?>>)?.FirstOrDefault(p => p.Key == "reason" || p.Key == "Reason").Value;
                Text = reason?.ToString() ?? formatter(state, exception);
            }
        }
    }
}
