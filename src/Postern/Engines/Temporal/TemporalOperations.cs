using Postern.Model;
using static Postern.Engines.Temporal.TemporalAccess;
using static Postern.Model.Permission;

namespace Postern.Engines.Temporal;

/// <summary>
/// One row per method of WorkflowService and OperatorService. A method without a row is an unknown operation and refused; a test keeps table and API alike.
/// </summary>
internal static class TemporalOperations
{
    public const string WorkflowService = "temporal.api.workflowservice.v1.WorkflowService";
    public const string OperatorService = "temporal.api.operatorservice.v1.OperatorService";

    // A call that names a workflow by its id acts on a type and a queue that only the engine knows.
    private const Dimensions OfRun = Dimensions.WorkflowType | Dimensions.TaskQueue;
    private const Dimensions OfActivity = OfRun | Dimensions.ActivityType | Dimensions.ActivityId;
    private const Dimensions OfNexus = Dimensions.NexusEndpoint | Dimensions.NexusService | Dimensions.NexusOperation;

    // What the token in a task's answer stands for: handed out under worker.poll, so decided there.
    private const Dimensions OfTask = OfRun | Dimensions.WorkflowId | Dimensions.ActivityType | Dimensions.ActivityId;

    private static readonly Permission[] s_start = [WorkflowStart, WorkflowTerminate, WorkerPoll, WorkerComplete, NexusCall];

