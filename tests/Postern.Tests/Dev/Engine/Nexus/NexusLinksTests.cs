using Postern.Dev.Engine.Nexus;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;

namespace Postern.Tests.Dev.Engine.Nexus;

public sealed class NexusLinksTests
{
    private static readonly Link.Types.WorkflowEvent s_event = new()
    {
        Namespace = "payments",
        WorkflowId = "go-nexus-1",
        RunId = "01a20315-5566-70ec-80ad-3e694a93a074",
        EventRef = new Link.Types.WorkflowEvent.Types.EventReference { EventId = 5, EventType = EventType.NexusOperationScheduled },
    };

    [Fact]
    public void ToNexus_IsTheServersOwn() => Assert.Equal(
        "temporal:///namespaces/payments/workflows/go-nexus-1/01a20315-5566-70ec-80ad-3e694a93a074/history?eventID=5&eventType=NexusOperationScheduled&referenceType=EventReference",
        NexusLinks.ToNexus(s_event).Url);

    [Fact]
    public void FromNexus_GivesBackWhatWasSent()
    {
        var odd = s_event.Clone();
        odd.WorkflowId = "a/b c?d=ä";
        odd.RequestIdRef = new Link.Types.WorkflowEvent.Types.RequestIdReference { RequestId = "r&1", EventType = EventType.WorkflowExecutionSignaled };

        Assert.Equal(s_event, NexusLinks.FromNexus(NexusLinks.ToNexus(s_event))!.WorkflowEvent);
        Assert.Equal(odd, NexusLinks.FromNexus(NexusLinks.ToNexus(odd))!.WorkflowEvent);
    }

    [Theory]
    [InlineData("temporal:///namespaces/payments/workflows/w/r/history?eventID=5", "another.Type")]
    [InlineData("https:///namespaces/payments/workflows/w/r/history?eventID=5", NexusLinks.WorkflowEventType)]
    [InlineData("temporal:///namespaces/payments/w/r/history", NexusLinks.WorkflowEventType)]
    [InlineData("no url", NexusLinks.WorkflowEventType)]
    public void FromNexus_OfAnythingElse_IsNothing(string url, string type) =>
        Assert.Null(NexusLinks.FromNexus(new Temporalio.Api.Nexus.V1.Link { Url = url, Type = type }));
}
