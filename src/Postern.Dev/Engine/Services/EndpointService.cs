using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.OperatorService.V1;

namespace Postern.Dev.Engine.Services;

/// <summary>Nexus endpoints: make, change, delete, look up, list.</summary>
internal sealed class EndpointService(EngineState state)
{
    private const int MaxName = 200;
    private const int MaxPage = 1000;
    private const int DefaultPage = 100;

    public CreateNexusEndpointResponse Create(CreateNexusEndpointRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        Check(request.Spec);
        if (state.Endpoints.Find(request.Spec.Name) is not null)
        {
            throw new RpcException(StatusCode.AlreadyExists, $"error creating Nexus endpoint. Endpoint with name {request.Spec.Name} already registered");
        }

        var id = Guid.NewGuid().ToString();
        var endpoint = new Endpoint
        {
            Id = id,
            Version = 1,
            Spec = request.Spec,
            CreatedTime = Timestamp.FromDateTimeOffset(state.Now),
            UrlPrefix = $"/nexus/endpoints/{id}/services",
        };
        state.Endpoints.Put(endpoint);
        return new CreateNexusEndpointResponse { Endpoint = endpoint };
    });

    public UpdateNexusEndpointResponse Update(UpdateNexusEndpointRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        Check(request.Spec);
        var present = OfVersion(request.Id, request.Version);
        if (state.Endpoints.Find(request.Spec.Name) is { } other && other.Id != present.Id)
        {
            throw new RpcException(StatusCode.AlreadyExists, $"error updating Nexus endpoint. Endpoint with name {request.Spec.Name} already registered");
        }

        var endpoint = present.Clone();
        endpoint.Version++;
        endpoint.Spec = request.Spec;
        // As recorded: an endpoint that was changed says when, and no longer when it was made.
        endpoint.CreatedTime = null;
        endpoint.LastModifiedTime = Timestamp.FromDateTimeOffset(state.Now);
        state.Endpoints.Put(endpoint);
        return new UpdateNexusEndpointResponse { Endpoint = endpoint };
    });

    public DeleteNexusEndpointResponse Delete(DeleteNexusEndpointRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        state.Endpoints.Remove(OfVersion(request.Id, request.Version).Id);
        return new DeleteNexusEndpointResponse();
    });

    public GetNexusEndpointResponse Get(GetNexusEndpointRequest request, CallContext call) =>
        state.Enter(call.Principal, () => new GetNexusEndpointResponse { Endpoint = OfId(request.Id) });

    public ListNexusEndpointsResponse List(ListNexusEndpointsRequest request, CallContext call) => state.Enter(call.Principal, () =>
    {
        var from = 0;
        if (!request.NextPageToken.IsEmpty && !int.TryParse(request.NextPageToken.ToStringUtf8(), NumberStyles.None, CultureInfo.InvariantCulture, out from))
        {
            throw StartRequests.Invalid("Invalid NextPageToken.");
        }

        var size = request.PageSize <= 0 ? DefaultPage : Math.Min(request.PageSize, MaxPage);
        var all = state.Endpoints.All.Where(e => request.Name.Length == 0 || e.Spec.Name == request.Name).ToList();
        var answer = new ListNexusEndpointsResponse();
        answer.Endpoints.Add(all.Skip(from).Take(size));
        if (from + size < all.Count)
        {
            answer.NextPageToken = ByteString.CopyFromUtf8((from + size).ToString(CultureInfo.InvariantCulture));
        }

        return answer;
    });

    private Endpoint OfVersion(string id, long version)
    {
        var present = OfId(id);
        return present.Version == version
            ? present
            : throw new RpcException(StatusCode.FailedPrecondition, $"nexus endpoint version mismatch. received: {version} expected {present.Version}");
    }

    private Endpoint OfId(string id)
    {
        if (!Guid.TryParseExact(id, "D", out _))
        {
            throw StartRequests.Invalid("malformed endpoint ID");
        }

        return state.Endpoints.FindId(id) ?? throw new RpcException(StatusCode.NotFound, $"Nexus endpoint with ID `{id}` not found", new NotFoundFailure());
    }

    private void Check(EndpointSpec? spec)
    {
        var name = spec?.Name ?? "";
        if (name.Length == 0)
        {
            throw StartRequests.Invalid("endpoint name not set");
        }

        if (name.Length > MaxName)
        {
            throw StartRequests.Invalid($"endpoint name exceeds length limit of {MaxName}");
        }

        if (!IsName(name))
        {
            throw StartRequests.Invalid("""endpoint name must match the regex: "^[a-zA-Z][a-zA-Z0-9\\-]*[a-zA-Z0-9]$" """.TrimEnd());
        }

        switch (spec!.Target?.VariantCase)
        {
            case EndpointTarget.VariantOneofCase.Worker when spec.Target.Worker.TaskQueue.Length == 0:
                throw StartRequests.Invalid("target task queue not set");
            case EndpointTarget.VariantOneofCase.Worker when spec.Target.Worker.Namespace.Length == 0:
                throw StartRequests.Invalid("target namespace not set");
            case EndpointTarget.VariantOneofCase.Worker when state.Namespaces.Find(spec.Target.Worker.Namespace) is null:
                throw new RpcException(
                    StatusCode.FailedPrecondition,
                    $"could not verify namespace referenced by target exists: Namespace {spec.Target.Worker.Namespace} is not found.");
            case EndpointTarget.VariantOneofCase.External when spec.Target.External.Url.Length == 0:
                throw StartRequests.Invalid("target URL not set");
            case null or EndpointTarget.VariantOneofCase.None:
                throw StartRequests.Invalid("target variant not set");
        }
    }

    // The regular expression of the message above.
    private static bool IsName(string name) =>
        name.Length > 1 && char.IsAsciiLetter(name[0]) && char.IsAsciiLetterOrDigit(name[^1]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');
}
