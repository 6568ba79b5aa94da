using System.Collections.Frozen;
using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Every method that the engine answers, one line each.</summary>
internal static class EngineMethods
{
    public const string WorkflowService = "temporal.api.workflowservice.v1.WorkflowService";
    public const string OperatorService = "temporal.api.operatorservice.v1.OperatorService";

    public static FrozenDictionary<string, FrozenDictionary<string, GrpcMethod>> All(EngineState state) =>
        new Dictionary<string, FrozenDictionary<string, GrpcMethod>>(StringComparer.Ordinal)
        {
            [WorkflowService] = Table([.. Namespaces(state), .. Workflows(state), .. Tasks(state), .. Reads(state), .. Workers(state), .. Refused()]),
            [OperatorService] = Table(Operator(state)),
        }.ToFrozenDictionary(StringComparer.Ordinal);

    private static FrozenDictionary<string, GrpcMethod> Table(IEnumerable<GrpcMethod> methods) => methods.ToFrozenDictionary(m => m.Name, StringComparer.Ordinal);

    private static IEnumerable<GrpcMethod> Namespaces(EngineState state)
    {
        var namespaces = new NamespaceService(state);
        var cluster = new ClusterService(state);
        yield return GrpcMethod.Of<RegisterNamespaceRequest, RegisterNamespaceResponse>("RegisterNamespace", namespaces.Register).ThatMakesNamespaces();
        yield return GrpcMethod.Of<DescribeNamespaceRequest, DescribeNamespaceResponse>("DescribeNamespace", namespaces.Describe).ThatMakesNamespaces();
        yield return GrpcMethod.Of<ListNamespacesRequest, ListNamespacesResponse>("ListNamespaces", namespaces.List);
        yield return GrpcMethod.Of<UpdateNamespaceRequest, UpdateNamespaceResponse>("UpdateNamespace", namespaces.Update);
        yield return GrpcMethod.Of<DeprecateNamespaceRequest, DeprecateNamespaceResponse>("DeprecateNamespace", namespaces.Deprecate);
        yield return GrpcMethod.Of<GetSystemInfoRequest, GetSystemInfoResponse>("GetSystemInfo", ClusterService.GetSystemInfo);
        yield return GrpcMethod.Of<GetClusterInfoRequest, GetClusterInfoResponse>("GetClusterInfo", cluster.GetClusterInfo);
        yield return GrpcMethod.Of<GetSearchAttributesRequest, GetSearchAttributesResponse>("GetSearchAttributes", cluster.GetSearchAttributes);
    }

    private static IEnumerable<GrpcMethod> Workflows(EngineState state)
    {
        var starts = new StartService(state);
        var executions = new ExecutionService(state);
        var updates = new UpdateService(state);
        var multi = new MultiOperationService(state, starts, updates);
        yield return GrpcMethod.Of<StartWorkflowExecutionRequest, StartWorkflowExecutionResponse>("StartWorkflowExecution", starts.Start);
        yield return GrpcMethod.Of<SignalWithStartWorkflowExecutionRequest, SignalWithStartWorkflowExecutionResponse>("SignalWithStartWorkflowExecution", starts.SignalWithStart);
        yield return GrpcMethod.Waiting<ExecuteMultiOperationRequest, ExecuteMultiOperationResponse>("ExecuteMultiOperation", multi.ExecuteAsync);
        yield return GrpcMethod.Of<SignalWorkflowExecutionRequest, SignalWorkflowExecutionResponse>("SignalWorkflowExecution", executions.Signal);
        yield return GrpcMethod.Of<RequestCancelWorkflowExecutionRequest, RequestCancelWorkflowExecutionResponse>("RequestCancelWorkflowExecution", executions.RequestCancel);
        yield return GrpcMethod.Of<TerminateWorkflowExecutionRequest, TerminateWorkflowExecutionResponse>("TerminateWorkflowExecution", executions.Terminate);
        yield return GrpcMethod.Of<DeleteWorkflowExecutionRequest, DeleteWorkflowExecutionResponse>("DeleteWorkflowExecution", executions.Delete);
        yield return GrpcMethod.Of<ResetStickyTaskQueueRequest, ResetStickyTaskQueueResponse>("ResetStickyTaskQueue", executions.ResetSticky);
        yield return GrpcMethod.Waiting<UpdateWorkflowExecutionRequest, UpdateWorkflowExecutionResponse>("UpdateWorkflowExecution", updates.UpdateAsync);
        yield return GrpcMethod.Waiting<PollWorkflowExecutionUpdateRequest, PollWorkflowExecutionUpdateResponse>("PollWorkflowExecutionUpdate", updates.PollAsync);
    }

