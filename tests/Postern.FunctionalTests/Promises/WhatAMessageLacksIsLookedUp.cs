using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// Where a rule asks what the message doesn't carry, the gate asks the engine in its own name: the type of a workflow that a call names by its id, the queue of an
/// activity, the name of a namespace. What it can't find out is can't-tell, and nobody makes it ask for what no rule could allow.
/// </summary>
public sealed class WhatAMessageLacksIsLookedUp : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["user:refunds"], role: developer, where: { temporal: payments, workflowType: Refund } }
          - { who: ["user:worker"], role: worker, where: { temporal: payments, taskQueue: refunds } }
          - { who: ["user:reader"], role: viewer, where: { temporal: payments } }
        """;

    private Func<ArrivedCall, StubAnswer> _lookup = _ => StubAnswer.Ok();
    private Gate _gate = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private int Lookups => _gate.Engine.Calls.Count(IsOurs);

    public async ValueTask InitializeAsync() => _gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy, Script = call => IsOurs(call) ? _lookup(call) : StubAnswer.Ok() });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Theory]
    [InlineData("Refund", 0)]
    [InlineData("Payout", GrpcCode.PermissionDenied)]
    public async Task RuleOnTheType_OfAWorkflowNamedByItsId_IsDecided(string type, int status)
    {
        _lookup = call => RunOf(type);
        var answer = await CallAsync("SignalWorkflowExecution", Requests.Signal(), "refunds");

        Assert.Equal(status, answer.Status);
        Assert.Equal(status == 0 ? 1 : 0, _gate.Engine.Calls.Count(call => call.Operation == "SignalWorkflowExecution"));
        var asked = _gate.Engine.Calls.Single(IsOurs);
        var request = DescribeWorkflowExecutionRequest.Parser.ParseFrom(asked.Message);
        Assert.Equal(("payments", "w-1"), (request.Namespace, request.Execution.WorkflowId));
        Assert.Equal("postern.gate/postern", new UpstreamToken(asked).Subject);
        Assert.Equal(["payments:read"], new UpstreamToken(asked).Permissions);
    }

    [Fact]
    public async Task WorkflowThatIsNotThere_IsRefusedAsOneThatMayNotBeTouched()
    {
        _lookup = _ => RunOf("Payout");
        var foreign = await CallAsync("SignalWorkflowExecution", Requests.Signal(id: "there"), "refunds");
        _lookup = _ => StubAnswer.Error(5, "workflow not found for ID: not-there");
        var absent = await CallAsync("SignalWorkflowExecution", Requests.Signal(id: "not-there"), "refunds");

        Assert.Equal((GrpcCode.PermissionDenied, GrpcCode.PermissionDenied), (foreign.Status, absent.Status));
        Assert.Equal(foreign.Message[..foreign.Message.IndexOf("[call", StringComparison.Ordinal)], absent.Message[..absent.Message.IndexOf("[call", StringComparison.Ordinal)]);
    }

    /// <summary>Both halves of signal-with-start under a rule on the type: of the run that is there, or of the one that the call starts where there is none.</summary>
    [Theory]
    [InlineData("Refund", null, 0)]
    [InlineData("Refund", "Refund", 0)]
    [InlineData("Refund", "Payout", GrpcCode.PermissionDenied)]
    [InlineData("Payout", null, GrpcCode.PermissionDenied)]
    [InlineData("Payout", "Refund", GrpcCode.PermissionDenied)]
    public async Task SignalWithStart_IsOfTheTypeThatRuns_OrOfTheOneThatItStarts(string started, string? running, int status)
    {
        _lookup = _ => running is null ? StubAnswer.Error(5, "workflow not found for ID: w-1") : RunOf(running);
        var signal = new SignalWithStartWorkflowExecutionRequest
        {
            Namespace = "payments", WorkflowId = "w-1", WorkflowType = new WorkflowType { Name = started }, TaskQueue = new TaskQueue { Name = "refunds" }, SignalName = "go",
        };
        var start = StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start(type: started, queue: "refunds"));
        start.WorkflowIdConflictPolicy = Temporalio.Api.Enums.V1.WorkflowIdConflictPolicy.TerminateExisting;

        Assert.Equal(status, (await CallAsync("SignalWithStartWorkflowExecution", signal.ToByteArray(), "refunds")).Status);
        Assert.Equal(status, (await CallAsync("StartWorkflowExecution", start.ToByteArray(), "refunds")).Status);
    }

    [Fact]
    public async Task EngineThatCannotBeAsked_IsCannotTell()
    {
        _lookup = _ => StubAnswer.Error(14, "history shard moved");
        var watch = new Watch(_gate, except: "DescribeWorkflowExecution");
        var answer = await CallAsync("SignalWorkflowExecution", Requests.Signal(), "refunds");

        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        Assert.DoesNotContain("shard", answer.Message);
        await watch.RefusedAsync(answer.Message, "cannot-tell", GrpcCode.Unavailable);
    }

    [Fact]
    public async Task NobodyMakesTheGateAsk_ForWhatNoRuleCouldAllow()
    {
        _lookup = _ => RunOf("Refund");
        Assert.Equal(GrpcCode.PermissionDenied, (await CallAsync("SignalWorkflowExecution", Requests.Signal(), "stranger")).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await CallAsync("SignalWorkflowExecution", Requests.Signal("ledger"), "refunds")).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await CallAsync("SignalWorkflowExecution", Requests.Signal(), "reader")).Status);
        Assert.Equal(GrpcCode.NotFound, (await CallAsync("DescribeNamespace", new DescribeNamespaceRequest { Id = "9d2f7a60-2a3b-4c4d-8e5f-6a7b8c9d0e1f" }.ToByteArray(), "stranger")).Status);
        Assert.Equal(0, Lookups);
    }

    [Fact]
    public async Task ManyCallsAtOnce_AskOnce()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _lookup = _ => RunOf("Refund") with { Before = _ => asked.Task };
        var calls = Enumerable.Range(0, 40).Select(_ => CallAsync("SignalWorkflowExecution", Requests.Signal(id: "burst"), "refunds")).ToList();
        await Eventually.TrueAsync(() => Lookups == 1);
        asked.SetResult();

        Assert.All(await Task.WhenAll(calls), answer => Assert.Equal(0, answer.Status));
        Assert.Equal(1, Lookups);
    }

    [Theory]
    [InlineData("refunds", 0)]
    [InlineData("payouts", GrpcCode.PermissionDenied)]
    [InlineData(null, GrpcCode.Unavailable)]
    public async Task CompletionById_IsOfTheQueueOfItsActivity(string? queue, int status)
    {
        _lookup = _ => RunOf("Refund", queue);
        var message = new RespondActivityTaskCompletedByIdRequest { Namespace = "payments", WorkflowId = "w-1", RunId = "r-1", ActivityId = "a-1" }.ToByteArray();

        Assert.Equal(status, (await CallAsync("RespondActivityTaskCompletedById", message, "worker")).Status);
    }

    [Theory]
    [InlineData("payments", 0)]
    [InlineData("ledger", GrpcCode.NotFound)]
    public async Task NamespaceById_IsJudgedByItsName(string name, int status)
    {
        const string id = "9d2f7a60-2a3b-4c4d-8e5f-6a7b8c9d0e1f";
        _lookup = _ => StubAnswer.Ok(new DescribeNamespaceResponse { NamespaceInfo = new NamespaceInfo { Name = name, Id = id } }.ToByteArray());
        var answer = await CallAsync("DescribeNamespace", new DescribeNamespaceRequest { Id = id }.ToByteArray(), "reader");

        Assert.Equal(status, answer.Status);
        Assert.Equal(status == 0 ? 2 : 1, _gate.Engine.Calls.Count);
    }

    [Fact]
    public async Task AnswerAboutAnotherNamespace_IsNoAnswer()
    {
        _lookup = _ => StubAnswer.Ok(new DescribeNamespaceResponse { NamespaceInfo = new NamespaceInfo { Name = "payments", Id = "another" } }.ToByteArray());
        var answer = await CallAsync("DescribeNamespace", new DescribeNamespaceRequest { Id = "9d2f7a60-2a3b-4c4d-8e5f-6a7b8c9d0e1f" }.ToByteArray(), "reader");

        Assert.Equal(GrpcCode.Unavailable, answer.Status);
    }

    private static bool IsOurs(ArrivedCall call) => call.Operation is "DescribeWorkflowExecution" or "DescribeNamespace" && call.Header("x-postern-call-id") is null;

    private static StubAnswer RunOf(string type, string? activityQueue = null)
    {
        var activity = new PendingActivityInfo { ActivityId = "a-1", ActivityType = new ActivityType { Name = "charge" } };
        if (activityQueue is not null)
        {
            activity.ActivityOptions = new() { TaskQueue = new TaskQueue { Name = activityQueue } };
        }

        return StubAnswer.Ok(new DescribeWorkflowExecutionResponse
        {
            WorkflowExecutionInfo = new WorkflowExecutionInfo { Type = new WorkflowType { Name = type }, TaskQueue = "refunds" },
            PendingActivities = { activity },
        }.ToByteArray());
    }

    private Task<GrpcResult> CallAsync(string method, byte[] message, string caller) =>
        _gate.Client.CallAsync(method, message, _gate.Issuer.Token(caller), Cancellation, ("grpc-timeout", "20S"));
}
