using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Deployment.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>What a workflow commands through its worker's answer is judged as if the worker had called it, and where it is refused the workflow's history says why.</summary>
public sealed class CommandsAreJudgedToo : IAsyncLifetime
{
    private const string Policy = """
        bindings:
          - { who: ["user:plain", "user:other"], role: developer, where: { temporal: ledger } }
          - { who: ["user:plain"], role: worker, where: { temporal: payments, taskQueue: payments } }
          - { who: ["user:other"], role: worker, where: { temporal: payments, taskQueue: other } }
        deny:
          - { what: [activity.start, workflow.start], where: { temporal: payments, taskQueue: closed } }
          - { what: [workflow.start], where: { temporal: payments, workflowType: Payout } }
          - { what: [workflow.signal, workflow.cancel], where: { temporal: payments, workflowId: "vault*" } }
          - { what: [nexus.call], where: { temporal: payments, nexusEndpoint: closed } }
        """;

    // A workflow task's token as the engine writes it: namespace id, workflow, run, scheduled event, attempt.
    private static readonly byte[] s_token = [.. Requests.Field(1, "01a20306-9a2e-7d95-b1a5-b4d44bfb625c"), .. Requests.Field(2, "w-1"), .. Requests.Field(3, "r-1"), 0x20, 2];