    private static IEnumerable<GrpcMethod> Tasks(EngineState state)
    {
        var workflow = new WorkflowTaskService(state);
        var activity = new ActivityTaskService(state);
        var queries = new QueryService(state);
        yield return GrpcMethod.Waiting<PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse>("PollWorkflowTaskQueue", workflow.PollAsync);
        yield return GrpcMethod.Of<RespondWorkflowTaskCompletedRequest, RespondWorkflowTaskCompletedResponse>("RespondWorkflowTaskCompleted", workflow.Complete);
        yield return GrpcMethod.Of<RespondWorkflowTaskFailedRequest, RespondWorkflowTaskFailedResponse>("RespondWorkflowTaskFailed", workflow.Fail);
        yield return GrpcMethod.Waiting<PollActivityTaskQueueRequest, PollActivityTaskQueueResponse>("PollActivityTaskQueue", activity.PollAsync);
        yield return GrpcMethod.Of<RecordActivityTaskHeartbeatRequest, RecordActivityTaskHeartbeatResponse>("RecordActivityTaskHeartbeat", activity.Heartbeat);
        yield return GrpcMethod.Of<RecordActivityTaskHeartbeatByIdRequest, RecordActivityTaskHeartbeatByIdResponse>("RecordActivityTaskHeartbeatById", activity.HeartbeatById);
        yield return GrpcMethod.Of<RespondActivityTaskCompletedRequest, RespondActivityTaskCompletedResponse>("RespondActivityTaskCompleted", activity.Complete);
        yield return GrpcMethod.Of<RespondActivityTaskCompletedByIdRequest, RespondActivityTaskCompletedByIdResponse>("RespondActivityTaskCompletedById", activity.CompleteById);
        yield return GrpcMethod.Of<RespondActivityTaskFailedRequest, RespondActivityTaskFailedResponse>("RespondActivityTaskFailed", activity.Fail);
        yield return GrpcMethod.Of<RespondActivityTaskFailedByIdRequest, RespondActivityTaskFailedByIdResponse>("RespondActivityTaskFailedById", activity.FailById);
        yield return GrpcMethod.Of<RespondActivityTaskCanceledRequest, RespondActivityTaskCanceledResponse>("RespondActivityTaskCanceled", activity.Cancel);
        yield return GrpcMethod.Of<RespondActivityTaskCanceledByIdRequest, RespondActivityTaskCanceledByIdResponse>("RespondActivityTaskCanceledById", activity.CancelById);
        yield return GrpcMethod.Waiting<QueryWorkflowRequest, QueryWorkflowResponse>("QueryWorkflow", queries.QueryAsync);
        yield return GrpcMethod.Of<RespondQueryTaskCompletedRequest, RespondQueryTaskCompletedResponse>("RespondQueryTaskCompleted", queries.Complete);
    }

    private static IEnumerable<GrpcMethod> Reads(EngineState state)
    {
        var histories = new HistoryService(state);
        var describe = new DescribeService(state);
        var visibility = new VisibilityService(state);
        yield return GrpcMethod.Waiting<GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", histories.GetAsync);
        yield return GrpcMethod.Of<GetWorkflowExecutionHistoryReverseRequest, GetWorkflowExecutionHistoryReverseResponse>("GetWorkflowExecutionHistoryReverse", histories.GetReverse);
        yield return GrpcMethod.Of<DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse>("DescribeWorkflowExecution", describe.Workflow);
        yield return GrpcMethod.Of<DescribeTaskQueueRequest, DescribeTaskQueueResponse>("DescribeTaskQueue", describe.TaskQueue);
        yield return GrpcMethod.Of<ListWorkflowExecutionsRequest, ListWorkflowExecutionsResponse>("ListWorkflowExecutions", visibility.List);
        yield return GrpcMethod.Of<ScanWorkflowExecutionsRequest, ScanWorkflowExecutionsResponse>("ScanWorkflowExecutions", visibility.Scan);
        yield return GrpcMethod.Of<ListOpenWorkflowExecutionsRequest, ListOpenWorkflowExecutionsResponse>("ListOpenWorkflowExecutions", visibility.ListOpen);
        yield return GrpcMethod.Of<ListClosedWorkflowExecutionsRequest, ListClosedWorkflowExecutionsResponse>("ListClosedWorkflowExecutions", visibility.ListClosed);
        yield return GrpcMethod.Of<ListArchivedWorkflowExecutionsRequest, ListArchivedWorkflowExecutionsResponse>("ListArchivedWorkflowExecutions", VisibilityService.ListArchived);
        yield return GrpcMethod.Of<CountWorkflowExecutionsRequest, CountWorkflowExecutionsResponse>("CountWorkflowExecutions", visibility.Count);
    }

