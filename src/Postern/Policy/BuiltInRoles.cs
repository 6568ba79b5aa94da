using System.Collections.Immutable;
using Postern.Model;
using static Postern.Model.Permission;

namespace Postern.Policy;

/// <summary>A named set of permissions.</summary>
/// <param name="Name">As bindings write it.</param>
/// <param name="Permissions">Everything that the role grants.</param>
/// <param name="Companions">
/// Those of its permissions for which a binding's conditions on a dimension that the permission doesn't have are overlooked: a worker that is bound to one
/// task queue must still be able to see its namespace and read its histories, neither of which names a queue; one that is bound to a work pool must still be able to
/// register flows and take slots of limits. <c>cluster.info</c> and <c>server.info</c> so come with any binding of their engine.
/// </param>
internal sealed record Role(string Name, UInt128 Permissions, UInt128 Companions);

/// <summary>The roles that every policy has. One meaning on every engine; the generated matrix in the docs shows them call by call.</summary>
internal static class BuiltInRoles
{
    // What every client asks before anything else, and which tells nothing but that the namespace, or the server, exists.
    private static readonly Permission[] Everyone = [ClusterInfo, NamespaceRead, ServerInfo];

    private static readonly Permission[] Viewer =
    [
        .. Everyone, WorkflowRead, WorkflowList, WorkflowQuery, ActivityRead, ActivityList, BatchRead, ScheduleRead, ScheduleList, WorkerRead, TaskQueueRead,
        WorkerDeploymentRead, RuleRead, NexusOperationRead, NexusOperationList, NexusEndpointRead, NamespaceList, SearchAttributeRead,
        FlowRead, FlowRunRead, TaskRunRead, DeploymentRead, WorkPoolRead, BlockRead, VariableRead, AutomationRead, EventRead, LogRead, ArtifactRead, ConcurrencyRead,
        SavedSearchRead, ServerRead,
    ];

    private static readonly Permission[] Runner =
    [
        .. Viewer, WorkflowStart, WorkflowSignal, WorkflowUpdate, WorkflowCancel, ActivityStart, ActivityCancel, DeploymentRun, FlowRunCancel, FlowRunResume,
    ];

    private static readonly Permission[] Operator =
    [
        .. Runner, WorkflowTerminate, WorkflowDelete, WorkflowReset, WorkflowPause, WorkflowOptions, ActivityTerminate, ActivityDelete, ActivityManage, BatchRun,
        BatchStop, ScheduleWrite, ScheduleDelete, WorkerConfigure, TaskQueueWrite, RuleWrite, RuleTrigger, NexusOperationCancel, NexusOperationTerminate,
        NexusOperationDelete, FlowRunRetry, FlowRunReport, FlowRunDelete, TaskRunDelete, DeploymentPause, WorkPoolPause, AutomationPause, ConcurrencyReset,
    ];

    // Of Prefect: what a worker asks for, and then the process of the flow that it started, which has the same credential.
    private static readonly Permission[] Worker =
    [
        .. Everyone, WorkerPoll, WorkerComplete, WorkerHeartbeat, WorkflowRead, NexusCall,
        WorkPoolRead, WorkPoolPoll, FlowRead, FlowWrite, FlowRunStart, FlowRunRead, FlowRunWrite, FlowRunReport, FlowRunCancel, FlowRunRetry, FlowRunResume,
        TaskRunRead, TaskRunWrite, TaskRunDelete, TaskRunPoll, DeploymentRead, DeploymentRun, BlockRead, SecretRead, VariableRead, EventRead, EventWrite, LogWrite,
        ArtifactRead, ArtifactWrite, ConcurrencyUse,
    ];

    private static readonly Permission[] Developer =
    [
        .. Operator, .. Worker, DeploymentWrite, DeploymentOverride, BlockWrite, VariableWrite, AutomationWrite, AutomationDelete, ConcurrencyWrite, SavedSearchWrite,
    ];

    // A deployment that is made again replaces its automations: that takes their removal.
    private static readonly Permission[] Deployer =
    [
        .. Everyone, WorkerRead, WorkerConfigure, TaskQueueRead, TaskQueueWrite, WorkerDeploymentRead, WorkerDeploymentWrite, WorkerDeploymentDelete,
        FlowRead, FlowWrite, DeploymentRead, DeploymentWrite, WorkPoolRead, BlockRead, VariableRead, AutomationWrite, AutomationDelete,
    ];

    private static readonly Permission[] NamespaceAdmin =
    [
        .. Developer, .. Deployer, NamespaceUpdate, SearchAttributeWrite,
        FlowDelete, DeploymentDelete, WorkPoolWrite, WorkPoolDelete, BlockDelete, VariableDelete, ArtifactDelete,
    ];

    // A remote cluster may read and write everything: no role has it, it is granted by name or not at all.
    private static readonly Permission[] Admin = [.. Model.Permissions.All.Where(p => p != ClusterRemote)];

    // How things are set up and what runs, without histories and their payloads, logs, artifacts and events.
    private static readonly Permission[] Auditor =
    [
        .. Everyone, WorkflowList, ActivityList, BatchRead, ScheduleList, WorkerRead, TaskQueueRead, WorkerDeploymentRead, RuleRead, NexusOperationList,
        NexusEndpointRead, NamespaceList, SearchAttributeRead, ClusterRead,
        FlowRead, FlowRunRead, TaskRunRead, DeploymentRead, WorkPoolRead, BlockRead, VariableRead, AutomationRead, ConcurrencyRead, SavedSearchRead, ServerRead,
    ];

    /// <summary>The companions of every role that has them.</summary>
    public static UInt128 Common { get; } = Set(Everyone);

    /// <summary>Every built-in role, from the least to the most.</summary>
    public static ImmutableArray<Role> All { get; } =
    [
        Define("viewer", Viewer), Define("runner", Runner), Define("operator", Operator), Define("developer", Developer),
        Define("worker", Worker, WorkflowRead, NexusCall, FlowRead, FlowWrite, EventWrite, ConcurrencyUse),
        Define("deployer", Deployer), Define("namespace-admin", NamespaceAdmin), Define("admin", Admin), Define("auditor", Auditor),
    ];

    public static UInt128 Set(IEnumerable<Permission> permissions) => permissions.Aggregate(UInt128.Zero, (set, p) => set | p.Bit());

    /// <summary>The permissions of a set, in the order of the list.</summary>
    public static IEnumerable<Permission> Each(UInt128 set)
    {
        for (; set != 0; set &= set - 1)
        {
            yield return (Permission)(int)UInt128.TrailingZeroCount(set);
        }
    }

    private static Role Define(string name, Permission[] permissions, params Permission[] companions) =>
        new(name, Set(permissions), Common | Set(companions));
}
