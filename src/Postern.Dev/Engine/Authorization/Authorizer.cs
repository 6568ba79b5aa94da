using Microsoft.AspNetCore.Http;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Common.V1;
using Temporalio.Api.ErrorDetails.V1;

namespace Postern.Dev.Engine.Authorization;

/// <summary>The stock server's default authorizer.</summary>
internal sealed class Authorizer(DevEngineAuthorization options, KeySet keys, TimeProvider time)
{
    private readonly TokenReader tokens = new(options, keys, time);

    /// <summary>Lets the call pass and names who calls, or throws the server's refusal: the same for every reason.</summary>
    public async Task<Principal?> AuthorizeAsync(string service, string method, string namespaceName, IHeaderDictionary headers)
    {
        if (MethodAccess.IsOpen(service, method))
        {
            return null;
        }

        // The first of several values counts, as on the server.
        if (headers.Authorization is not [{ } value, ..] || await tokens.ReadAsync(value) is not { } claims)
        {
            throw Refused();
        }

        var (cluster, needed) = MethodAccess.Of(method);
        var role = cluster ? claims.System : claims.On(namespaceName);
        if (role < needed)
        {
            throw Refused();
        }

        return options.PropagatePrincipal ? new Principal { Type = "jwt", Name = claims.Subject } : null;
    }

    private static RpcException Refused() => new(StatusCode.PermissionDenied, "Request unauthorized.", new PermissionDeniedFailure());
}