    public static IReadOnlyList<TemporalOperation> Workflow { get; } =
    [
        // Namespaces and the cluster.
        Change("RegisterNamespace", NamespaceCreate, TemporalAccess.Admin) with { ClusterScope = true },
        See("DescribeNamespace", NamespaceRead) with { Shape = TemporalShape.NamespaceById, Hides = true },
        See("ListNamespaces", NamespaceList) with { Scope = TemporalScope.Cluster, ClusterScope = true, Answer = TemporalAnswer.Namespaces },
        Change("UpdateNamespace", NamespaceUpdate, TemporalAccess.Admin),
        Change("DeprecateNamespace", NamespaceUpdate, TemporalAccess.Admin),
        See("GetSearchAttributes", SearchAttributeRead) with { Scope = TemporalScope.Cluster, ClusterScope = true },
        // Every client asks these first, whatever its namespace.
        See("GetClusterInfo", ClusterInfo) with { Scope = TemporalScope.Cluster, Waived = Dimensions.Namespace, Answer = TemporalAnswer.ToCallers },
        See("GetSystemInfo", ClusterInfo) with { Scope = TemporalScope.Cluster, Waived = Dimensions.Namespace, Answer = TemporalAnswer.ToAnybody },

        // Workflows.
        Change("StartWorkflowExecution", WorkflowStart) with { Shape = TemporalShape.Start, Implied = [WorkflowTerminate, WorkerPoll, WorkerComplete, NexusCall] },
        Change("ExecuteMultiOperation", WorkflowUpdate) with { Shape = TemporalShape.MultiOperation, Unknown = OfRun | Dimensions.WorkflowId | Dimensions.Update, Implied = s_start },
        Change("SignalWithStartWorkflowExecution", WorkflowStart) with { Shape = TemporalShape.SignalWithStart, Implied = [WorkflowSignal, WorkflowTerminate] },
        See("GetWorkflowExecutionHistory", WorkflowRead) with { Unknown = OfRun, LongPoll = true },
        See("GetWorkflowExecutionHistoryReverse", WorkflowRead) with { Unknown = OfRun },
        See("DescribeWorkflowExecution", WorkflowRead) with { Unknown = OfRun },
        See("PollWorkflowExecutionUpdate", WorkflowRead) with { Unknown = OfRun, LongPoll = true },
        See("PollWorkflowExecutionTimeSkipping", WorkflowRead) with { Unknown = OfRun, LongPoll = true },
        See("QueryWorkflow", WorkflowQuery) with { Unknown = OfRun },
        Change("RequestCancelWorkflowExecution", WorkflowCancel) with { Unknown = OfRun },
        Change("SignalWorkflowExecution", WorkflowSignal) with { Unknown = OfRun },
        Change("UpdateWorkflowExecution", WorkflowUpdate) with { Unknown = OfRun, Implied = [WorkflowStart, WorkerComplete, NexusCall] },
        Change("ResetWorkflowExecution", WorkflowReset) with { Shape = TemporalShape.Reset, Unknown = OfRun, Implied = [WorkflowSignal, WorkflowOptions] },
        Change("TerminateWorkflowExecution", WorkflowTerminate) with { Unknown = OfRun },
        Change("DeleteWorkflowExecution", WorkflowDelete) with { Unknown = OfRun },
        Change("PauseWorkflowExecution", WorkflowPause) with { Unknown = OfRun },
        Change("UnpauseWorkflowExecution", WorkflowPause) with { Unknown = OfRun },
        Change("UpdateWorkflowExecutionOptions", WorkflowOptions) with { Unknown = OfRun },
        // What they show is the engine's to find: under a rule on workflow types they are narrowed, where their filter is a query. Archives have a grammar of their own.
        See("ListOpenWorkflowExecutions", WorkflowList) with { Unknown = Dimensions.WorkflowType },
        See("ListClosedWorkflowExecutions", WorkflowList) with { Unknown = Dimensions.WorkflowType },
        See("ListWorkflowExecutions", WorkflowList) with { Unknown = Dimensions.WorkflowType, Narrowed = "query" },
        See("ListArchivedWorkflowExecutions", WorkflowList) with { Unknown = Dimensions.WorkflowType },
        See("ScanWorkflowExecutions", WorkflowList) with { Unknown = Dimensions.WorkflowType, Narrowed = "query" },
        See("CountWorkflowExecutions", WorkflowList) with { Unknown = Dimensions.WorkflowType, Narrowed = "query" },

        // Workers.
        Poll("PollWorkflowTaskQueue"),
        Poll("PollActivityTaskQueue"),
        Poll("PollNexusTaskQueue") with { Implied = [WorkerHeartbeat, ClusterAdmin] },
        Progress("RespondWorkflowTaskCompleted", WorkerComplete, TemporalShape.WorkflowTaskAnswer) with { Implied = [WorkflowStart, WorkflowSignal, WorkflowCancel, WorkflowTerminate, ActivityStart, WorkerPoll, NexusCall, ClusterAdmin] },
        Progress("RespondWorkflowTaskFailed", WorkerComplete, TemporalShape.Answer),
        Progress("RespondActivityTaskCompleted", WorkerComplete, TemporalShape.Answer),
        Progress("RespondActivityTaskFailed", WorkerComplete, TemporalShape.Answer),
        Progress("RespondActivityTaskCanceled", WorkerComplete, TemporalShape.Answer),
        Progress("RespondQueryTaskCompleted", WorkerComplete, TemporalShape.Answer),
        Progress("RespondNexusTaskCompleted", WorkerComplete, TemporalShape.Answer),
        Progress("RespondNexusTaskFailed", WorkerComplete, TemporalShape.Answer),
        Progress("RecordActivityTaskHeartbeat", WorkerHeartbeat, TemporalShape.Answer),
        // Named by ids, not by a token: nothing was decided when the task was handed out.
        ById("RecordActivityTaskHeartbeatById", WorkerHeartbeat),
        ById("RespondActivityTaskCompletedById", WorkerComplete),
        ById("RespondActivityTaskFailedById", WorkerComplete),
        ById("RespondActivityTaskCanceledById", WorkerComplete),
        // Forgets which worker has a workflow cached: a worker's own housekeeping.
        Progress("ResetStickyTaskQueue", WorkerComplete, TemporalShape.Plain) with { Waived = OfRun },
        Progress("RecordWorkerHeartbeat", WorkerHeartbeat, TemporalShape.WorkerReport),
        Progress("ShutdownWorker", WorkerHeartbeat, TemporalShape.WorkerReport),
        See("ListWorkers", WorkerRead),
        See("CountWorkers", WorkerRead),
        See("DescribeWorker", WorkerRead) with { Unknown = Dimensions.TaskQueue },
        // A read to the server, but carried out by a worker, to whom it is sent as a command.
        See("FetchWorkerConfig", WorkerHeartbeat) with { Unknown = Dimensions.TaskQueue },
        Change("UpdateWorkerConfig", WorkerConfigure) with { Unknown = Dimensions.TaskQueue },

        // Task queues and versions.
        See("DescribeTaskQueue", TaskQueueRead),
        See("ListTaskQueuePartitions", TaskQueueRead),
        See("GetWorkerBuildIdCompatibility", TaskQueueRead),
        See("GetWorkerVersioningRules", TaskQueueRead),
        See("GetWorkerTaskReachability", TaskQueueRead) with { Shape = TemporalShape.TaskQueueList },
        Change("UpdateTaskQueueConfig", TaskQueueWrite),
        Change("UpdateWorkerBuildIdCompatibility", TaskQueueWrite),
        Change("UpdateWorkerVersioningRules", TaskQueueWrite),
        See("DescribeDeployment", WorkerDeploymentRead),
        See("ListDeployments", WorkerDeploymentRead),
        See("GetDeploymentReachability", WorkerDeploymentRead),
        See("GetCurrentDeployment", WorkerDeploymentRead),
        See("DescribeWorkerDeployment", WorkerDeploymentRead),
        See("DescribeWorkerDeploymentVersion", WorkerDeploymentRead),
        See("ListWorkerDeployments", WorkerDeploymentRead),
        See("ValidateWorkerDeploymentVersionComputeConfig", WorkerDeploymentRead) with { Implied = [NexusCall] },
        Change("SetCurrentDeployment", WorkerDeploymentWrite),
        Change("SetWorkerDeploymentCurrentVersion", WorkerDeploymentWrite),
        Change("SetWorkerDeploymentRampingVersion", WorkerDeploymentWrite),
        Change("SetWorkerDeploymentManager", WorkerDeploymentWrite),
        Change("CreateWorkerDeployment", WorkerDeploymentWrite),
        Change("CreateWorkerDeploymentVersion", WorkerDeploymentWrite) with { Implied = [NexusCall] },
        Change("UpdateWorkerDeploymentVersionComputeConfig", WorkerDeploymentWrite) with { Implied = [NexusCall] },
        Change("UpdateWorkerDeploymentVersionMetadata", WorkerDeploymentWrite),
        Change("DeleteWorkerDeployment", WorkerDeploymentDelete),
        Change("DeleteWorkerDeploymentVersion", WorkerDeploymentDelete),

        // Schedules, batches, rules.
        Change("CreateSchedule", ScheduleWrite) with { Shape = TemporalShape.Schedule, Implied = [WorkflowStart, WorkflowCancel, WorkflowTerminate] },
        Change("UpdateSchedule", ScheduleWrite) with { Shape = TemporalShape.Schedule, Implied = [WorkflowStart, WorkflowCancel, WorkflowTerminate] },
        Change("PatchSchedule", ScheduleWrite) with { Shape = TemporalShape.SchedulePatch, Implied = [WorkflowStart, WorkflowCancel, WorkflowTerminate] },
        Change("DeleteSchedule", ScheduleDelete),
        See("DescribeSchedule", ScheduleRead),
        See("ListScheduleMatchingTimes", ScheduleRead),
        See("ListSchedules", ScheduleList),
        See("CountSchedules", ScheduleList),
        Change("StartBatchOperation", BatchRun) with
        {
            Shape = TemporalShape.Batch,
            Unknown = Dimensions.WorkflowType,
            Narrowed = "visibility_query",
            Implied = [WorkflowTerminate, WorkflowSignal, WorkflowCancel, WorkflowDelete, WorkflowReset, WorkflowOptions, ActivityManage, ActivityCancel, ActivityTerminate, ActivityDelete, ActivityStart],
        },
        Change("StopBatchOperation", BatchStop),
        See("DescribeBatchOperation", BatchRead),
        See("ListBatchOperations", BatchRead),
        Change("CreateWorkflowRule", RuleWrite),
        Change("DeleteWorkflowRule", RuleWrite),
        Change("TriggerWorkflowRule", RuleTrigger) with { Unknown = OfRun },
        See("DescribeWorkflowRule", RuleRead),
        See("ListWorkflowRules", RuleRead),

        // Activities: those of workflows, then those that stand alone.
        Change("UpdateActivityOptions", ActivityManage) with { Shape = TemporalShape.ActivityOptions, Unknown = OfActivity, Implied = [ActivityStart] },
        Change("PauseActivity", ActivityManage) with { Unknown = OfActivity },
        Change("UnpauseActivity", ActivityManage) with { Unknown = OfActivity },
        Change("ResetActivity", ActivityManage) with { Unknown = OfActivity },
        Change("StartActivityExecution", ActivityStart) with { Implied = [WorkflowStart, WorkerComplete, NexusCall] },
        See("DescribeActivityExecution", ActivityRead) with { Unknown = OfActivity, LongPoll = true },
        See("PollActivityExecution", ActivityRead) with { Unknown = OfActivity, LongPoll = true },
        See("ListActivityExecutions", ActivityList),
        See("CountActivityExecutions", ActivityList),
        Change("RequestCancelActivityExecution", ActivityCancel) with { Unknown = OfActivity },
        Change("TerminateActivityExecution", ActivityTerminate) with { Unknown = OfActivity },
        Change("DeleteActivityExecution", ActivityDelete) with { Unknown = OfActivity },
        Change("PauseActivityExecution", ActivityManage) with { Unknown = OfActivity },
        Change("ResetActivityExecution", ActivityManage) with { Unknown = OfActivity },
        Change("UnpauseActivityExecution", ActivityManage) with { Unknown = OfActivity },
        Change("UpdateActivityExecutionOptions", ActivityManage) with { Shape = TemporalShape.ActivityOptions, Unknown = OfActivity, Implied = [ActivityStart] },

        // Nexus operations that stand alone.
        Change("StartNexusOperationExecution", NexusCall) with { Shape = TemporalShape.NexusStart, Implied = [ClusterAdmin] },
        See("DescribeNexusOperationExecution", NexusOperationRead) with { Unknown = OfNexus, LongPoll = true },
        See("PollNexusOperationExecution", NexusOperationRead) with { Unknown = OfNexus, LongPoll = true },
        See("ListNexusOperationExecutions", NexusOperationList),
        See("CountNexusOperationExecutions", NexusOperationList),
        Change("RequestCancelNexusOperationExecution", NexusOperationCancel) with { Unknown = OfNexus },
        Change("TerminateNexusOperationExecution", NexusOperationTerminate) with { Unknown = OfNexus },
        Change("DeleteNexusOperationExecution", NexusOperationDelete) with { Unknown = OfNexus },
    ];