    private static IEnumerable<GrpcMethod> Workers(EngineState state)
    {
        var workers = new WorkerService(state);
        var nexus = new NexusTaskService(state);
        yield return GrpcMethod.Waiting<PollNexusTaskQueueRequest, PollNexusTaskQueueResponse>("PollNexusTaskQueue", nexus.PollAsync);
        yield return GrpcMethod.Of<RespondNexusTaskCompletedRequest, RespondNexusTaskCompletedResponse>("RespondNexusTaskCompleted", nexus.Complete);
        yield return GrpcMethod.Of<RespondNexusTaskFailedRequest, RespondNexusTaskFailedResponse>("RespondNexusTaskFailed", nexus.Fail);
        yield return GrpcMethod.Of<RecordWorkerHeartbeatRequest, RecordWorkerHeartbeatResponse>("RecordWorkerHeartbeat", workers.Heartbeat);
        yield return GrpcMethod.Of<ShutdownWorkerRequest, ShutdownWorkerResponse>("ShutdownWorker", workers.Shutdown);
        yield return GrpcMethod.Of<ListWorkersRequest, ListWorkersResponse>("ListWorkers", workers.List);
        yield return GrpcMethod.Of<DescribeWorkerRequest, DescribeWorkerResponse>("DescribeWorker", workers.Describe);
        yield return GrpcMethod.Of<CountWorkersRequest, CountWorkersResponse>("CountWorkers", workers.Count);
    }

    /// <summary>Methods that a server without dynamic configuration knows and refuses.</summary>
    private static IEnumerable<GrpcMethod> Refused()
    {
        yield return Refuse<CreateWorkflowRuleRequest>("CreateWorkflowRule", _ => "method CreateWorkflowRule not supported");
        yield return Refuse<DescribeWorkflowRuleRequest>("DescribeWorkflowRule", _ => "method DescribeWorkflowRule not supported");
        yield return Refuse<DeleteWorkflowRuleRequest>("DeleteWorkflowRule", _ => "method DeleteWorkflowRule not supported");
        yield return Refuse<ListWorkflowRulesRequest>("ListWorkflowRules", _ => "method ListWorkflowRules not supported");
        yield return Refuse<TriggerWorkflowRuleRequest>("TriggerWorkflowRule", _ => "method TriggerWorkflowRule not supported");
        yield return Refuse<PauseWorkflowExecutionRequest>("PauseWorkflowExecution", r => $"workflow pause is not enabled for namespace: {r.Namespace}");
        yield return GrpcMethod.Of<UnpauseWorkflowExecutionRequest, UnpauseWorkflowExecutionResponse>(
            "UnpauseWorkflowExecution", (_, _) => throw new RpcException(StatusCode.FailedPrecondition, "workflow is not paused."));
        yield return Refuse<FetchWorkerConfigRequest>("FetchWorkerConfig", _ => "FetchWorkerConfig command is not enabled.");
        yield return Refuse<UpdateWorkerConfigRequest>("UpdateWorkerConfig", _ => "UpdateWorkerConfig command is not enabled.");
        const string deployments = "Deployments are deprecated and no longer supported, use Worker Deployments instead";
        yield return Refuse<DescribeDeploymentRequest>("DescribeDeployment", _ => deployments);
        yield return Refuse<ListDeploymentsRequest>("ListDeployments", _ => deployments);
        yield return Refuse<GetDeploymentReachabilityRequest>("GetDeploymentReachability", _ => deployments);
        yield return Refuse<GetCurrentDeploymentRequest>("GetCurrentDeployment", _ => deployments);
        yield return Refuse<SetCurrentDeploymentRequest>("SetCurrentDeployment", _ => deployments);
    }

    private static IEnumerable<GrpcMethod> Operator(EngineState state)
    {
        var cluster = new ClusterService(state);
        var namespaces = new NamespaceService(state);
        yield return GrpcMethod.Of<AddSearchAttributesRequest, AddSearchAttributesResponse>("AddSearchAttributes", cluster.AddSearchAttributes);
        yield return GrpcMethod.Of<RemoveSearchAttributesRequest, RemoveSearchAttributesResponse>("RemoveSearchAttributes", cluster.RemoveSearchAttributes);
        yield return GrpcMethod.Of<ListSearchAttributesRequest, ListSearchAttributesResponse>("ListSearchAttributes", cluster.ListSearchAttributes);
        yield return GrpcMethod.Of<DeleteNamespaceRequest, DeleteNamespaceResponse>("DeleteNamespace", namespaces.Delete).ThatMakesNamespaces();
        var endpoints = new EndpointService(state);
        yield return GrpcMethod.Of<GetNexusEndpointRequest, GetNexusEndpointResponse>("GetNexusEndpoint", endpoints.Get);
        yield return GrpcMethod.Of<CreateNexusEndpointRequest, CreateNexusEndpointResponse>("CreateNexusEndpoint", endpoints.Create);
        yield return GrpcMethod.Of<UpdateNexusEndpointRequest, UpdateNexusEndpointResponse>("UpdateNexusEndpoint", endpoints.Update);
        yield return GrpcMethod.Of<DeleteNexusEndpointRequest, DeleteNexusEndpointResponse>("DeleteNexusEndpoint", endpoints.Delete);
        yield return GrpcMethod.Of<ListNexusEndpointsRequest, ListNexusEndpointsResponse>("ListNexusEndpoints", endpoints.List);
    }

    private static GrpcMethod Refuse<TRequest>(string name, Func<TRequest, string> words)
        where TRequest : IMessage<TRequest>, new() =>
        GrpcMethod.Of<TRequest, TRequest>(name, (request, _) => throw new RpcException(StatusCode.Unimplemented, words(request)));
}
