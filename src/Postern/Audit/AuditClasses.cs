using Postern.Model;

namespace Postern.Audit;

/// <summary>How carefully each permission's calls are recorded: the defaults, with the operator's overrides.</summary>
internal sealed class AuditClasses
{
    private readonly AuditClass[] _classes = new AuditClass[128];

    public AuditClasses(AuditOptions options)
    {
        foreach (var permission in Permissions.All)
        {
            _classes[(int)permission] = options.Classes.TryGetValue(permission.Name(), out var chosen) ? chosen : Default(permission);
        }
    }

    /// <summary>The class of a call that needs this permission; an unknown one is a write, the most careful.</summary>
    public AuditClass Of(Permission permission) => _classes[(int)permission & 127];

    /// <summary>The class of a call that needs both.</summary>
    public static AuditClass Strictest(AuditClass one, AuditClass other) => one < other ? one : other;

    // Whatever isn't named here changes something, or will: a new permission is a write until somebody says otherwise.
    public static AuditClass Default(Permission permission) => permission switch
    {
        Permission.WorkerPoll or Permission.WorkerComplete or Permission.WorkerHeartbeat
            or Permission.WorkPoolPoll or Permission.TaskRunPoll or Permission.TaskRunWrite or Permission.FlowRunWrite or Permission.FlowRunReport or Permission.LogWrite or Permission.EventWrite
            or Permission.ArtifactWrite or Permission.ConcurrencyUse => AuditClass.Progress,
        Permission.WorkflowQuery or Permission.WorkflowRead or Permission.WorkflowList or Permission.ActivityRead or Permission.ActivityList
            or Permission.BatchRead or Permission.ScheduleRead or Permission.ScheduleList or Permission.WorkerRead or Permission.TaskQueueRead
            or Permission.WorkerDeploymentRead or Permission.RuleRead or Permission.NexusOperationRead or Permission.NexusOperationList
            or Permission.NexusEndpointRead or Permission.NamespaceRead or Permission.NamespaceList or Permission.SearchAttributeRead
            or Permission.ClusterInfo or Permission.ClusterRead
            or Permission.FlowRead or Permission.FlowRunRead or Permission.TaskRunRead or Permission.DeploymentRead or Permission.WorkPoolRead or Permission.BlockRead
            or Permission.VariableRead or Permission.AutomationRead or Permission.EventRead or Permission.LogRead or Permission.ArtifactRead or Permission.ConcurrencyRead
            or Permission.SavedSearchRead or Permission.ServerInfo or Permission.ServerRead => AuditClass.Read,
        _ => AuditClass.Write,
    };
}
