using System.Text;
using Google.Protobuf;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Namespace.V1;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.Update.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// By the token of a completion callback the server finds the operation that it ends, in whatever namespace: the token is unsigned, and delivered with the server's own rights. So one
/// that came with a Nexus task is known again by its seal, and any other ends something only where its caller may write.
/// </summary>
public sealed class CallbackEndsWhatItsCallerMayWrite : IAsyncLifetime
{
    private const string Payments = "1d2f7a60-2a3b-4c4d-8e5f-6a7b8c9d0e1f";
    private const string Ledger = "2d2f7a60-2a3b-4c4d-8e5f-6a7b8c9d0e1f";

    // The handler serves operations that workflows of ledger call, and has no right there.
    private const string Policy = """
        bindings:
          - { who: ["user:alice"], role: developer, where: { temporal: payments } }
          - { who: ["user:handler"], role: worker, where: { temporal: payments } }
          - { who: ["user:handler"], role: runner, where: { temporal: payments } }
          - { who: ["user:other"], role: worker, where: { temporal: [payroll, reports] } }
          - { who: ["user:other"], role: runner, where: { temporal: [payroll, reports] } }
          - { who: ["user:narrow"], role: runner, where: { temporal: payments } }
          - { who: ["user:narrow"], role: worker, where: { temporal: payments, taskQueue: elsewhere } }
          - { who: ["user:typed"], role: runner, where: { temporal: payments } }
          - { who: ["user:typed"], role: worker, where: { temporal: payments } }
          - { who: ["user:typed"], role: runner, where: { temporal: ledger, workflowType: Refund } }
        """;

    private Gate _gate = null!;
    private Func<ArrivedCall, StubAnswer> _namespaces = call => DescribeNamespaceRequest.Parser.ParseFrom(call.Message).Id switch
    {
        Payments => Named("payments", Payments),
        Ledger => Named("ledger", Ledger),
        _ => StubAnswer.Error(5, "namespace not found"),
    };

