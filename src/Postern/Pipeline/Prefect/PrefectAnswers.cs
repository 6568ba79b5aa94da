using System.Collections.Frozen;
using System.IO.Compression;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Pipeline.Prefect;

/// <summary>Reads from the server's answer what the record says of the call: ids that only the answer has. What can't be read is left out; the answer itself goes back untouched.</summary>
internal static class PrefectAnswers
{
    private const int MostInflated = 4 * 1024 * 1024;
    private const int MostRuns = 50;

    // What the object in the answer, or each of a list of them, is.
    private static readonly FrozenDictionary<string, PrefectObject> s_told = new Dictionary<string, PrefectObject>
    {
        ["create_flow_run"] = PrefectObject.FlowRun,
        ["create_flow_run_from_deployment"] = PrefectObject.FlowRun,
        ["bulk_create_flow_runs_from_deployment"] = PrefectObject.FlowRun,
        ["get_scheduled_flow_runs"] = PrefectObject.FlowRun,
        ["get_scheduled_flow_runs_for_deployments"] = PrefectObject.FlowRun,
        ["read_work_queue_runs"] = PrefectObject.FlowRun,
        ["create_task_run"] = PrefectObject.TaskRun,
        ["create_deployment"] = PrefectObject.Deployment,
        ["create_flow"] = PrefectObject.Flow,
        ["create_artifact"] = PrefectObject.Artifact,
        ["create_automation"] = PrefectObject.Automation,
        ["create_block_document"] = PrefectObject.BlockDocument,
        ["create_variable"] = PrefectObject.Variable,
        // These say what became of the state that was asked for.
        ["set_flow_run_state"] = PrefectObject.None,
        ["bulk_set_flow_run_state"] = PrefectObject.None,
        ["resume_flow_run"] = PrefectObject.None,
        ["set_task_run_state"] = PrefectObject.None,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The operations whose answers are read; a test keeps them among those of the catalogue.</summary>
    public static IEnumerable<string> Operations => s_told.Keys;

    /// <summary>Whether the record of the operation needs its answer.</summary>
    public static bool AreRead(PrefectRoute route) => s_told.ContainsKey(route.Operation);

    public static void Read(PrefectCall call, ReadOnlyMemory<byte> answer)
    {
        var response = call.Context.Response;
        if (!s_told.TryGetValue(call.Route.Operation, out var told) || answer.IsEmpty || response.StatusCode is < 200 or > 299 || response.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true)
        {
            return;
        }

        try
        {
            var plain = Plain(response, answer);
            if (plain.IsEmpty)
            {
                return;
            }

            using var document = JsonDocument.Parse(plain);
            Read(call.Facts, told, document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            call.Note = "the answer could not be read for the record";
        }
    }

    /// <summary>The answer unpacked; empty where it can't be.</summary>
    public static ReadOnlyMemory<byte> Plain(HttpResponse response, ReadOnlyMemory<byte> answer)
    {
        try
        {
            return response.Headers.ContentEncoding.ToString() switch { "" => answer, "gzip" => Inflate(answer), _ => default };
        }
        catch (InvalidDataException)
        {
            return default;
        }
    }

    private static void Read(PrefectFacts facts, PrefectObject told, JsonElement root)
    {
        if (root.ValueKind == JsonValueKind.Array)
        {
            // What was handed out: one run each.
            var runs = root.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Object && item.TryGetProperty("flow_run", out var run) ? run : item).Select(run => Text(run, "id")).OfType<string>().Take(MostRuns + 1).ToList();
            facts.FlowRunId ??= runs.Count == 0 || told is not PrefectObject.FlowRun ? null : string.Join(',', runs.Take(MostRuns)) + (runs.Count > MostRuns ? ",…" : "");
            return;
        }

        if (root.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        if (told == PrefectObject.None)
        {
            facts.StateStatus ??= Text(root, "status");
        }

        if (root.TryGetProperty("results", out var results) && results.ValueKind == JsonValueKind.Array)
        {
            facts.FlowRunId ??= string.Join(',', results.EnumerateArray().Select(item => Text(item, "flow_run_id")).OfType<string>().Take(MostRuns));
            return;
        }

        switch (told)
        {
            case PrefectObject.FlowRun:
                facts.FlowRunId ??= Text(root, "id");
                facts.FlowRunName ??= Text(root, "name");
                facts.DeploymentId ??= Text(root, "deployment_id");
                facts.FlowId ??= Text(root, "flow_id");
                facts.WorkPool ??= Text(root, "work_pool_name");
                facts.WorkQueue ??= Text(root, "work_queue_name");
                break;
            case PrefectObject.TaskRun:
                facts.TaskRunId ??= Text(root, "id");
                facts.FlowRunId ??= Text(root, "flow_run_id");
                break;
            case PrefectObject.Deployment:
                facts.DeploymentId ??= Text(root, "id");
                break;
            case PrefectObject.Flow:
                facts.FlowId ??= Text(root, "id");
                break;
            case PrefectObject.None:
                break;
            default:
                facts.Object ??= Text(root, "id") is { } id ? $"{told} {id}" : null;
                break;
        }
    }

    private static string? Text(JsonElement from, string name) =>
        from.ValueKind == JsonValueKind.Object && from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static ReadOnlyMemory<byte> Inflate(ReadOnlyMemory<byte> answer)
    {
        using var gzip = new GZipStream(new MemoryStream(answer.ToArray(), writable: false), CompressionMode.Decompress);
        var plain = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int read; (read = gzip.Read(buffer)) > 0;)
        {
            plain.Write(buffer, 0, read);
            if (plain.Length > MostInflated)
            {
                return default;
            }
        }

        return plain.GetBuffer().AsMemory(0, (int)plain.Length);
    }
}
