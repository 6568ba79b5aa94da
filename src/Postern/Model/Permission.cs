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
    FlowRead, FlowWrite, FlowDelete,
    /// <summary>A run of a flow that no deployment describes: what a flow's own process asks for when it begins, subflows included.</summary>
    FlowRunStart,
    FlowRunRead,
    /// <summary>What a run's process or its worker writes of it: infrastructure, labels, inputs that were consumed.</summary>
    FlowRunWrite,
    /// <summary>A state that says how far a run has come: pending, running, paused, completed, failed, crashed.</summary>
    FlowRunReport,
    FlowRunCancel,
    /// <summary>A run is scheduled again.</summary>
    FlowRunRetry,
    /// <summary>A paused run goes on, with the input that it waits for.</summary>
    FlowRunResume,
    FlowRunDelete,
    TaskRunRead,
    /// <summary>What a flow's process writes of its tasks.</summary>
    TaskRunWrite,
    TaskRunDelete,
    /// <summary>Background tasks are handed out (the task subscription).</summary>
    TaskRunPoll,
    DeploymentRead,
    /// <summary>A run of a deployment as its author described it.</summary>
    DeploymentRun,
    /// <summary>A run with other infrastructure than its deployment's: job variables, another work queue. Other code may run by it, elsewhere.</summary>
    DeploymentOverride,
    DeploymentPause, DeploymentWrite, DeploymentDelete,
    WorkPoolRead,
    /// <summary>Scheduled runs are handed out to whoever asks for those of a work pool.</summary>
    WorkPoolPoll,
    WorkPoolPause, WorkPoolWrite, WorkPoolDelete,
    BlockRead, BlockWrite, BlockDelete,
    /// <summary>Values that the engine keeps as secrets: block documents unmasked.</summary>
    SecretRead,
    VariableRead, VariableWrite, VariableDelete,
    AutomationRead, AutomationPause,
    /// <summary>What an automation does, the engine does by itself and past the gate: whoever may write one may do all of it.</summary>
    AutomationWrite,
    AutomationDelete,
    EventRead,
    /// <summary>Events of one's own making. The engine builds states of task runs from them.</summary>
    EventWrite,
    LogRead, LogWrite,
    ArtifactRead, ArtifactWrite, ArtifactDelete,
    ConcurrencyRead,
    /// <summary>Slots of a limit are taken, held and given back.</summary>
    ConcurrencyUse,
    ConcurrencyReset, ConcurrencyWrite,
    SavedSearchRead, SavedSearchWrite,
    /// <summary>What every client of an HTTP engine asks before anything else: version, health, CSRF token, the UI's own settings.</summary>
    ServerInfo,
    /// <summary>The engine's settings.</summary>
    ServerRead,
    ServerAdmin,
}

/// <summary>What can condition a permission: the parts of a call that a rule's <c>where</c> can name.</summary>
[Flags]
internal enum Dimensions : uint
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
    /// <summary>A Prefect server, by its engine's name: what a namespace is to Temporal.</summary>
    Server = 1 << 13,
    WorkPool = 1 << 14,
    WorkQueue = 1 << 15,
    Deployment = 1 << 16,
    Flow = 1 << 17,
    /// <summary>Any of an object's tags.</summary>
    Tag = 1 << 18,
    Variable = 1 << 19,
    BlockType = 1 << 20,
    Block = 1 << 21,
}
