using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;

namespace Postern.Dev.Engine.Nexus;

/// <summary>Links to events, as Nexus carries them: a URL and a type.</summary>
internal static class NexusLinks
{
    public const string WorkflowEventType = "temporal.api.common.v1.Link.WorkflowEvent";

    public static Temporalio.Api.Nexus.V1.Link ToNexus(Link.Types.WorkflowEvent link)
    {
        var run = string.Join('/', new[] { link.WorkflowId, link.RunId }.Select(Uri.EscapeDataString));
        var reference = link.RequestIdRef is { } request
            ? $"requestID={Uri.EscapeDataString(request.RequestId)}&eventType={request.EventType}&referenceType=RequestIdReference"
            : $"eventID={link.EventRef.EventId.ToString(CultureInfo.InvariantCulture)}&eventType={link.EventRef.EventType}&referenceType=EventReference";
        return new Temporalio.Api.Nexus.V1.Link
        {
            Url = $"temporal:///namespaces/{Uri.EscapeDataString(link.Namespace)}/workflows/{run}/history?{reference}",
            Type = WorkflowEventType,
        };
    }

    /// <summary>The link of a URL; null for one of another type, or that isn't written as they are.</summary>
    public static Link? FromNexus(Temporalio.Api.Nexus.V1.Link link)
    {
        if (link.Type != WorkflowEventType || !Uri.TryCreate(link.Url, UriKind.Absolute, out var url) || url.Scheme != "temporal")
        {
            return null;
        }

        if (url.AbsolutePath.Split('/').Select(Uri.UnescapeDataString).ToArray() is not ["", "namespaces", var space, "workflows", var workflowId, var runId, "history"])
        {
            return null;
        }

        var query = QueryHelpers.ParseQuery(url.Query);
        var of = new Link.Types.WorkflowEvent { Namespace = space, WorkflowId = workflowId, RunId = runId };
        _ = Enum.TryParse<EventType>(query.GetValueOrDefault("eventType").ToString(), out var type);
        if (query.GetValueOrDefault("referenceType").ToString() == "RequestIdReference")
        {
            of.RequestIdRef = new Link.Types.WorkflowEvent.Types.RequestIdReference { RequestId = query.GetValueOrDefault("requestID").ToString(), EventType = type };
        }
        else
        {
            _ = long.TryParse(query.GetValueOrDefault("eventID").ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out var id);
            of.EventRef = new Link.Types.WorkflowEvent.Types.EventReference { EventId = id, EventType = type };
        }

        return new Link { WorkflowEvent = of };
    }

    public static IEnumerable<Link> FromNexus(IEnumerable<Temporalio.Api.Nexus.V1.Link> links) => links.Select(FromNexus).OfType<Link>();
}
