using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Api.Replication.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Namespaces: register, describe, list, change, delete.</summary>
internal sealed class NamespaceService(EngineState state)
{
    public RegisterNamespaceResponse Register(RegisterNamespaceRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        if (request.Namespace.Length == 0)
        {
            throw StartRequests.Invalid("Namespace not set on request.");
        }

        var entry = state.Namespaces.Add(request.Namespace);
        entry.Description = request.Description;
        entry.OwnerEmail = request.OwnerEmail;
        entry.Retention = request.WorkflowExecutionRetentionPeriod ?? entry.Retention;
        foreach (var (key, value) in request.Data)
        {
            entry.Data[key] = value;
        }

        return new RegisterNamespaceResponse();
    });

    public DescribeNamespaceResponse Describe(DescribeNamespaceRequest request, CallContext call)
    {
        if (request.Namespace.Length > 0 && request.Id.Length > 0)
        {
            throw StartRequests.Invalid("GetNamespace operation failed.  Both ID and Name specified in request.");
        }

        if (request.Namespace.Length == 0 && request.Id.Length == 0)
        {
            throw StartRequests.Invalid("Namespace not set on request.");
        }

        var entry = request.Id.Length > 0
            ? state.Namespaces.FindId(request.Id) ?? throw NamespaceStore.NotFound(request.Id)
            : state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () => Describe(entry));
    }

    public ListNamespacesResponse List(ListNamespacesRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        var size = request.PageSize <= 0 ? 100 : request.PageSize;
        var from = 0;
        if (!request.NextPageToken.IsEmpty && !int.TryParse(request.NextPageToken.ToStringUtf8(), NumberStyles.None, CultureInfo.InvariantCulture, out from))
        {
            throw StartRequests.Invalid("Invalid NextPageToken.");
        }

        var all = state.Namespaces.All.ToList();
        var answer = new ListNamespacesResponse();
        answer.Namespaces.Add(all.Skip(from).Take(size).Select(Describe));
        if (from + size < all.Count)
        {
            answer.NextPageToken = ByteString.CopyFromUtf8((from + size).ToString(CultureInfo.InvariantCulture));
        }

        return answer;
    });

    public UpdateNamespaceResponse Update(UpdateNamespaceRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        var entry = state.Namespaces.Get(request.Namespace);
        if (request.PromoteNamespace)
        {
            throw StartRequests.Invalid(
                $"global namespace is not enabled on this cluster, cannot update global namespace or promote local namespace: {request.Namespace}");
        }

        if (request.UpdateInfo is { } info)
        {
            entry.Description = info.Description.Length > 0 ? info.Description : entry.Description;
            entry.OwnerEmail = info.OwnerEmail.Length > 0 ? info.OwnerEmail : entry.OwnerEmail;
            entry.State = info.State == NamespaceState.Unspecified ? entry.State : info.State;
            foreach (var (key, value) in info.Data)
            {
                entry.Data[key] = value;
            }
        }

        entry.Retention = request.Config?.WorkflowExecutionRetentionTtl ?? entry.Retention;
        var described = Describe(entry);
        return new UpdateNamespaceResponse
        {
            NamespaceInfo = described.NamespaceInfo,
            Config = described.Config,
            ReplicationConfig = described.ReplicationConfig,
        };
    });

    public DeprecateNamespaceResponse Deprecate(DeprecateNamespaceRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        state.Namespaces.Get(request.Namespace).State = NamespaceState.Deprecated;
        return new DeprecateNamespaceResponse();
    });

    public DeleteNamespaceResponse Delete(DeleteNamespaceRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        var entry = request.NamespaceId.Length > 0
            ? state.Namespaces.FindId(request.NamespaceId) ?? throw NamespaceStore.NotFound(request.NamespaceId)
            : state.Namespaces.Get(request.Namespace);
        foreach (var run in state.Runs.In(entry.Id).ToArray())
        {
            if (run.Running)
            {
                run.Terminate("Delete workflow execution", null, "history-service");
            }
        }

        state.Namespaces.Remove(entry);
        return new DeleteNamespaceResponse { DeletedNamespace = $"{entry.Name}-deleted-{entry.Id[..5]}" };
    });

    private DescribeNamespaceResponse Describe(NamespaceEntry entry)
    {
        var answer = new DescribeNamespaceResponse
        {
            NamespaceInfo = new NamespaceInfo
            {
                Name = entry.Name,
                State = entry.State,
                Description = entry.Description,
                OwnerEmail = entry.OwnerEmail,
                Id = entry.Id,
                Capabilities = new NamespaceInfo.Types.Capabilities
                {
                    EagerWorkflowStart = true,
                    SyncUpdate = true,
                    AsyncUpdate = true,
                    WorkerHeartbeats = true,
                    PollerAutoscaling = true,
                    WorkerPollCompleteOnShutdown = state.Options.CompletePollsOnShutdown,
                },
                Limits = new NamespaceInfo.Types.Limits
                {
                    BlobSizeLimitError = 2_097_152,
                    MemoSizeLimitError = 2_097_152,
                    WorkflowTaskCompletionSizeLimitError = 41_943_040,
                },
            },
            Config = new NamespaceConfig
            {
                WorkflowExecutionRetentionTtl = entry.Retention,
                BadBinaries = new BadBinaries(),
                HistoryArchivalState = ArchivalState.Disabled,
                VisibilityArchivalState = ArchivalState.Disabled,
            },
            ReplicationConfig = new NamespaceReplicationConfig
            {
                ActiveClusterName = ClusterService.ClusterName,
                Clusters = { new ClusterReplicationConfig { ClusterName = ClusterService.ClusterName } },
            },
        };
        answer.NamespaceInfo.Data.Add(entry.Data);
        return answer;
    }
}
