using Microsoft.AspNetCore.Http;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Services;
using Temporalio.Api.ErrorDetails.V1;

namespace Postern.Dev.Engine.Authorization;

/// <summary>The headers with which client and server agree on versions.</summary>
internal static class VersionHeaders
{
    public static void Check(IHeaderDictionary headers)
    {
        var client = headers["client-version"].ToString();
        if (client.Length > 0 && headers["client-name"].Count > 0 && !TryParse(client.Split('-', '+')[0], out _))
        {
            throw new RpcException(StatusCode.InvalidArgument, "Unable to parse client version: No Major.Minor.Patch elements found");
        }

        var supported = headers["supported-server-versions"].ToString();
        if (supported.Length > 0 && TryParse(ClusterService.ServerVersion, out var ours) && !InRange(supported, ours))
        {
            throw new RpcException(
                StatusCode.FailedPrecondition,
                $"Server version {ClusterService.ServerVersion} is not supported. Client supports server versions: {supported}",
                new ServerVersionNotSupportedFailure { ServerVersion = ClusterService.ServerVersion, ClientSupportedServerVersions = supported });
        }
    }

    private static bool TryParse(string text, out Version version)
    {
        version = new Version(0, 0, 0);
        if (Version.TryParse(text, out var parsed) && parsed.Build >= 0)
        {
            version = parsed;
            return true;
        }

        return false;
    }

    // A range: comparisons, all of which hold; several ranges joined by ||, any of which does. What can't be read doesn't refuse.
    private static bool InRange(string range, Version version) =>
        range.Split("||").Any(part => part.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(comparison => Holds(comparison, version)));

    private static bool Holds(string comparison, Version version)
    {
        var digits = comparison.AsSpan().IndexOfAnyInRange('0', '9');
        if (digits < 0 || !TryParse(comparison[digits..], out var bound))
        {
            return true;
        }

        return comparison[..digits] switch
        {
            ">=" => version >= bound,
            "<=" => version <= bound,
            ">" => version > bound,
            "<" => version < bound,
            "!=" or "!" => version != bound,
            _ => version == bound,
        };
    }
}
