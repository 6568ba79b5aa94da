using System.Net;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Schedule.V1;
using Temporalio.Api.Workflow.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

/// <summary>
/// Workflow and worker can tell who made a call: by a header that the gate signs, that no client can write, that is bound to its call, and that opens nothing.
/// </summary>
public sealed class AssertionNamesTheCaller : IAsyncLifetime
{
    private Gate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await Gate.StartAsync(new GateSetup { EngineExtra = "  identity: { assertion: writes }" });

    public async ValueTask DisposeAsync() => await _gate.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Start_WithAForgedAssertion_CarriesTheGatesOwn(bool compressed)
    {
        var sent = StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start());
        sent.Header = Forged();
        await using var client = await _gate.ConnectAsync();
        var head = RawHttp2.CallHeaders(GrpcClient.WorkflowService + "StartWorkflowExecution", _gate.Issuer.Token("alice", "payments"));
        head.AddRange(compressed ? [("grpc-encoding", "gzip")] : []);
        Assert.Equal(0, (await client.CallAsync(head, compressed ? GrpcFrame.GzipOf(sent.ToByteArray()) : GrpcFrame.Of(sent.ToByteArray()))).Status);

        var call = _gate.Engine.Calls.Single();
        var arrived = StartWorkflowExecutionRequest.Parser.ParseFrom(call.Message);
        var assertion = await AssertedAsync(arrived.Header, "StartWorkflowExecution");
        Assert.Equal(("test/alice", "human", "payments", "w-1"), (assertion.Subject, assertion["kind"], assertion["namespace"], assertion["workflow_id"]));
        Assert.Equal(call.Header("x-postern-call-id"), assertion["jti"]);
        var issued = assertion.Claims.GetProperty("iat").GetInt64();
        Assert.InRange(issued, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - 60, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        Assert.Equal(30 * 24 * 3600, assertion.Claims.GetProperty("exp").GetInt64() - issued);
    }

    [Fact]
    public async Task EveryCall_HasAnAssertionOfItsOwn()
    {
        foreach (var (subject, id) in new[] { ("alice", "w-1"), ("alice", "w-2"), ("carol", "w-3") })
        {
            await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(id: id), _gate.Issuer.Token(subject, "payments"), TestContext.Current.CancellationToken);
        }