    private Func<ArrivedCall, StubAnswer> _script = _ => StubAnswer.Ok();
    private Gate _gate = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy, Script = call => _script(call) });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    private static readonly Dictionary<string, (WorkflowTaskFailedCause Cause, Command Allowed, Command Forbidden)> s_twins = MakeTwins();

    private static readonly Dictionary<string, Command> s_unreadable = MakeUnreadable();

    public static TheoryData<string> Twins => [.. s_twins.Keys];

    public static TheoryData<string> Unreadable => [.. s_unreadable.Keys];

    private static Dictionary<string, (WorkflowTaskFailedCause, Command, Command)> MakeTwins()
    {
        static Command Child(string ns, string type = "Child", string queue = "payments") => new()
        {
            StartChildWorkflowExecutionCommandAttributes = new() { Namespace = ns, WorkflowId = "c", WorkflowType = new WorkflowType { Name = type }, TaskQueue = new TaskQueue { Name = queue } },
        };
        static Command Signal(string ns, string id = "w-2") => new()
        {
            SignalExternalWorkflowExecutionCommandAttributes = new() { Namespace = ns, Execution = new WorkflowExecution { WorkflowId = id }, SignalName = "go" },
        };
        static Command Cancel(string ns, string id = "w-2") => new() { RequestCancelExternalWorkflowExecutionCommandAttributes = new() { Namespace = ns, WorkflowId = id } };
        static Command Nexus(string endpoint) => new() { ScheduleNexusOperationCommandAttributes = new() { Endpoint = endpoint, Service = "s", Operation = "o" } };
        static Command Activity(string queue, bool eager = false) => new()
        {
            ScheduleActivityTaskCommandAttributes = new() { ActivityId = "1", ActivityType = new ActivityType { Name = "Charge" }, TaskQueue = new TaskQueue { Name = queue }, RequestEagerExecution = eager },
        };
        static Command Continue(string queue, string type = "Refund") => new()
        {
            ContinueAsNewWorkflowExecutionCommandAttributes = new() { WorkflowType = new WorkflowType { Name = type }, TaskQueue = queue.Length == 0 ? null : new TaskQueue { Name = queue } },
        };
        return new(StringComparer.Ordinal)
        {
            ["child elsewhere"] = (WorkflowTaskFailedCause.BadStartChildExecutionAttributes, Child("ledger"), Child("payroll")),
            ["child by type"] = (WorkflowTaskFailedCause.BadStartChildExecutionAttributes, Child(""), Child("", "Payout")),
            ["child by queue"] = (WorkflowTaskFailedCause.BadStartChildExecutionAttributes, Child("payments", queue: "open"), Child("payments", queue: "closed")),
            ["signal elsewhere"] = (WorkflowTaskFailedCause.BadSignalWorkflowExecutionAttributes, Signal("ledger"), Signal("payroll")),
            ["signal by id"] = (WorkflowTaskFailedCause.BadSignalWorkflowExecutionAttributes, Signal(""), Signal("", "vault-1")),
            ["cancel elsewhere"] = (WorkflowTaskFailedCause.BadRequestCancelExternalWorkflowExecutionAttributes, Cancel("ledger"), Cancel("payroll")),
            ["cancel by id"] = (WorkflowTaskFailedCause.BadRequestCancelExternalWorkflowExecutionAttributes, Cancel(""), Cancel("", "vault-1")),
            ["nexus"] = (WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes, Nexus("open"), Nexus("closed")),
            ["activity"] = (WorkflowTaskFailedCause.BadScheduleActivityAttributes, Activity("open"), Activity("closed")),
            ["eager activity"] = (WorkflowTaskFailedCause.BadScheduleActivityAttributes, Activity("payments", true), Activity("open", true)),
            ["continue-as-new by queue"] = (WorkflowTaskFailedCause.BadContinueAsNewAttributes, Continue(""), Continue("closed")),
            ["continue-as-new by type"] = (WorkflowTaskFailedCause.BadContinueAsNewAttributes, Continue("open"), Continue("open", "Payout")),
            ["signal-with-start"] = (WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes, OfSystem(SignalWithStart("open")), OfSystem(SignalWithStart("closed"))),
            ["signal-with-start by id"] = (WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes, OfSystem(SignalWithStart("open", ns: "")), OfSystem(SignalWithStart("open", "vault-1", ""))),
        };
    }

    [Theory]
    [MemberData(nameof(Twins))]
    public async Task AllowedTwin_ReachesTheEngine_ForbiddenTwin_IsAFailedTask(string name)
    {
        var (cause, allowed, forbidden) = s_twins[name];
        Assert.Equal(0, (await AnswerAsync("plain", 1, allowed)).Status);
        Assert.Equal("RespondWorkflowTaskCompleted", Assert.Single(_gate.Engine.Calls).Operation);

        var refused = await AnswerAsync("plain", 1, forbidden);
        Assert.Equal(GrpcCode.InvalidArgument, refused.Status);
        Assert.StartsWith("Request unauthorized. ", refused.Message);
        Assert.Equal(2, _gate.Engine.Calls.Count);
        var report = RespondWorkflowTaskFailedRequest.Parser.ParseFrom(_gate.Engine.Calls[1].Message);
        Assert.Equal((cause, refused.Message), (report.Cause, report.Failure.Message));
    }

    [Theory]
    [MemberData(nameof(Twins))]
    public async Task LaterAttempts_AreRefusedAlone(string name)
    {
        var (_, allowed, forbidden) = s_twins[name];
        Assert.Equal(GrpcCode.InvalidArgument, (await AnswerAsync("plain", 2, forbidden)).Status);
        Assert.Empty(_gate.Engine.Calls);
        Assert.Equal(0, (await AnswerAsync("plain", 2, allowed)).Status);
        Assert.Equal("RespondWorkflowTaskCompleted", Assert.Single(_gate.Engine.Calls).Operation);
    }

    [Fact]
    public async Task Report_CarriesWhatTheAnswerSaid_InTheWorkersName()
    {
        var answer = Answer(1, new Command { StartChildWorkflowExecutionCommandAttributes = new() { Namespace = "payroll", WorkflowId = "c" } });
        answer.WorkerVersionStamp = new WorkerVersionStamp { BuildId = "b-1", UseVersioning = true };
        answer.DeploymentOptions = new WorkerDeploymentOptions { DeploymentName = "refunds", BuildId = "b-2" };
        answer.StickyAttributes = new StickyExecutionAttributes { WorkerTaskQueue = new TaskQueue { Name = "host:3f6e7a9c1b2d4e5f8a7b6c5d4e3f2a1b" }, ScheduleToStartTimeout = new Duration { Seconds = 5 } };
        var watch = new Watch(_gate);
        var refused = await CallAsync("plain", answer);

        var call = Assert.Single(_gate.Engine.Calls);
        Assert.Equal("RespondWorkflowTaskFailed", call.Operation);
        Assert.Equal(
            new RespondWorkflowTaskFailedRequest
            {
                TaskToken = ByteString.CopyFrom([.. s_token, 0x28, 1]),
                Cause = WorkflowTaskFailedCause.BadStartChildExecutionAttributes,
                Failure = new() { Message = refused.Message },
                Identity = "77@worker",
                Namespace = "payments",
#pragma warning disable CS0612 // Workers of old versions still say it.
                WorkerVersion = answer.WorkerVersionStamp,
#pragma warning restore CS0612
                DeploymentOptions = answer.DeploymentOptions,
            },
            RespondWorkflowTaskFailedRequest.Parser.ParseFrom(call.Message));
        var token = new UpstreamToken(call);
        Assert.Equal(["payments:write"], token.Permissions);
        Assert.Contains("plain", token.Claims.GetProperty("sub").GetString(), StringComparison.Ordinal);

        Assert.Contains("plain may not workflow.start in namespace payroll", refused.Message, StringComparison.Ordinal);
        var record = await watch.RecordAsync(refused.Message);
        Assert.Equal(("not-allowed", "3", "write", "RespondWorkflowTaskCompleted"), (record["refusal"], record["status"], record["class"], record["operation"]));
        Assert.Equal("none", record["rule"]);
        Assert.EndsWith("a failed task was reported", record["detail"], StringComparison.Ordinal);
        Assert.Equal(call.Header("x-postern-call-id"), record.CallId);
    }

    [Fact]
    public async Task QueueOfTheSystem_InACommand_IsAFailedTaskToo()
    {
        var command = new Command { StartChildWorkflowExecutionCommandAttributes = new() { WorkflowId = "c", TaskQueue = new TaskQueue { Name = "/_sys/payments/1" } } };
        var refused = await AnswerAsync("plain", 1, command);

        Assert.Equal(GrpcCode.InvalidArgument, refused.Status);
        Assert.Contains("cluster.admin", refused.Message, StringComparison.Ordinal);
        Assert.Equal("RespondWorkflowTaskFailed", Assert.Single(_gate.Engine.Calls).Operation);
    }

    [Fact]
    public async Task WorkerThatMayNotAnswerTheTask_FailsNothing()
    {
        var refused = await AnswerAsync("other", 1, new Command { StartChildWorkflowExecutionCommandAttributes = new() { Namespace = "payroll", WorkflowId = "c" } });

        Assert.Equal(GrpcCode.PermissionDenied, refused.Status);
        Assert.Empty(_gate.Engine.Calls);
    }

    [Fact]
    public async Task EngineThatTakesNoReport_ChangesNothingForTheWorker()
    {
        _script = _ => StubAnswer.Error(14, "away");
        var watch = new Watch(_gate);
        var refused = await AnswerAsync("plain", 1, new Command { StartChildWorkflowExecutionCommandAttributes = new() { Namespace = "payroll", WorkflowId = "c" } });

        Assert.Equal(GrpcCode.InvalidArgument, refused.Status);
        Assert.EndsWith("a failed task could not be reported: status 14", (await watch.RecordAsync(refused.Message))["detail"], StringComparison.Ordinal);
    }

    /// <summary>A rule by type on what names an id alone, and an engine that can't be asked: no "no", and nothing that counts against the workflow.</summary>
    [Fact]
    public async Task CommandThatCannotBeTold_IsUnavailable_AndNoFailedTask()
    {
        await _gate.SetPolicyAsync(Policy + "\n  - { what: [workflow.signal], where: { temporal: payments, workflowType: Payout } }\n");
        _script = _ => StubAnswer.Error(14, "away");
        var answer = await AnswerAsync("plain", 1, new Command { SignalExternalWorkflowExecutionCommandAttributes = new() { Execution = new WorkflowExecution { WorkflowId = "w-2" }, SignalName = "go" } });

        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        Assert.DoesNotContain(_gate.Engine.Calls, call => call.Operation.StartsWith("Respond", StringComparison.Ordinal));
    }

    [Fact]
    public async Task WorkerWithoutConditions_NeedsNoMoreRights()
    {
        await _gate.SetPolicyAsync("bindings:\n  - { who: [\"user:plain\"], role: worker, where: { temporal: payments } }\n");
        foreach (var (name, (_, allowed, forbidden)) in s_twins.Where(twin => !twin.Key.EndsWith("elsewhere", StringComparison.Ordinal)))
        {
            Assert.Equal((name, 0, 0), (name, (await AnswerAsync("plain", 1, allowed)).Status, (await AnswerAsync("plain", 1, forbidden)).Status));
        }
    }

    private static Dictionary<string, Command> MakeUnreadable()
    {
        var other = OfSystem(SignalWithStart("open", ns: "ledger"));
        var encrypted = OfSystem(SignalWithStart("open"));
        encrypted.ScheduleNexusOperationCommandAttributes.Input.Metadata["encoding"] = ByteString.CopyFromUtf8("binary/encrypted");
        var json = OfSystem(SignalWithStart("open"));
        json.ScheduleNexusOperationCommandAttributes.Input.Metadata["encoding"] = ByteString.CopyFromUtf8("json/protobuf");
        var cut = OfSystem(SignalWithStart("open"));
        cut.ScheduleNexusOperationCommandAttributes.Input.Data = ByteString.CopyFrom(0x0A, 0x7F);
        var unknown = OfSystem(SignalWithStart("open"));
        unknown.ScheduleNexusOperationCommandAttributes.Operation = "TerminateWorkflowExecution";
        var empty = OfSystem(SignalWithStart("open"));
        empty.ScheduleNexusOperationCommandAttributes.Input = null;
        return new(StringComparer.Ordinal) { ["other namespace"] = other, ["encrypted"] = encrypted, ["json"] = json, ["cut off"] = cut, ["unknown"] = unknown, ["empty"] = empty };
    }

    [Theory]
    [MemberData(nameof(Unreadable))]
    public async Task SystemCommandThatCannotBeRead_IsAFailedTask_OnceItsWorkerMayAnswerIt(string name)
    {
        var watch = new Watch(_gate);
        foreach (var (caller, attempt, status) in new[] { ("plain", 2, GrpcCode.InvalidArgument), ("other", 1, GrpcCode.PermissionDenied) })
        {
            var alone = await AnswerAsync(caller, (byte)attempt, s_unreadable[name]);
            Assert.Equal(status, alone.Status);
            await watch.RefusedAsync(alone.Message, status == GrpcCode.InvalidArgument ? "unreadable" : "not-allowed", status);
        }

        var answer = await AnswerAsync("plain", 1, s_unreadable[name]);
        Assert.Equal(GrpcCode.InvalidArgument, answer.Status);
        var report = RespondWorkflowTaskFailedRequest.Parser.ParseFrom(Assert.Single(_gate.Engine.Calls).Message);
        Assert.Equal((WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes, answer.Message), (report.Cause, report.Failure.Message));
        Assert.Equal("unreadable", (await watch.RecordAsync(answer.Message))["refusal"]);
    }

    private static SignalWithStartWorkflowExecutionRequest SignalWithStart(string queue, string id = "target", string ns = "payments") => new()
    {
        Namespace = ns, WorkflowId = id, WorkflowType = new WorkflowType { Name = "Approval" }, TaskQueue = new TaskQueue { Name = queue }, SignalName = "approve",
    };

    private static Command OfSystem(SignalWithStartWorkflowExecutionRequest request) => new()
    {
        CommandType = CommandType.ScheduleNexusOperation,
        ScheduleNexusOperationCommandAttributes = new()
        {
            Endpoint = "__temporal_system",
            Service = "temporal.api.workflowservice.v1.WorkflowService",
            Operation = "SignalWithStartWorkflowExecution",
            Input = new Payload
            {
                Metadata = { ["__temporal_system_payload"] = ByteString.CopyFromUtf8("true"), ["encoding"] = ByteString.CopyFromUtf8("binary/protobuf") },
                Data = request.ToByteString(),
            },
        },
    };

    private RespondWorkflowTaskCompletedRequest Answer(byte attempt, Command command) => new()
    {
        Namespace = "payments",
        Identity = "77@worker",
        TaskToken = ByteString.CopyFrom(_gate.Sealing.Seal([.. s_token, 0x28, attempt], new TaskFacts(TaskKind.Workflow, "payments", "payments"))),
        Commands = { command },
    };

    private Task<GrpcResult> AnswerAsync(string caller, byte attempt, Command command) => CallAsync(caller, Answer(attempt, command));

    private Task<GrpcResult> CallAsync(string caller, RespondWorkflowTaskCompletedRequest answer) =>
        _gate.Client.CallAsync("RespondWorkflowTaskCompleted", answer.ToByteArray(), _gate.Issuer.Token(caller), Cancellation, ("grpc-timeout", "20S"));
}
