using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Common.V1;
using Temporalio.Api.ErrorDetails.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>All runs, and which one is the current of its workflow id. Used under the engine's lock only.</summary>
internal sealed class RunStore
{
    private readonly Dictionary<(string Namespace, string WorkflowId), WorkflowRun> current = [];
    private readonly Dictionary<(string Namespace, string RunId), WorkflowRun> runs = [];
    private readonly Dictionary<string, List<WorkflowRun>> byNamespace = new(StringComparer.Ordinal);

    public void Add(WorkflowRun run)
    {
        var id = run.Start.Namespace.Id;
        current[(id, run.WorkflowId)] = run;
        runs[(id, run.RunId)] = run;
        if (!byNamespace.TryGetValue(id, out var list))
        {
            byNamespace.Add(id, list = []);
        }

        list.Add(run);
    }

    public void Remove(WorkflowRun run)
    {
        var id = run.Start.Namespace.Id;
        runs.Remove((id, run.RunId));
        byNamespace[id].Remove(run);
        if (current.GetValueOrDefault((id, run.WorkflowId)) == run)
        {
            current.Remove((id, run.WorkflowId));
        }
    }

    /// <summary>Every run of a namespace, oldest first.</summary>
    public IReadOnlyList<WorkflowRun> In(string namespaceId) => byNamespace.GetValueOrDefault(namespaceId) ?? [];

    public WorkflowRun? Current(string namespaceId, string workflowId) => current.GetValueOrDefault((namespaceId, workflowId));

    public WorkflowRun? Find(string namespaceId, string workflowId, string runId)
    {
        if (runId.Length == 0)
        {
            return Current(namespaceId, workflowId);
        }

        return runs.TryGetValue((namespaceId, runId), out var run) && run.WorkflowId == workflowId ? run : null;
    }

    /// <summary>The run that a request means, or the server's refusal.</summary>
    public WorkflowRun Get(string namespaceId, WorkflowExecution? execution)
    {
        var workflowId = execution?.WorkflowId ?? "";
        var runId = execution?.RunId ?? "";
        if (workflowId.Length == 0)
        {
            throw new RpcException(StatusCode.InvalidArgument, "WorkflowId is not set on request.");
        }

        if (runId.Length > 0 && !Guid.TryParseExact(runId, "D", out _))
        {
            throw new RpcException(StatusCode.InvalidArgument, "Invalid RunId.");
        }

        return Find(namespaceId, workflowId, runId) ?? throw NotFound(workflowId);
    }

    /// <summary>As <see cref="Get"/>, and it must still be running.</summary>
    public WorkflowRun GetRunning(string namespaceId, WorkflowExecution? execution)
    {
        var run = Get(namespaceId, execution);
        return run.Running ? run : throw Completed();
    }

    public static RpcException NotFound(string workflowId) => new(StatusCode.NotFound, $"workflow not found for ID: {workflowId}", new NotFoundFailure());

    public static RpcException Completed() => new(StatusCode.NotFound, "workflow execution already completed", new NotFoundFailure());
}
