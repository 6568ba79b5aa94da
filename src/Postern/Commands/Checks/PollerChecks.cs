using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Postern.Configuration;
using Postern.Hosting;
using Postern.Model;
using Postern.Policy;

namespace Postern.Commands.Checks;

/// <summary>
/// Asks the gate that runs with this configuration which workers polled lately, and warns of each that the policy as it is now written would deny: such a
/// worker is silent for a minute and then ends. Judged by name, kind and groups; claims aren't told by the gate.
/// </summary>
internal static class PollerChecks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>False where no gate answers, which is no problem: there is nothing to compare with.</summary>
    public static async Task<bool> RunAsync(PosternOptions options, PolicySet policy, Problems problems, TimeProvider time, CancellationToken cancellation)
    {
        if (await AskAsync(options.Admin.Address, cancellation) is not { } pollers)
        {
            return false;
        }

        foreach (var poller in pollers)
        {
            if (!Permissions.TryParse(poller.Permission, out var permission))
            {
                continue;
            }

            var demand = new Demand { Permission = permission, Namespace = poller.Namespace, TaskQueue = poller.TaskQueue };
            var decision = policy.For(CallerOf(poller)).Decide(demand, new Circumstances(null, time.GetUtcNow()));
            if (decision.Kind == DecisionKind.Deny)
            {
                problems.Warning(
                    "policy",
                    $"{poller.Caller} polled {poller.TaskQueue ?? "a task queue"} in {poller.Namespace ?? "no namespace"} at {poller.LastSeen.UtcDateTime:HH:mm:ss} UTC and would be denied ({decision.Rule}: {decision.Reason}); "
                    + "its workers would be silent for a minute and then end");
            }
        }

        return true;
    }

    private static async Task<IReadOnlyList<PollerLine>?> AskAsync(string address, CancellationToken cancellation)
    {
        if (!Addresses.TryParseListen(address, out var endPoint) || endPoint.Port == 0)
        {
            return null;
        }

        // On all addresses means on this one too.
        var host = endPoint.Address.Equals(IPAddress.Any) ? IPAddress.Loopback : endPoint.Address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : endPoint.Address;
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = Patience, MaxResponseContentBufferSize = 64 * 1024 * 1024 };
        try
        {
            return await client.GetFromJsonAsync<List<PollerLine>>(new Uri($"http://{new IPEndPoint(host, endPoint.Port)}/pollers"), CommandOutput.Plain, cancellation);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return null;
        }
    }

    private static Caller CallerOf(PollerLine poller) => new()
    {
        Kind = Enum.TryParse<CallerKind>(poller.Kind, ignoreCase: true, out var kind) ? kind : CallerKind.Service,
        Issuer = poller.Issuer,
        Subject = poller.Subject,
        Name = poller.Caller,
        DisplayName = poller.Subject,
        Groups = [.. poller.Groups],
    };
}
