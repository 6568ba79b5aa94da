using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Temporalio.Api.Common.V1;

namespace Postern.Dev.Engine.Authorization;

/// <summary>What every call passes before its handler, in the server's order: namespace, authorization, token's namespace, version.</summary>
internal sealed class CallGate(EngineState state, Authorizer? authorizer)
{
    private const int MaxName = 1000;

    public bool Enforces => authorizer is not null;

    public async Task<Principal?> AdmitAsync(GrpcMethod method, string service, IMessage request, IHeaderDictionary headers)
    {
        var tokenNamespace = TokenNamespace(method, request);
        var name = method.NamespaceOf(request);
        if (name.Length == 0 && tokenNamespace is not null)
        {
            name = tokenNamespace;
            method.SetNamespace(request, name);
        }

        if (System.Text.Encoding.UTF8.GetByteCount(name) > MaxName)
        {
            throw new RpcException(StatusCode.InvalidArgument, $"Namespace length exceeds limit.");
        }

        var principal = authorizer is null ? null : await authorizer.AuthorizeAsync(service, method.Name, name, headers);
        if (method.HasNamespace && !method.MakesNamespace)
        {
            state.Namespaces.Get(name.Length > 0 ? name : throw new RpcException(StatusCode.InvalidArgument, "Namespace is empty."));
        }

        if (tokenNamespace is not null && tokenNamespace != name)
        {
            throw new RpcException(StatusCode.InvalidArgument, "Operation requested with a token from a different namespace.");
        }

        VersionHeaders.Check(headers);
        return principal;
    }

    // Null when the request carries no token, or none that names a namespace of ours.
    private string? TokenNamespace(GrpcMethod method, IMessage request)
    {
        if (method.TaskTokenOf(request) is not { } token)
        {
            return null;
        }

        var id = TaskToken.Parse(token).NamespaceId;
        if (id.Length == 0)
        {
            throw new RpcException(StatusCode.InvalidArgument, "Error deserializing task token.");
        }

        return state.Namespaces.FindId(id)?.Name ?? throw Services.NamespaceStore.NotFound(id);
    }
}
