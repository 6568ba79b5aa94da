using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect.Sockets;

/// <summary>
/// What an event or a line of a log that the server sends is about. An event carries ids of its resource and of what is related to it; the names beside them are its
/// author's word, and whoever may write events may write any: only ids count, and what they stand for is looked up.
/// </summary>
internal static class SubjectMessage
{
    // From the narrowest on: of a run everything else is known, of a flow little. The narrowest that is mentioned says whose event it is.
    private static readonly (string Prefix, PrefectObject Object)[] Kinds =
    [
        ("prefect.flow-run.", PrefectObject.FlowRun),
        ("prefect.task-run.", PrefectObject.TaskRun),
        ("prefect.deployment.", PrefectObject.Deployment),
        ("prefect.flow.", PrefectObject.Flow),
        ("prefect.work-queue.", PrefectObject.WorkQueue),
    ];

    /// <summary>
    /// What the message is about: whoever gets it must be allowed to see each. Empty where it is about nothing that can be looked up, which only callers get who may see
    /// everything. Null where it is no event and no log.
    /// </summary>
    public static IReadOnlyList<PrefectNames>? Read(PrefectSocket socket, ReadOnlyMemory<byte> message)
    {
        using var document = SocketJson.Read(message);
        return document?.RootElement is not { } root ? null
            : socket == PrefectSocket.EventsOut && root.Text("type") == "event" && root.TryGetProperty("event", out var written) ? OfEvent(written)
            : socket == PrefectSocket.LogsOut && root.Text("type") == "log" && root.TryGetProperty("log", out var line) ? OfLog(line)
            : null;
    }

    private static List<PrefectNames>? OfEvent(JsonElement written)
    {
        if (written.ValueKind != JsonValueKind.Object || !written.TryGetProperty("resource", out var resource))
        {
            return null;
        }

        var ids = new List<string?> { resource.Text("prefect.resource.id") };
        if (written.TryGetProperty("related", out var related))
        {
            if (related.ValueKind != JsonValueKind.Array)
            {
                return null;
            }

            ids.AddRange(related.EnumerateArray().Select(one => one.Text("prefect.resource.id")));
        }

        if (ids.Contains(null))
        {
            return null;
        }

        // A task run is its flow run's, where it names one; background tasks have none.
        foreach (var (prefix, kind) in Kinds)
        {
            var found = ids.Where(id => id!.StartsWith(prefix, StringComparison.Ordinal)).Select(id => id![prefix.Length..]).Distinct(StringComparer.Ordinal).ToList();
            if (found.Count > 0)
            {
                var names = found.Select(id => NamesOf(kind, id)).OfType<PrefectNames>().ToList();
                return names.Count == found.Count ? names : null;
            }
        }

        return [];
    }

    private static List<PrefectNames>? OfLog(JsonElement line) =>
        line.ValueKind != JsonValueKind.Object ? null
        : line.Text("flow_run_id") is { } run ? NamesOf(PrefectObject.FlowRun, run) is { } names ? [names] : null
        : line.Text("task_run_id") is { } task ? NamesOf(PrefectObject.TaskRun, task) is { } ofTask ? [ofTask] : null
        : [];

    private static PrefectNames? NamesOf(PrefectObject kind, string id) =>
        Guid.TryParseExact(id, "D", out var guid) ? new PrefectNames { Object = kind, ObjectId = guid.ToString("D") } : null;
}
