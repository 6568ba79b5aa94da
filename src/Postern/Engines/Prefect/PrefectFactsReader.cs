using System.Text.Json;
using Postern.Model;

namespace Postern.Engines.Prefect;

/// <summary>What the record says of a call, as the call itself says it: names and ids, the names of parameters and never their values, the state that is asked for.</summary>
internal static class PrefectFactsReader
{
    private const int MostNamed = 50;

    public static void Read(PrefectFacts facts, PrefectMatch match, Operation operation, JsonElement? body)
    {
        if (operation.First.Prefect is { } names)
        {
            facts.WorkPool = names.WorkPool;
            facts.WorkQueue = names.WorkQueue;
            facts.Deployment = names.Deployment;
            facts.Flow = names.Flow;
            Name(facts, names);
        }

        if (operation.Count > 1)
        {
            facts.FlowRunId ??= Several(operation);
        }

        if (body is { ValueKind: JsonValueKind.Object } root)
        {
            Read(facts, match.Route, root);
        }
    }

    /// <summary>Adds what a look-up told of the things that the call means by their ids.</summary>
    public static void Complete(PrefectFacts facts, Operation operation)
    {
        if (operation.First.Prefect is { } names)
        {
            facts.WorkPool ??= names.WorkPool;
            facts.WorkQueue ??= names.WorkQueue;
            facts.Deployment ??= names.Deployment;
            facts.Flow ??= names.Flow;
        }
    }

    private static void Name(PrefectFacts facts, PrefectNames names)
    {
        switch (names.ObjectId is null ? PrefectObject.None : names.Object)
        {
            case PrefectObject.FlowRun:
                facts.FlowRunId = names.ObjectId;
                break;
            case PrefectObject.TaskRun:
                facts.TaskRunId = names.ObjectId;
                break;
            case PrefectObject.Deployment:
                facts.DeploymentId = names.ObjectId;
                break;
            case PrefectObject.Flow:
                facts.FlowId = names.ObjectId;
                break;
            case PrefectObject.None:
                break;
            default:
                facts.Object = $"{names.Object} {names.ObjectId}";
                break;
        }
    }

    private static string? Several(Operation operation)
    {
        var ids = new List<string>();
        for (var i = 0; i < operation.Count && ids.Count <= MostNamed; i++)
        {
            if (operation[i].Prefect is { Object: PrefectObject.FlowRun, ObjectId: { } id } && !ids.Contains(id))
            {
                ids.Add(id);
            }
        }

        return ids.Count == 0 ? null : string.Join(',', ids.Take(MostNamed)) + (ids.Count > MostNamed ? ",…" : "");
    }

    private static void Read(PrefectFacts facts, PrefectRoute route, JsonElement root)
    {
        if (root.TryGetProperty("parameters", out var parameters) && parameters.ValueKind == JsonValueKind.Object)
        {
            facts.Parameters = string.Join(',', parameters.EnumerateObject().Take(MostNamed).Select(parameter => parameter.Name));
        }

        if (root.TryGetProperty("state", out var state) && state.ValueKind == JsonValueKind.Object)
        {
            facts.State = Text(state, "name") is { } name && Text(state, "type") is { } type ? $"{type} ({name})" : Text(state, "type");
        }

        if (route.Body == PrefectBody.Heartbeat)
        {
            facts.Worker = Text(root, "name");
        }

        facts.WorkPool ??= Text(root, "work_pool_name");
        facts.WorkQueue ??= Text(root, "work_queue_name");
        facts.FlowId ??= Id(root, "flow_id");
        facts.DeploymentId ??= Id(root, "deployment_id");
        facts.FlowRunId ??= Id(root, "flow_run_id");
    }

    private static string? Id(JsonElement from, string name) => Text(from, name) is { } text && Guid.TryParse(text, out var id) ? id.ToString() : null;

    private static string? Text(JsonElement from, string name) => from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
