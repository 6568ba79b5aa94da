using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>What the engine says of itself, and the search attributes it knows.</summary>
internal sealed class ClusterService(EngineState state)
{
    public const string ServerVersion = "1.32.0";
    public const string ClusterName = "active";
    private readonly string clusterId = Guid.NewGuid().ToString();

    public static GetSystemInfoResponse GetSystemInfo(GetSystemInfoRequest request, CallContext call) => new()
    {
        ServerVersion = ServerVersion,
        Capabilities = new GetSystemInfoResponse.Types.Capabilities
        {
            SignalAndQueryHeader = true,
            InternalErrorDifferentiation = true,
            ActivityFailureIncludeHeartbeat = true,
            SupportsSchedules = true,
            EncodedFailureAttributes = true,
            BuildIdBasedVersioning = true,
            UpsertMemo = true,
            EagerWorkflowStart = true,
            SdkMetadata = true,
            CountGroupByExecutionStatus = true,
            Nexus = true,
            ServerScaledDeployments = true,
        },
    };

    public GetClusterInfoResponse GetClusterInfo(GetClusterInfoRequest request, CallContext call) => new()
    {
        SupportedClients =
        {
            ["temporal-cli"] = "<2.0.0",
            ["temporal-go"] = "<2.0.0",
            ["temporal-java"] = "<2.0.0",
            ["temporal-php"] = "<2.0.0",
            ["temporal-server"] = "<2.0.0",
            ["temporal-typescript"] = "<2.0.0",
            ["temporal-ui"] = "<3.0.0",
            ["Nexus-go-sdk"] = "<2.0.0",
        },
        ServerVersion = ServerVersion,
        ClusterId = clusterId,
        ClusterName = ClusterName,
        HistoryShardCount = 1,
        PersistenceStore = "memory",
        VisibilityStore = "memory",
        InitialFailoverVersion = 1,
        FailoverVersionIncrement = 10,
    };

    public GetSearchAttributesResponse GetSearchAttributes(GetSearchAttributesRequest request, CallContext call)
    {
        var answer = new GetSearchAttributesResponse();
        foreach (var (name, type) in SearchAttributeTypes.System.Concat(state.Options.SearchAttributes))
        {
            answer.Keys[name] = type;
        }

        return answer;
    }

    public ListSearchAttributesResponse ListSearchAttributes(ListSearchAttributesRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            var answer = new ListSearchAttributesResponse();
            foreach (var (name, type) in space.SearchAttributes.Custom)
            {
                answer.CustomAttributes[name] = type;
            }

            foreach (var (name, type) in SearchAttributeTypes.System)
            {
                answer.SystemAttributes[name] = type;
            }

            return answer;
        });
    }

    public AddSearchAttributesResponse AddSearchAttributes(AddSearchAttributesRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            if (request.SearchAttributes.Count == 0)
            {
                throw StartRequests.Invalid("SearchAttributes are not set on request.");
            }

            foreach (var (name, type) in request.SearchAttributes)
            {
                if (SearchAttributeTypes.System.ContainsKey(name))
                {
                    throw StartRequests.Invalid($"Search attribute {name} is reserved by system.");
                }

                if (type == IndexedValueType.Unspecified || !Enum.IsDefined(type))
                {
                    throw StartRequests.Invalid($"Unknown search attribute type: {type}.");
                }
            }

            foreach (var (name, type) in request.SearchAttributes)
            {
                space.SearchAttributes.Add(name, type);
            }

            return new AddSearchAttributesResponse();
        });
    }

    public RemoveSearchAttributesResponse RemoveSearchAttributes(RemoveSearchAttributesRequest request, CallContext call)
    {
        var space = state.Namespaces.Get(request.Namespace);
        return state.Enter(call.Principal, () =>
        {
            if (request.SearchAttributes.Count == 0)
            {
                throw StartRequests.Invalid("SearchAttributes are not set on request.");
            }

            if (request.SearchAttributes.FirstOrDefault(n => !space.SearchAttributes.Custom.ContainsKey(n)) is { } unknown)
            {
                throw new RpcException(StatusCode.NotFound, $"Search attribute {unknown} doesn't exist.", new NotFoundFailure());
            }

            foreach (var name in request.SearchAttributes)
            {
                space.SearchAttributes.Remove(name);
            }

            return new RemoveSearchAttributesResponse();
        });
    }
}
