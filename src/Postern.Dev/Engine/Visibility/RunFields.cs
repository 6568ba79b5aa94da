using System.Globalization;
using System.Text.Json;
using Postern.Dev.Engine.Runs;

namespace Postern.Dev.Engine.Visibility;

/// <summary>What a query's names mean for a run, as text; none where the run has no such value.</summary>
internal static class RunFields
{
    public static IReadOnlyList<string> Of(WorkflowRun run, string field) => field switch
    {
        "WorkflowId" => [run.WorkflowId],
        "RunId" => [run.RunId],
        "WorkflowType" => [run.Start.Type],
        "TaskQueue" => [run.Start.TaskQueue],
        "ExecutionStatus" => [run.Status.ToString()],
        "StartTime" => [Time(run.StartTime)],
        "ExecutionTime" => [Time(run.ExecutionTime)],
        "CloseTime" => run.CloseTime is { } closed ? [Time(closed)] : [],
        "ExecutionDuration" => run.CloseTime is { } end ? [Number((end - run.ExecutionTime).Ticks * 100)] : [],
        "HistoryLength" => [Number(run.Log.Events.Count)],
        "HistorySizeBytes" => [Number(run.Log.SizeBytes)],
        "StateTransitionCount" => [Number(run.StateTransitions)],
        "ParentWorkflowId" => run.Start.Parent is { } parent ? [parent.Run.WorkflowId] : [],
        "ParentRunId" => run.Start.Parent is { } parent ? [parent.Run.RunId] : [],
        "RootWorkflowId" => [run.Start.Root?.WorkflowId ?? run.WorkflowId],
        "RootRunId" => [run.Start.Root?.RunId ?? run.RunId],
        _ => Custom(run, field),
    };

    /// <summary>Compares as numbers or times where both are, else as text.</summary>
    public static int Compare(string left, string right)
    {
        if (double.TryParse(left, NumberStyles.Float, CultureInfo.InvariantCulture, out var a)
            && double.TryParse(right, NumberStyles.Float, CultureInfo.InvariantCulture, out var b))
        {
            return a.CompareTo(b);
        }

        if (left.Length > 10 && right.Length >= 10
            && DateTimeOffset.TryParse(left, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var from)
            && DateTimeOffset.TryParse(right, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var to))
        {
            return from.CompareTo(to);
        }

        return string.CompareOrdinal(left, right);
    }

    private static IReadOnlyList<string> Custom(WorkflowRun run, string field)
    {
        if (run.SearchAttributes is null || !run.SearchAttributes.IndexedFields.TryGetValue(field, out var payload))
        {
            return [];
        }

        try
        {
            using var json = JsonDocument.Parse(payload.Data.Memory);
            return json.RootElement.ValueKind == JsonValueKind.Array
                ? [.. json.RootElement.EnumerateArray().Select(Text)]
                : [Text(json.RootElement)];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    private static string Time(DateTimeOffset time) => time.ToString("O", CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