        var assertions = _gate.Engine.Calls.Select(call => Assertion.Of(StartWorkflowExecutionRequest.Parser.ParseFrom(call.Message).Header)).ToList();
        Assert.Equal(["test/alice w-1", "test/alice w-2", "test/carol w-3"], assertions.Select(a => $"{a.Subject} {a["workflow_id"]}"));
        Assert.Equal(3, assertions.Select(a => a["jti"]).Distinct().Count());
    }

    [Fact]
    public async Task CallerWhomOthersActFor_IsNamedWithThem()
    {
        var token = _gate.Issuer.Mint(claims =>
        {
            claims["groups"] = new JsonArray("payments");
            claims["act"] = new JsonObject { ["sub"] = "bot", ["act"] = new JsonObject { ["sub"] = "frontend" } };
        });
        await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
        var assertion = Assertion.Of(StartWorkflowExecutionRequest.Parser.ParseFrom(_gate.Engine.Calls.Single().Message).Header);
        Assert.Equal("""{"sub":"bot","act":{"sub":"frontend"}}""", assertion.Claims.GetProperty("act").GetRawText());
    }

    [Fact]
    public async Task SignalWithStart_IsAsserted() =>
        await AssertAsync("SignalWithStartWorkflowExecution", new SignalWithStartWorkflowExecutionRequest
        {
            Namespace = "payments", WorkflowId = "w-1", WorkflowType = new() { Name = "Refund" }, TaskQueue = new() { Name = "payments" }, SignalName = "go", Header = Forged(),
        }, m => m.Header, "workflow_id");

    [Fact]
    public async Task Signal_IsAsserted() => await AssertAsync("SignalWorkflowExecution", new SignalWorkflowExecutionRequest
    {
        Namespace = "payments", WorkflowExecution = new() { WorkflowId = "w-1" }, SignalName = "go", Header = Forged(),
    }, m => m.Header, "workflow_id");

    [Fact]
    public async Task Update_IsAssertedInItsInput() => await AssertAsync("UpdateWorkflowExecution", Update(), m => m.Request.Input.Header, "workflow_id");

    [Fact]
    public async Task StandaloneActivity_IsAsserted() => await AssertAsync("StartActivityExecution", new StartActivityExecutionRequest
    {
        Namespace = "payments", ActivityId = "w-1", ActivityType = new() { Name = "Charge" }, TaskQueue = new() { Name = "payments" }, Header = Forged(),
    }, m => m.Header, "activity_id");

    [Fact]
    public async Task Schedules_AreAssertedInWhatTheyStart()
    {
        var schedule = Schedule();
        schedule.Action.StartWorkflow.Header = Forged();
        await AssertAsync("CreateSchedule", new CreateScheduleRequest { Namespace = "payments", ScheduleId = "s-1", Schedule = schedule }, m => m.Schedule.Action.StartWorkflow.Header, "workflow_id");
        _gate.Engine.Forget();
        await AssertAsync("UpdateSchedule", new UpdateScheduleRequest { Namespace = "payments", ScheduleId = "s-1", Schedule = schedule }, m => m.Schedule.Action.StartWorkflow.Header, "workflow_id");
    }

    // An appended member of a oneof would replace what was sent.
    [Fact]
    public async Task ScheduleWithoutAStart_GetsNone()
    {
        var schedule = Schedule();
        schedule.Action = new ScheduleAction();
        var arrived = await ArriveAsync("CreateSchedule", new CreateScheduleRequest { Namespace = "payments", ScheduleId = "s-1", Schedule = schedule });
        Assert.Equal(ScheduleAction.ActionOneofCase.None, arrived.Schedule.Action.ActionCase);
        Assert.Equal(schedule, arrived.Schedule);
    }

    [Fact]
    public async Task MultiOperation_IsAssertedInEachElement()
    {
        var start = StartWorkflowExecutionRequest.Parser.ParseFrom(Requests.Start());
        start.Header = Forged();
        var arrived = await ArriveAsync("ExecuteMultiOperation", new ExecuteMultiOperationRequest
        {
            Namespace = "payments",
            Operations = { new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = start }, new ExecuteMultiOperationRequest.Types.Operation { UpdateWorkflow = Update() } },
        });
        Assert.Equal(2, arrived.Operations.Count);
        foreach (var header in new[] { arrived.Operations[0].StartWorkflow.Header, arrived.Operations[1].UpdateWorkflow.Request.Input.Header })
        {
            Assert.Equal("w-1", (await AssertedAsync(header, "ExecuteMultiOperation"))["workflow_id"]);
        }

        Assert.Equal("w-1", arrived.Operations[1].UpdateWorkflow.WorkflowExecution.WorkflowId);
    }

    // Whoever reads it there checks what it is bound to: a worker may copy what was given to it, and no more.
    [Fact]
    public async Task WorkersCommands_AreLeftAsTheyAre()
    {
        var sent = new RespondWorkflowTaskCompletedRequest
        {
            Namespace = "payments",
            TaskToken = _gate.SealedToken(TaskKind.Workflow, token: "t"),
            Commands =
            {
                new Command
                {
                    CommandType = Temporalio.Api.Enums.V1.CommandType.StartChildWorkflowExecution,
                    StartChildWorkflowExecutionCommandAttributes = new()
                    {
                        Namespace = "payments", WorkflowId = "c", WorkflowType = new() { Name = "Child" }, TaskQueue = new() { Name = "payments" }, Header = Forged(),
                    },
                },
            },
        };
        await _gate.Client.CallAsync("RespondWorkflowTaskCompleted", sent.ToByteArray(), _gate.Issuer.Token("worker"), TestContext.Current.CancellationToken);
        sent.TaskToken = ByteString.CopyFromUtf8("t");
        Assert.Equal(sent, RespondWorkflowTaskCompletedRequest.Parser.ParseFrom(_gate.Engine.Calls.Single().Message));
    }

    [Fact]
    public async Task Assertion_IsNobodysCredential()
    {
        await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), _gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        var assertion = Assertion.Of(StartWorkflowExecutionRequest.Parser.ParseFrom(_gate.Engine.Calls.Single().Message).Header);
        var answer = await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), assertion.Text, TestContext.Current.CancellationToken);

        Assert.Equal(GrpcCode.Unauthenticated, answer.Status);
        Assert.Single(_gate.Engine.Calls);
        // Nor the engine's: no key that it knows, no audience of its own, no permissions.
        Assert.False(assertion.IsSignedBy(await Assertion.KeySetAsync(_gate, "/engine")));
        Assert.Equal("postern-caller", assertion["aud"]);
        Assert.False(assertion.Claims.TryGetProperty("permissions", out _));
    }

    [Fact]
    public async Task AnotherIssuersTokenOfItsType_IsNobodysCredentialEither()
    {
        var token = _gate.Issuer.Mint(claims => claims["groups"] = new JsonArray("payments"), header: head => head["typ"] = "postern-caller+jwt");
        Assert.Equal(GrpcCode.Unauthenticated, (await _gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task ByDefault_StartsAloneAreAsserted()
    {
        await using var gate = await Gate.StartAsync();
        var token = gate.Issuer.Token("alice", "payments");
        await gate.Client.CallAsync("SignalWorkflowExecution", Requests.Signal(), token, TestContext.Current.CancellationToken);
        await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
        Assert.Null(SignalWorkflowExecutionRequest.Parser.ParseFrom(gate.Engine.Calls[0].Message).Header);
        Assert.NotNull(StartWorkflowExecutionRequest.Parser.ParseFrom(gate.Engine.Calls[1].Message).Header);
    }

    [Fact]
    public async Task SwitchedOff_NothingIsAssertedAndNoKeyIsShown_UntilAReloadSwitchesItOn()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { EngineExtra = "  identity: { stamp: false, assertion: off }" });
        var token = gate.Issuer.Token("alice", "payments");
        await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
        Assert.Equal(Requests.Start(), gate.Engine.Calls.Single().Message);
        using var http = new HttpClient();
        using (var none = await http.GetAsync(new Uri($"http://{gate.KeysAddress}/caller"), TestContext.Current.CancellationToken))
        {
            Assert.Equal((HttpStatusCode.ServiceUnavailable, ""), (none.StatusCode, await none.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)));
        }

        Assert.False(Directory.Exists(Path.Combine(gate.Folder, "data", "keys", "caller")));
        var configuration = await File.ReadAllTextAsync(gate.ConfigFile, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(gate.ConfigFile, configuration.Replace("assertion: off", "assertion: starts"), TestContext.Current.CancellationToken);
        Assert.Equal(200, (await gate.ReloadAsync()).Status);
        await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
        var arrived = StartWorkflowExecutionRequest.Parser.ParseFrom(gate.Engine.Calls[^1].Message);
        Assert.True(Assertion.Of(arrived.Header).IsSignedBy(await Assertion.KeySetAsync(gate)));
        Assert.Equal("4711@laptop", arrived.Identity);
    }

    private static Header Forged() => new()
    {
        Fields =
        {
            [Assertion.Key] = new Payload { Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") }, Data = ByteString.CopyFromUtf8("\"e30.e30.AA\"") },
            ["client-key"] = new Payload { Data = ByteString.CopyFromUtf8("1") },
        },
    };

    private static UpdateWorkflowExecutionRequest Update() => new()
    {
        Namespace = "payments",
        WorkflowExecution = new WorkflowExecution { WorkflowId = "w-1" },
        Request = new() { Meta = new() { UpdateId = "u-1" }, Input = new() { Name = "add", Header = Forged() } },
    };

    private static Schedule Schedule() => new()
    {
        Action = new() { StartWorkflow = new NewWorkflowExecutionInfo { WorkflowId = "w-1", WorkflowType = new() { Name = "Refund" }, TaskQueue = new() { Name = "payments" } } },
        State = new() { Notes = "n" },
    };

    private async Task AssertAsync<T>(string method, T message, Func<T, Header> header, string id)
        where T : class, IMessage<T>, new()
    {
        var assertion = await AssertedAsync(header(await ArriveAsync(method, message)), method);
        Assert.Equal(("test/root", "payments", "w-1"), (assertion.Subject, assertion["namespace"], assertion[id]));
    }

    private async Task<T> ArriveAsync<T>(string method, T message)
        where T : class, IMessage<T>, new()
    {
        var answer = await _gate.Client.CallAsync(method, message.ToByteArray(), _gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        Assert.True(answer.Status == 0, answer.Message);
        return new MessageParser<T>(() => new T()).ParseFrom(_gate.Engine.Calls.Single().Message);
    }

    /// <summary>The gate's own stands where the forged one stood, and the client's other header still does.</summary>
    private async Task<Assertion> AssertedAsync(Header header, string method)
    {
        Assert.Equal(["client-key", Assertion.Key], header.Fields.Keys.Order());
        var assertion = Assertion.Of(header);
        Assert.True(assertion.IsSignedBy(await Assertion.KeySetAsync(_gate)));
        Assert.Equal(("postern-caller+jwt", "ES256"), (assertion.Header.GetProperty("typ").GetString(), assertion.Header.GetProperty("alg").GetString()));
        Assert.Equal(("postern/main", method), (assertion["iss"], assertion["method"]));
        return assertion;
    }
}
