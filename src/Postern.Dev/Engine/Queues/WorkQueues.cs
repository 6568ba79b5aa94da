using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Queues;

/// <summary>All task queues, made when first named.</summary>
internal sealed class WorkQueues(EngineState state)
{
    private readonly Dictionary<(string Namespace, string Name), WorkQueue<PollWorkflowTaskQueueResponse>> workflow = [];
    private readonly Dictionary<(string Namespace, string Name), WorkQueue<PollActivityTaskQueueResponse>> activity = [];
    private readonly Dictionary<(string Namespace, string Name), WorkQueue<PollNexusTaskQueueResponse>> nexus = [];

    public WorkQueue<PollWorkflowTaskQueueResponse> Workflow(string namespaceId, string name) => In(workflow, namespaceId, name);

    public WorkQueue<PollActivityTaskQueueResponse> Activity(string namespaceId, string name) => In(activity, namespaceId, name);

    public WorkQueue<PollNexusTaskQueueResponse> Nexus(string namespaceId, string name) => In(nexus, namespaceId, name);

    /// <summary>Ends one worker's open polls on a queue.</summary>
    public void EndFor(string namespaceId, string name, IEnumerable<TaskQueueType> types, string instanceKey)
    {
        foreach (var type in types)
        {
            switch (type)
            {
                case TaskQueueType.Workflow:
                    Workflow(namespaceId, name).End(instanceKey);
                    break;
                case TaskQueueType.Activity:
                    Activity(namespaceId, name).End(instanceKey);
                    break;
                case TaskQueueType.Nexus:
                    Nexus(namespaceId, name).End(instanceKey);
                    break;
            }
        }
    }

    /// <summary>Ends every open poll.</summary>
    public void EndAll()
    {
        foreach (var queue in workflow.Values)
        {
            queue.End(null);
        }

        foreach (var queue in activity.Values)
        {
            queue.End(null);
        }

        foreach (var queue in nexus.Values)
        {
            queue.End(null);
        }
    }

    private WorkQueue<T> In<T>(Dictionary<(string, string), WorkQueue<T>> queues, string namespaceId, string name)
        where T : class
    {
        if (!queues.TryGetValue((namespaceId, name), out var queue))
        {
            queues.Add((namespaceId, name), queue = new WorkQueue<T>(state));
        }

        return queue;
    }
}