    private string _type = "Refund";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _gate = await Gate.StartAsync(new GateSetup { PolicyText = Policy, Script = Answer });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    [Theory]
    [InlineData("StartWorkflowExecution")]
    [InlineData("StartActivityExecution")]
    [InlineData("ExecuteMultiOperation")]
    public async Task ForgedToken_OfAnotherNamespace_IsRefused_AndOfTheOwnGoes(string method)
    {
        var own = await CallAsync(method, "payments", "alice", Token(Payments));
        Assert.True(own.Status == 0, own.Message);
        Assert.Equal([Token(Payments)], Arrived(method));

        var watch = new Watch(_gate, except: "DescribeNamespace");
        var foreign = await CallAsync(method, "payments", "alice", Token(Ledger));
        Assert.True(foreign.Status == GrpcCode.PermissionDenied, foreign.Message);
        // Called as it was asked for: nobody learns a name from it.
        Assert.Contains(Ledger, foreign.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("ledger", foreign.Message, StringComparison.Ordinal);
        var record = await watch.RefusedAsync(foreign.Message, "not-allowed", GrpcCode.PermissionDenied);
        Assert.Equal("ledger", record["moreNamespaces"]);
    }

    // Newer servers name a component of theirs instead, in bytes that hold a namespace of their own.
    [Fact]
    public async Task ForgedToken_ThatNamesAComponent_IsOfItsNamespace()
    {
        string Of(params byte[][] fields) => Wrap([.. fields.SelectMany(f => f)]);
        Assert.Equal(0, (await StartAsync("alice", Of(Field(6, Field(1, Payments))))).Status);
        Assert.Equal(GrpcCode.PermissionDenied, (await StartAsync("alice", Of(Field(6, Field(1, Ledger))))).Status);
        Assert.Equal(GrpcCode.InvalidArgument, (await StartAsync("alice", Of(Field(1, Payments), Field(6, Field(1, Ledger))))).Status);
    }

    [Fact]
    public async Task ForgedToken_OfWhatIsNotThere_IsRefusedAsWhatMayNotBeTouched()
    {
        const string nowhere = "3d2f7a60-2a3b-4c4d-8e5f-6a7b8c9d0e1f";
        var absent = await StartAsync("alice", Token(nowhere));
        var foreign = await StartAsync("alice", Token(Ledger));

        Assert.Equal((GrpcCode.PermissionDenied, GrpcCode.PermissionDenied), (absent.Status, foreign.Status));
        Assert.Equal(Words(foreign, Ledger), Words(absent, nowhere));
    }

    [Fact]
    public async Task EngineThatCannotBeAsked_IsCannotTell()
    {
        _namespaces = _ => StubAnswer.Error(14, "no");
        var watch = new Watch(_gate, except: "DescribeNamespace");
        var answer = await StartAsync("alice", Token(Payments));
        await watch.RefusedAsync(answer.Message, "cannot-tell", GrpcCode.Unavailable);
    }

    // Which workflow it would end is looked up, where the right depends on it.
    [Theory]
    [InlineData("Refund", 0)]
    [InlineData("Payout", GrpcCode.PermissionDenied)]
    public async Task ForgedToken_IsHeldToTheWorkflowThatItNames(string type, int status)
    {
        _type = type;
        var answer = await StartAsync("typed", Token(Ledger));
        Assert.True(status == answer.Status, answer.Message);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("""{"v":1,"d":"CgFh","D":"CgFi"}""")]
    [InlineData("""{"v":1,"d":"EgF3"}""")]
    public async Task TokenThatCannotBeRead_IsUnreadable(string token)
    {
        var watch = new Watch(_gate);
        await watch.RefusedAsync((await StartAsync("alice", token)).Message, "unreadable", GrpcCode.InvalidArgument);
    }

    [Theory]
    [InlineData("Temporal-Callback-Token")]
    [InlineData("temporal-callback-token")]
    public async Task TokenOfANexusTask_GoesThroughItsHandlersStart_AndTheEngineSeesItsOwn(string header)
    {
        var (callback, headers) = await PollAsync("handler", header);
        Assert.Equal("the caller's own", headers[header]);
        Assert.NotEqual(Token(Ledger), callback[header]);
        Assert.Equal("kept", callback["other"]);
        foreach (var method in new[] { "StartWorkflowExecution", "StartActivityExecution", "ExecuteMultiOperation" })
        {
            var answer = await CallAsync(method, "payments", "handler", callback[header]);
            Assert.True(answer.Status == 0, answer.Message);
            Assert.Equal([Token(Ledger)], Arrived(method));
        }

        // Nobody was asked: the seal says it all.
        Assert.DoesNotContain(_gate.Engine.Calls, call => call.Operation == "DescribeNamespace");
        // The same token without its seal is nobody's word.
        Assert.Equal(GrpcCode.PermissionDenied, (await StartAsync("handler", Token(Ledger))).Status);
    }

    [Fact]
    public async Task SealedToken_InAnotherNamespace_OrAltered_OrOfOtherKeys_IsRefused()
    {
        var token = (await PollAsync("handler")).Callback["Temporal-Callback-Token"];
        var watch = new Watch(_gate);
        await watch.RefusedAsync((await CallAsync("StartWorkflowExecution", "payroll", "other", token)).Message, "unreadable", GrpcCode.InvalidArgument);

        var at = token.Length / 2;
        var altered = token[..at] + (token[at] == 'A' ? 'B' : 'A') + token[(at + 1)..];
        await watch.RefusedAsync((await StartAsync("handler", altered)).Message, "unreadable", GrpcCode.InvalidArgument);

        await using var stranger = await Gate.StartAsync(new GateSetup { PolicyText = Policy, Script = Answer, Issuer = _gate.Issuer });
        var strangers = await PollAsync("handler", "Temporal-Callback-Token", stranger);
        await watch.RefusedAsync((await StartAsync("handler", strangers.Callback["Temporal-Callback-Token"])).Message, "unreadable", GrpcCode.InvalidArgument);
    }

    [Fact]
    public async Task SealedToken_IsForWhoMayAnswerItsTask()
    {
        var token = (await PollAsync("handler")).Callback["Temporal-Callback-Token"];
        var watch = new Watch(_gate);
        await watch.RefusedAsync((await StartAsync("narrow", token)).Message, "not-allowed", GrpcCode.PermissionDenied);
        Assert.Equal(0, (await StartAsync("alice", token)).Status);
    }

    // The server sends these headers beside its own: a workflow would write the token that its handler is handed out.
    [Theory]
    [InlineData("Nexus-Callback-Temporal-Callback-Token", GrpcCode.InvalidArgument)]
    [InlineData("x-mine", 0)]
    public async Task WorkflowsHeader_ThatWouldPassForTheServers_IsRefused(string header, int status)
    {
        var command = new Command { ScheduleNexusOperationCommandAttributes = new() { Endpoint = "e", Service = "s", Operation = "o", NexusHeader = { [header] = Token(Ledger) } } };
        var answer = await _gate.Client.CallAsync(
            "RespondWorkflowTaskCompleted",
            new RespondWorkflowTaskCompletedRequest { Namespace = "payments", TaskToken = _gate.SealedToken(Engines.Temporal.TaskKind.Workflow), Commands = { command } }.ToByteArray(),
            _gate.Issuer.Token("handler"),
            Cancellation);
        Assert.True(answer.Status == status, $"{answer.Status} {answer.Message}");
        Assert.Equal(status == 0, _gate.Engine.Calls.Any(call => call.Operation == "RespondWorkflowTaskCompleted"));
    }

    private StubAnswer Answer(ArrivedCall call) => call.Operation switch
    {
        "DescribeNamespace" => _namespaces(call),
        "DescribeWorkflowExecution" => StubAnswer.Ok(new DescribeWorkflowExecutionResponse { WorkflowExecutionInfo = new WorkflowExecutionInfo { Type = new WorkflowType { Name = _type }, TaskQueue = "q" } }.ToByteArray()),
        "PollNexusTaskQueue" => StubAnswer.Ok(_task),
        _ => StubAnswer.Ok(),
    };

    private byte[] _task = [];

    private async Task<(IDictionary<string, string> Callback, IDictionary<string, string> Headers)> PollAsync(string caller, string header = "Temporal-Callback-Token", Gate? gate = null)
    {
        gate ??= _gate;
        _task = new PollNexusTaskQueueResponse
        {
            TaskToken = ByteString.CopyFromUtf8("task"),
            Request = new Temporalio.Api.Nexus.V1.Request
            {
                Header = { [header] = "the caller's own" },
                StartOperation = new StartOperationRequest { Service = "s", Operation = "o", Callback = "temporal://system", CallbackHeader = { ["other"] = "kept", [header] = Token(Ledger) } },
            },
        }.ToByteArray();
        var poll = new PollNexusTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = "handlers" } };
        var answer = await gate.Client.CallAsync("PollNexusTaskQueue", poll.ToByteArray(), gate.Issuer.Token(caller), Cancellation, ("grpc-timeout", "20S"));
        Assert.True(answer.Status == 0, answer.Message);
        var request = PollNexusTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body)).Request;
        return (request.StartOperation.CallbackHeader, request.Header);
    }

    private Task<GrpcResult> StartAsync(string caller, string token) => CallAsync("StartWorkflowExecution", "payments", caller, token);

    private Task<GrpcResult> CallAsync(string method, string ns, string caller, string token)
    {
        var callback = new Callback { Nexus = new Callback.Types.Nexus { Url = "temporal://system", Header = { ["nexus-operation-token"] = "o", ["Temporal-Callback-Token"] = token } } };
        var start = StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start(ns));
        start.CompletionCallbacks.Add(callback);
        IMessage message = method switch
        {
            "StartWorkflowExecution" => start,
            "StartActivityExecution" => new StartActivityExecutionRequest { Namespace = ns, ActivityId = "a", ActivityType = new ActivityType { Name = "t" }, TaskQueue = new TaskQueue { Name = "q" }, CompletionCallbacks = { callback } },
            _ => new ExecuteMultiOperationRequest
            {
                Namespace = ns,
                Operations =
                {
                    new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = start },
                    new ExecuteMultiOperationRequest.Types.Operation
                    {
                        UpdateWorkflow = new UpdateWorkflowExecutionRequest { Namespace = ns, WorkflowExecution = new WorkflowExecution { WorkflowId = "w-1" }, Request = new Temporalio.Api.Update.V1.Request { Input = new Input { Name = "u" } } },
                    },
                },
            },
        };
        return _gate.Client.CallAsync(method, message.ToByteArray(), _gate.Issuer.Token(caller), Cancellation);
    }

    // The callbacks' tokens as the engine got them.
    private IEnumerable<string> Arrived(string method)
    {
        var message = _gate.Engine.Calls.Last(call => call.Operation == method).Message;
        var callbacks = method switch
        {
            "StartWorkflowExecution" => StartWorkflowExecutionRequest.Parser.ParseFrom(message).CompletionCallbacks,
            "StartActivityExecution" => StartActivityExecutionRequest.Parser.ParseFrom(message).CompletionCallbacks,
            _ => ExecuteMultiOperationRequest.Parser.ParseFrom(message).Operations[0].StartWorkflow.CompletionCallbacks,
        };
        return callbacks.Select(c => c.Nexus.Header["Temporal-Callback-Token"]);
    }

    private static string Words(GrpcResult answer, string id) => answer.Message[..answer.Message.IndexOf("[call", StringComparison.Ordinal)].Replace(id, "", StringComparison.Ordinal);

    private static StubAnswer Named(string name, string id) => StubAnswer.Ok(new DescribeNamespaceResponse { NamespaceInfo = new NamespaceInfo { Name = name, Id = id } }.ToByteArray());

    private static string Token(string ns) => Wrap([.. Field(1, ns), .. Field(2, "caller-workflow"), .. Field(3, "run")]);

    private static string Wrap(byte[] data) => $$"""{"v":1,"d":"{{Convert.ToBase64String(data).Replace('+', '-').Replace('/', '_')}}"}""";

    private static byte[] Field(int number, string text) => Field(number, Encoding.UTF8.GetBytes(text));

    private static byte[] Field(int number, byte[] value) => [(byte)((number << 3) | 2), (byte)value.Length, .. value];
}
