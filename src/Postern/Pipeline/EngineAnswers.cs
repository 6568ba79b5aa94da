using Microsoft.AspNetCore.Http;
using Postern.Engines.Temporal;

namespace Postern.Pipeline;

/// <summary>
/// What an engine says of itself to everybody alike, kept for a minute. An older answer serves while the engine can't be asked: clients that only start shouldn't fail of it.
/// The engine also tells clients that are too old or too new so; what they say of themselves is asked with it, and kept apart.
/// </summary>
internal sealed class EngineAnswers(TimeProvider time)
{
    // Clients say what they like: what doesn't fit is asked anew each time.
    private const int MostKept = 64;

    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(1);

    // An engine that doesn't answer must not hold up each call anew.
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<Question, Kept> _kept = [];

    /// <summary>The engine's answer: the one kept, or a new one. A question is asked once at a time, whoever asks.</summary>
    public ValueTask<EngineReply> GetAsync(Call call)
    {
        var headers = call.RequestHeaders;
        var question = new Question(call.Method.Path, One(headers, "client-name"), One(headers, "client-version"), One(headers, "supported-server-versions"));
        Task<EngineReply> asking;
        lock (_lock)
        {
            if (!_kept.TryGetValue(question, out var kept))
            {
                kept = new Kept();
                if (_kept.Count < MostKept)
                {
                    _kept[question] = kept;
                }
            }

            if (kept.Reply is { } reply && time.GetUtcNow() < kept.AskAgainAt)
            {
                return new(reply);
            }

            asking = kept.Asking ??= AskAsync(call.Engine.Client, call.Method, question, kept);
        }

        return new(asking.WaitAsync(call.Lifetime.RequestAborted));
    }

    private async Task<EngineReply> AskAsync(EngineClient client, TemporalMethod method, Question question, Kept kept)
    {
        // Off the lock: whoever asks first holds it.
        await Task.Yield();
        try
        {
            var reply = await client.CallAsync(
                method, ReadOnlyMemory<byte>.Empty, "temporal-system:read", CancellationToken.None,
                ("client-name", question.Client), ("client-version", question.Version), ("supported-server-versions", question.Servers));
            lock (_lock)
            {
                kept.Reply = reply.IsOk ? reply : kept.Reply;
                kept.AskAgainAt = time.GetUtcNow() + (reply.IsOk ? Fresh : AskAgainAfter);
                return kept.Reply ?? reply;
            }
        }
        finally
        {
            lock (_lock)
            {
                kept.Asking = null;
            }
        }
    }

    private static string? One(IHeaderDictionary headers, string name) => headers[name] is { Count: 1 } values && values[0] is { Length: <= 128 } value ? value : null;

    private sealed record Question(string Path, string? Client, string? Version, string? Servers);

    private sealed class Kept
    {
        public EngineReply? Reply { get; set; }

        public DateTimeOffset AskAgainAt { get; set; }

        public Task<EngineReply>? Asking { get; set; }
    }
}
