using Postern.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;

namespace Postern.FunctionalTests.Dev.Engine;

#pragma warning disable CS0612 // The API deprecates the namespace of commands; that the server still looks at it is what is tested.
/// <summary>What workflows do to other workflows: signals, cancels and children, in their own namespace and in others.</summary>
public sealed class ExternalTests
{
    private static readonly DevEngineOptions Across = EngineCalls.Recorded with { CrossNamespaceCommands = true };

    [Theory]
    [InlineData("")]
    [InlineData("payments")]
    [InlineData("payroll")]
    public async Task Signal_OfAnother_ReachesIt_AndTheSenderHears(string target)
    {
        await using var engine = await EngineCalls.StartAsync(Across);
        using var client = new GrpcClient(engine.Address.ToString());
        var (sender, receiver) = (new EngineWorker(client, "payments"), new EngineWorker(client, target.Length > 0 ? target : "payments", "other"));
        await receiver.StartAsync("receiver");
        await sender.StartAsync("sender");

        await sender.AnswerAsync(Signal(target, "receiver"));

        var heard = Assert.Single(await sender.HistoryAsync("sender"), e => e.EventType == EventType.ExternalWorkflowExecutionSignaled);
        Assert.Equal((receiver.Space, "receiver", 5L), (
            heard.ExternalWorkflowExecutionSignaledEventAttributes.Namespace,
            heard.ExternalWorkflowExecutionSignaledEventAttributes.WorkflowExecution.WorkflowId,
            heard.ExternalWorkflowExecutionSignaledEventAttributes.InitiatedEventId));
        var signaled = Assert.Single(await receiver.HistoryAsync("receiver"), e => e.EventType == EventType.WorkflowExecutionSignaled);
        Assert.Equal(("add", "sender"), (
            signaled.WorkflowExecutionSignaledEventAttributes.SignalName,
            signaled.WorkflowExecutionSignaledEventAttributes.ExternalWorkflowExecution.WorkflowId));
    }

    [Theory]
    [InlineData("payments")]
    [InlineData("payroll")]
    public async Task Cancel_OfAnother_ReachesIt_AndTheSenderHears(string target)
    {
        await using var engine = await EngineCalls.StartAsync(Across);
        using var client = new GrpcClient(engine.Address.ToString());
        var (sender, receiver) = (new EngineWorker(client, "payments"), new EngineWorker(client, target, "other"));
        await receiver.StartAsync("receiver");
        await sender.StartAsync("sender");

        await sender.AnswerAsync(Cancel(target, "receiver"));

        var heard = Assert.Single(await sender.HistoryAsync("sender"), e => e.EventType == EventType.ExternalWorkflowExecutionCancelRequested);
        Assert.Equal(target, heard.ExternalWorkflowExecutionCancelRequestedEventAttributes.Namespace);
        var requested = Assert.Single(await receiver.HistoryAsync("receiver"), e => e.EventType == EventType.WorkflowExecutionCancelRequested);
        Assert.Equal(("enough", "sender"), (
            requested.WorkflowExecutionCancelRequestedEventAttributes.Cause,
            requested.WorkflowExecutionCancelRequestedEventAttributes.ExternalWorkflowExecution.WorkflowId));
    }

    [Theory]
    [InlineData("payments", nameof(SignalExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound))]
    [InlineData("payroll", nameof(SignalExternalWorkflowExecutionFailedCause.ExternalWorkflowExecutionNotFound))]
    [InlineData("nowhere", nameof(SignalExternalWorkflowExecutionFailedCause.NamespaceNotFound))]
    public async Task SignalAndCancel_OfWhatIsNotThere_Fail(string target, string cause)
    {
        await using var engine = await EngineCalls.StartAsync(Across);
        using var client = new GrpcClient(engine.Address.ToString());
        var sender = new EngineWorker(client, "payments");
        // One that is closed is not there either.
        var closed = new EngineWorker(client, target == "payroll" ? "payroll" : "payments", "closed");
        await closed.StartAsync("gone");
        await closed.AnswerAsync(EngineWorker.Complete());
        await sender.StartAsync("sender");

        await sender.AnswerAsync(Signal(target, "gone"), Cancel(target, "gone"));

        var history = await sender.HistoryAsync("sender");
        var signal = Assert.Single(history, e => e.EventType == EventType.SignalExternalWorkflowExecutionFailed).SignalExternalWorkflowExecutionFailedEventAttributes;
        var cancel = Assert.Single(history, e => e.EventType == EventType.RequestCancelExternalWorkflowExecutionFailed);
        Assert.Equal(
            (target, cause, cause), (signal.Namespace, signal.Cause.ToString(), cancel.RequestCancelExternalWorkflowExecutionFailedEventAttributes.Cause.ToString()));
    }