    public static IReadOnlyList<TemporalOperation> Operator { get; } =
    [
        Change("AddSearchAttributes", SearchAttributeWrite, TemporalAccess.Admin) with { Shape = TemporalShape.NamespaceOptional },
        Change("RemoveSearchAttributes", SearchAttributeWrite, TemporalAccess.Admin) with { Shape = TemporalShape.NamespaceOptional },
        See("ListSearchAttributes", SearchAttributeRead) with { Shape = TemporalShape.NamespaceOptional },
        Change("DeleteNamespace", NamespaceDelete, TemporalAccess.Admin) with { Shape = TemporalShape.NamespaceById, ClusterScope = true },
        OnCluster("AddOrUpdateRemoteCluster", ClusterRemote, AuditClass.Write) with { Shape = TemporalShape.RemoteCluster },
        OnCluster("RemoveRemoteCluster", ClusterRemote, AuditClass.Write),
        OnCluster("ListClusters", ClusterRead, AuditClass.Read),
        OnCluster("GetNexusEndpoint", NexusEndpointRead, AuditClass.Read) with { Unknown = Dimensions.NexusEndpoint },
        OnCluster("ListNexusEndpoints", NexusEndpointRead, AuditClass.Read) with { Answer = TemporalAnswer.NexusEndpoints },
        OnCluster("CreateNexusEndpoint", NexusEndpointManage, AuditClass.Write) with { Shape = TemporalShape.NexusEndpoint },
        OnCluster("UpdateNexusEndpoint", NexusEndpointManage, AuditClass.Write) with { Shape = TemporalShape.NexusEndpoint },
        OnCluster("DeleteNexusEndpoint", NexusEndpointManage, AuditClass.Write) with { Unknown = Dimensions.NexusEndpoint },
    ];

    private static TemporalOperation See(string name, Permission permission) => new(name, permission, Read, AuditClass.Read);

    private static TemporalOperation Change(string name, Permission permission, TemporalAccess access = Write) => new(name, permission, access, AuditClass.Write);

    private static TemporalOperation Poll(string name) =>
        new(name, WorkerPoll, Write, AuditClass.Progress) { Shape = TemporalShape.Poll, LongPoll = true, Implied = [ClusterAdmin] };

    private static TemporalOperation Progress(string name, Permission permission, TemporalShape shape) =>
        new(name, permission, Write, AuditClass.Progress) { Shape = shape, Waived = OfTask };

    private static TemporalOperation ById(string name, Permission permission) => new(name, permission, Write, AuditClass.Progress) { Unknown = OfActivity };

    private static TemporalOperation OnCluster(string name, Permission permission, AuditClass auditClass) =>
        new(name, permission, TemporalAccess.Admin, auditClass) { Scope = TemporalScope.Cluster, ClusterScope = true };
}
