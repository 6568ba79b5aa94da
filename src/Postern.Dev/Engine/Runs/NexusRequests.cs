using System.Globalization;
using Postern.Dev.Engine.Nexus;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Nexus.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>What handlers are asked.</summary>
internal static class NexusRequests
{
    public const string SystemCallback = "temporal://system";
    private static readonly string[] Disallowed = ["request-timeout", "caller-name", "caller-type", "call-initiation"];
    private static readonly string[] DisallowedPrefixes = ["xdc-", "temporal-principal-"];

    /// <summary>Headers that a workflow can't set: the server's own.</summary>
    public static bool IsDisallowed(string header) =>
        Disallowed.Contains(header, StringComparer.OrdinalIgnoreCase) || DisallowedPrefixes.Any(p => header.StartsWith(p, StringComparison.OrdinalIgnoreCase));

    public static Request Start(WorkflowRun run, NexusOperation operation, DateTimeOffset now, TimeSpan timeout)
    {
        var scheduled = operation.Scheduled;
        var link = NexusLinks.ToNexus(new Temporalio.Api.Common.V1.Link.Types.WorkflowEvent
        {
            Namespace = run.Start.Namespace.Name,
            WorkflowId = run.WorkflowId,
            RunId = run.RunId,
            EventRef = new Temporalio.Api.Common.V1.Link.Types.WorkflowEvent.Types.EventReference { EventId = operation.ScheduledId, EventType = EventType.NexusOperationScheduled },
        });
        var request = Of(operation, now, timeout);
        request.Header["nexus-request-id"] = scheduled.RequestId;
        request.Header["nexus-link"] = $"<{link.Url}>; type=\"{link.Type}\"";
        var token = new CallbackToken(run.Start.Namespace.Id, run.WorkflowId, run.RunId, operation.ScheduledId, scheduled.RequestId)
        {
            Transition = run.StateTransitions,
        };
        request.StartOperation = new StartOperationRequest
        {
            Service = scheduled.Service,
            Operation = scheduled.Operation,
            RequestId = scheduled.RequestId,
            Callback = SystemCallback,
            CallbackHeader = { [CallbackToken.Header] = token.ToText() },
            Payload = scheduled.Input ?? new Payload(),
            Links = { link },
        };
        return request;
    }

    public static Request Cancel(NexusOperation operation, DateTimeOffset now, TimeSpan timeout)
    {
        var request = Of(operation, now, timeout);
#pragma warning disable CS0612 // Deprecated, and still filled in by the server for handlers of before.
        request.CancelOperation = new CancelOperationRequest
        {
            Service = operation.Scheduled.Service,
            Operation = operation.Scheduled.Operation,
            OperationId = operation.Token,
            OperationToken = operation.Token,
        };
#pragma warning restore CS0612
        return request;
    }

    private static Request Of(NexusOperation operation, DateTimeOffset now, TimeSpan timeout)
    {
        var request = new Request
        {
            Endpoint = operation.Scheduled.Endpoint,
            Capabilities = new Request.Types.Capabilities { TemporalFailureResponses = true },
        };
        foreach (var (name, value) in operation.Scheduled.NexusHeader)
        {
            request.Header[name.ToLowerInvariant()] = value;
        }

        request.Header["user-agent"] = "temporalio/server";
        request.Header["request-timeout"] = Milliseconds(timeout);
        if (operation.Deadline is { } deadline)
        {
            request.Header["operation-timeout"] = Milliseconds(deadline - now);
        }

        return request;
    }

    private static string Milliseconds(TimeSpan time) => ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture) + "ms";
}