    [Fact]
    public async Task Child_InAnotherNamespace_RunsThere_AndTheParentHears()
    {
        await using var engine = await EngineCalls.StartAsync(Across);
        using var client = new GrpcClient(engine.Address.ToString());
        var (parent, child) = (new EngineWorker(client, "payments"), new EngineWorker(client, "payroll", "children"));
        await parent.StartAsync("parent");

        await parent.AnswerAsync(Child("payroll", "child"), Child("nowhere", "lost"));
        await child.AnswerAsync(EngineWorker.Complete(EngineWorker.Json("7")));

        var history = await parent.HistoryAsync("parent");
        Assert.Equal("payroll", Assert.Single(history, e => e.EventType == EventType.ChildWorkflowExecutionStarted).ChildWorkflowExecutionStartedEventAttributes.Namespace);
        Assert.Equal(
            StartChildWorkflowExecutionFailedCause.NamespaceNotFound,
            Assert.Single(history, e => e.EventType == EventType.StartChildWorkflowExecutionFailed).StartChildWorkflowExecutionFailedEventAttributes.Cause);
        var completed = Assert.Single(history, e => e.EventType == EventType.ChildWorkflowExecutionCompleted).ChildWorkflowExecutionCompletedEventAttributes;
        Assert.Equal(("payroll", "7"), (completed.Namespace, completed.Result.Payloads_[0].Data.ToStringUtf8()));
        var started = (await child.HistoryAsync("child"))[0].WorkflowExecutionStartedEventAttributes;
        Assert.Equal(("payments", "parent"), (started.ParentWorkflowNamespace, started.ParentWorkflowExecution.WorkflowId));
    }

    [Fact]
    public async Task Command_AcrossNamespaces_IsRefusedByDefault()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var sender = new EngineWorker(client, "payments");
        await sender.StartAsync("sender");

        var refused = await sender.AnswerRefusedAsync(Child("payroll", "child"));

        Assert.Equal((3, "BadStartChildExecutionAttributes: cross namespace commands are not allowed"), (refused.Status, refused.Message));
    }

    private static Command Signal(string target, string workflowId) => new()
    {
        CommandType = CommandType.SignalExternalWorkflowExecution,
        SignalExternalWorkflowExecutionCommandAttributes = new SignalExternalWorkflowExecutionCommandAttributes
        {
            Namespace = target,
            Execution = new WorkflowExecution { WorkflowId = workflowId },
            SignalName = "add",
        },
    };

    private static Command Cancel(string target, string workflowId) => new()
    {
        CommandType = CommandType.RequestCancelExternalWorkflowExecution,
        RequestCancelExternalWorkflowExecutionCommandAttributes = new RequestCancelExternalWorkflowExecutionCommandAttributes
        {
            Namespace = target,
            WorkflowId = workflowId,
            Reason = "enough",
        },
    };

    private static Command Child(string target, string workflowId) => new()
    {
        CommandType = CommandType.StartChildWorkflowExecution,
        StartChildWorkflowExecutionCommandAttributes = new StartChildWorkflowExecutionCommandAttributes
        {
            Namespace = target,
            WorkflowId = workflowId,
            WorkflowType = new WorkflowType { Name = "Child" },
            TaskQueue = new TaskQueue { Name = "children" },
        },
    };
}
#pragma warning restore CS0612
