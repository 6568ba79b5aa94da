namespace Postern.Model;

/// <summary>
/// The smallest thing that can be granted. One list for every engine; the written form (<c>workflow.start</c>) is in <see cref="Permissions"/>.
/// Fewer than 128, so that a set of them is one <see cref="UInt128"/>.
/// </summary>
internal enum Permission : byte
{
    None = 0,
    WorkflowStart, WorkflowSignal, WorkflowUpdate, WorkflowQuery, WorkflowRead, WorkflowList, WorkflowCancel, WorkflowTerminate,
    WorkflowDelete, WorkflowReset, WorkflowPause, WorkflowOptions,
    ActivityStart, ActivityRead, ActivityList, ActivityCancel, ActivityTerminate, ActivityDelete, ActivityManage,
    BatchRun, BatchRead, BatchStop,
    ScheduleRead, ScheduleList, ScheduleWrite, ScheduleDelete,
    WorkerPoll, WorkerComplete, WorkerHeartbeat, WorkerRead, WorkerConfigure,
    TaskQueueRead, TaskQueueWrite,
    WorkerDeploymentRead, WorkerDeploymentWrite, WorkerDeploymentDelete,
    RuleRead, RuleWrite, RuleTrigger,
    NexusCall, NexusOperationRead, NexusOperationList, NexusOperationCancel, NexusOperationTerminate, NexusOperationDelete,
    NexusEndpointRead, NexusEndpointManage,
    NamespaceRead, NamespaceList, NamespaceCreate, NamespaceUpdate, NamespaceDelete,
    SearchAttributeRead, SearchAttributeWrite,
    /// <summary>GetSystemInfo and GetClusterInfo: what every client asks before anything else.</summary>
    ClusterInfo,
    ClusterRead, ClusterAdmin,
    /// <summary>AddOrUpdateRemoteCluster and RemoveRemoteCluster: in no built-in role.</summary>
    ClusterRemote,
    /// <summary>The gate's own accounts and local users: who has it may give himself anything that policy gives to one of them.</summary>
    AccountManage,
    /// <summary>Keys of others' accounts, and revocations: who has it may act as any account.</summary>
    KeyManage,
}

/// <summary>What can condition a permission: the parts of a call that a rule's <c>where</c> can name.</summary>
[Flags]
internal enum Dimensions : ushort
{
    None = 0,
    Namespace = 1,
    TaskQueue = 1 << 1,
    WorkflowType = 1 << 2,
    WorkflowId = 1 << 3,
    Signal = 1 << 4,
    Update = 1 << 5,
    Query = 1 << 6,
    NexusEndpoint = 1 << 7,
    NexusService = 1 << 8,
    NexusOperation = 1 << 9,
    ScheduleId = 1 << 10,
    ActivityType = 1 << 11,
    ActivityId = 1 << 12,
}
