using System.Collections.Frozen;
using Postern.Dev.Engine.Services;

namespace Postern.Dev.Engine.Authorization;

/// <summary>What a method needs: a level, and whether on a namespace or on the cluster. The server's own table.</summary>
internal static class MethodAccess
{
    private static readonly FrozenSet<string> NamespaceRead = Set(
        "DescribeNamespace", "GetWorkflowExecutionHistory", "GetWorkflowExecutionHistoryReverse", "ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions",
        "ListWorkflowExecutions", "ListArchivedWorkflowExecutions", "ScanWorkflowExecutions", "CountWorkflowExecutions", "QueryWorkflow",
        "DescribeWorkflowExecution", "DescribeTaskQueue", "ListTaskQueuePartitions", "DescribeSchedule", "ListScheduleMatchingTimes", "ListSchedules",
        "CountSchedules", "GetWorkerBuildIdCompatibility", "GetWorkerVersioningRules", "GetWorkerTaskReachability", "DescribeDeployment",
        "DescribeWorkerDeploymentVersion", "ListDeployments", "GetDeploymentReachability", "GetCurrentDeployment", "DescribeWorkerDeployment",
        "ListWorkerDeployments", "ValidateWorkerDeploymentVersionComputeConfig", "PollWorkflowExecutionUpdate", "DescribeBatchOperation",
        "ListBatchOperations", "DescribeWorkflowRule", "ListWorkflowRules", "ListWorkers", "CountWorkers", "FetchWorkerConfig", "DescribeWorker",
        "DescribeActivityExecution", "DescribeNexusOperationExecution", "PollActivityExecution", "PollNexusOperationExecution", "ListActivityExecutions",
        "ListNexusOperationExecutions", "CountActivityExecutions", "CountNexusOperationExecutions", "PollWorkflowExecutionTimeSkipping", "ListSearchAttributes");

    private static readonly FrozenSet<string> NamespaceAdmin = Set(
        "RegisterNamespace", "UpdateNamespace", "DeprecateNamespace", "AddSearchAttributes", "RemoveSearchAttributes", "DeleteNamespace");

    private static readonly FrozenSet<string> ClusterRead = Set("ListNamespaces", "GetSearchAttributes", "GetClusterInfo", "GetSystemInfo");

    private static readonly FrozenSet<string> ClusterAdmin = Set(
        "AddOrUpdateRemoteCluster", "RemoveRemoteCluster", "ListClusters", "GetNexusEndpoint", "CreateNexusEndpoint", "UpdateNexusEndpoint",
        "DeleteNexusEndpoint", "ListNexusEndpoints");

    /// <summary>Answers without any token.</summary>
    public static bool IsOpen(string service, string method) => service == EngineMethods.WorkflowService && method == "GetSystemInfo";

    public static (bool Cluster, Role Needed) Of(string method)
    {
        if (ClusterRead.Contains(method))
        {
            return (true, Role.Reader);
        }

        if (ClusterAdmin.Contains(method))
        {
            return (true, Role.Admin);
        }

        return (false, NamespaceRead.Contains(method) ? Role.Reader : NamespaceAdmin.Contains(method) ? Role.Admin : Role.Writer);
    }

    private static FrozenSet<string> Set(params string[] names) => names.ToFrozenSet(StringComparer.Ordinal);
}
