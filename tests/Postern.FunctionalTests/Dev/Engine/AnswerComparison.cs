using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>What must be the same in a recorded answer and ours: all but times, sizes, ids that the engine makes up, and what only versioned workers have.</summary>
internal static class AnswerComparison
{
    private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(false));

    // Times, sizes and ids of the engine's own; and builds, which this engine doesn't keep.
    private static readonly HashSet<string> Volatile = new(StringComparer.Ordinal)
    {
        "eventTime", "taskId", "requestId", "historySizeBytes", "workerVersion", "prevAutoResetPoints", "workflowExecutionExpirationTime", "firstWorkflowTaskBackoff",
        "useWorkflowBuildId", "inheritBuildId", "sourceVersionStamp", "buildIds", "newExecutionRunId", "nextPageToken",
    };

    /// <summary>An error's details as text, with our ids.</summary>
    public static string Details(RunMap runs, string? header)
    {
        if (header is null)
        {
            return "";
        }

        var padded = header.PadRight((header.Length + 3) / 4 * 4, '=');
        return runs.Translate(Encoding.Latin1.GetString(Convert.FromBase64String(padded)));
    }

    public static string? Difference(RunMap runs, RecordedCall call, byte[] ours)
    {
        var recorded = runs.Translate(GrpcFrame.Message(call.ResponseBody));
        return call.Operation switch
        {
            "StartWorkflowExecution" or "SignalWorkflowExecution" or "SignalWithStartWorkflowExecution" or "UpdateWorkflowExecution" or "ExecuteMultiOperation"
                or "PollWorkflowExecutionUpdate" or "QueryWorkflow" or "RecordActivityTaskHeartbeat" or "RespondActivityTaskFailed" or "TerminateWorkflowExecution"
                or "RequestCancelWorkflowExecution" => Same(call, recorded, ours, "eagerWorkflowTask"),
            "RespondWorkflowTaskCompleted" => Same(
                Completion(RespondWorkflowTaskCompletedResponse.Parser.ParseFrom(recorded)), Completion(RespondWorkflowTaskCompletedResponse.Parser.ParseFrom(ours))),
            "GetWorkflowExecutionHistory" => Events(runs, recorded, ours),
            "CountWorkflowExecutions" => Same(call, recorded, ours),
            _ => null,
        };
    }

    /// <summary>What differs between a recorded event and ours of the same number.</summary>
    public static string? Difference(RunMap runs, HistoryEvent recorded, HistoryEvent? ours)
    {
        if (ours is null || ours.EventType != recorded.EventType)
        {
            return $"event {recorded.EventId} was {recorded.EventType}, ours {ours?.EventType.ToString() ?? "is missing"}";
        }

        var (theirs, mine) = (Text(HistoryEvent.Parser.ParseFrom(runs.Translate(recorded.ToByteArray()))), Text(ours));
        return theirs == mine ? null : $"event {recorded.EventId} was {theirs}, ours {mine}";
    }

    private static string Completion(RespondWorkflowTaskCompletedResponse answer) =>
        $"activities {answer.ActivityTasks.Count}, reset to {answer.ResetHistoryEventId}";

    // Waiting requests may be answered with another page than then; what ends a run is its last event.
    private static string? Events(RunMap runs, byte[] recorded, byte[] ours)
    {
        var (theirs, mine) = (GetWorkflowExecutionHistoryResponse.Parser.ParseFrom(recorded).History.Events, GetWorkflowExecutionHistoryResponse.Parser.ParseFrom(ours).History.Events);
        if (theirs.Count == 0 || mine.Count == 0 || theirs[^1].EventType is EventType.WorkflowTaskCompleted)
        {
            return null;
        }

        // How far a worker had come when someone terminated its workflow is chance.
        var terminated = theirs[^1].EventType == EventType.WorkflowExecutionTerminated;
        theirs[^1].EventId = terminated ? mine[^1].EventId : theirs[^1].EventId;
        return Difference(runs, theirs[^1], mine[^1]);
    }

    private static string? Same(RecordedCall call, byte[] recorded, byte[] ours, params string[] without)
    {
        var type = EngineCalls.Type(call.Path, "Response");
        return Same(Text(type.Parser.ParseFrom(recorded), without), Text(type.Parser.ParseFrom(ours), without));
    }

    private static string? Same(string recorded, string ours) => recorded == ours ? null : $"recorded {recorded}, ours {ours}";

    private static string Text(IMessage message, params string[] without)
    {
        var json = JsonNode.Parse(Json.Format(message))!;
        Strip(json, without);
        return json.ToJsonString();
    }

    private static void Strip(JsonNode? node, string[] without)
    {
        switch (node)
        {
            case JsonObject o:
                foreach (var (name, value) in o.ToList())
                {
                    Strip(value, without);
                    // An empty message says no more than none.
                    if (Volatile.Contains(name) || without.Contains(name) || value is JsonObject { Count: 0 } || IsNoTime(value))
                    {
                        o.Remove(name);
                    }
                }

                var sorted = o.OrderBy(p => p.Key, StringComparer.Ordinal).ToList();
                o.Clear();
                foreach (var (name, value) in sorted)
                {
                    o[name] = value;
                }

                break;
            case JsonArray a:
                foreach (var item in a)
                {
                    Strip(item, without);
                }

                break;
        }
    }

    private static bool IsNoTime(JsonNode? value) => value is JsonValue v && v.TryGetValue<string>(out var text) && text == "0s";
}
