using Temporalio.Api.Worker.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Workers by the key of their process, as their last heartbeat described them. Used under the engine's lock only.</summary>
internal sealed class WorkerStore
{
    private readonly Dictionary<(string Namespace, string Key), WorkerHeartbeat> workers = [];

    public void Note(string namespaceId, WorkerHeartbeat heartbeat) => workers[(namespaceId, heartbeat.WorkerInstanceKey)] = heartbeat;

    public IEnumerable<WorkerHeartbeat> In(string namespaceId) =>
        workers.Where(w => w.Key.Namespace == namespaceId).OrderBy(w => w.Key.Key, StringComparer.Ordinal).Select(w => w.Value);

    public WorkerHeartbeat? Find(string namespaceId, string key) => workers.GetValueOrDefault((namespaceId, key));
}
