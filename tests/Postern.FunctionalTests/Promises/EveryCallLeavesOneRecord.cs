using Postern.Engines.Temporal;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>One record per call, allowed or not, answered or not; none is missing and none stands twice.</summary>
public sealed class EveryCallLeavesOneRecord
{
    [Fact]
    public async Task CallsOfEveryFate_LeaveExactlyAsManyRecords()
    {
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            Script = call => call.Operation switch
            {
                "PollWorkflowTaskQueue" => StubAnswer.Never,
                "SignalWorkflowExecution" => StubAnswer.Error(5, "x"),
                "TerminateWorkflowExecution" => new StubAnswer { Cut = true },
                "QueryWorkflow" => new StubAnswer { Body = GrpcFrame.Claiming(10, [1]), Cut = true },
                _ => StubAnswer.Ok(),
            },
        });
        var (root, nobody) = (gate.Issuer.Token("root"), gate.Issuer.Token("nobody"));
        (string Method, byte[] Message, string? Token, string Timeout)[] kinds =
        [
            ("StartWorkflowExecution", Requests.Start(), root, "20S"), ("DescribeWorkflowExecution", Requests.Describe(), root, "20S"),
            ("StartWorkflowExecution", Requests.Start(), nobody, "20S"), ("DescribeWorkflowExecution", Requests.Describe(), null, "20S"),
            ("NoSuch", [], root, "20S"), ("DescribeWorkflowExecution", [0xFF], root, "20S"), ("SignalWorkflowExecution", Requests.Signal(), root, "20S"),
            ("TerminateWorkflowExecution", Requests.Terminate(), root, "20S"), ("PollWorkflowTaskQueue", Requests.Poll(), root, "300m"),
            ("StartWorkflowExecution", Requests.Start(), root, "0S"), ("RespondActivityTaskCompleted", Requests.CompleteActivity(gate.SealedToken(TaskKind.Activity)), root, "20S"),
            ("/grpc.health.v1.Health/Check", [], null, "20S"), ("DescribeWorkflowExecution", Requests.Describe(), "garbage", "20S"),
        ];
        var expected = 0;
        for (var round = 0; round < 5; round++)
        {
            foreach (var (method, message, token, timeout) in kinds)
            {
                await gate.Client.CallAsync(method, message, token, TestContext.Current.CancellationToken, ("grpc-timeout", timeout));
                expected += method.Contains("Health", StringComparison.Ordinal) ? 0 : 1;
            }
        }

        // Callers that go away: while the engine works, and before their body is whole.
        await using (var client = await gate.ConnectAsync())
        {
            for (var i = 0; i < 5; i++)
            {
                var poll = client.NextStream();
                await client.HeadersAsync(poll, RawHttp2.CallHeaders(GrpcClient.WorkflowService + "PollWorkflowTaskQueue", root, ("grpc-timeout", "60S")));
                await client.DataAsync(poll, GrpcFrame.Of(Requests.Poll()));
                await Eventually.TrueAsync(() => gate.Engine.Open == 1);
                await client.ResetAsync(poll, 8);
                await Eventually.TrueAsync(() => gate.Engine.Open == 0);
                var half = client.NextStream();
                await client.HeadersAsync(half, RawHttp2.CallHeaders(GrpcClient.WorkflowService + "StartWorkflowExecution", root));
                await client.DataAsync(half, GrpcFrame.Of(Requests.Start()).AsMemory(..10), endStream: false);
                // Told apart from the reset by an answered call on the same connection: frames are read in order.
                await client.CallAsync(RawHttp2.CallHeaders(GrpcClient.WorkflowService + "GetSystemInfo", root), GrpcFrame.Of([]));
                await client.ResetAsync(half, 8);
                await client.CallAsync(RawHttp2.CallHeaders(GrpcClient.WorkflowService + "GetSystemInfo", root), GrpcFrame.Of([]));
                expected += 4;
            }
        }

        await gate.StopAsync();
        var records = gate.Audit.Records();
        Assert.Equal(records.Count, records.Select(record => record.CallId).Distinct(StringComparer.Ordinal).Count());
        var real = records.Where(record => !record["operation"]!.Contains("ealth", StringComparison.Ordinal)).ToList();
        Assert.True(real.Count == expected, string.Join('\n', real.GroupBy(record => (record["operation"], record["refusal"], record["status"])).Select(group => $"{group.Key} {group.Count()}")));
        // Every intent has its outcome.
        var ids = records.Select(record => record.CallId).ToHashSet(StringComparer.Ordinal);
        Assert.All(gate.Audit.Lines().Where(line => line.IsIntent), intent => Assert.Contains(intent.CallId, ids));
    }

    [Fact]
    public async Task Record_OfAnAllowedCall_SaysWhoWhatWhereByWhichRule()
    {
        await using var gate = await Gate.StartAsync();
        var token = gate.Issuer.Mint(claims => { claims["groups"] = new System.Text.Json.Nodes.JsonArray("payments"); claims["sid"] = "session-1"; claims["jti"] = "token-1"; }, "alice");
        await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, TestContext.Current.CancellationToken);
        var record = Assert.Single(gate.Audit.Records());
        Assert.Equal("test/alice", record["caller"]);
        Assert.Equal(("token-1", "session-1"), (record["jti"], record["sid"]));
        Assert.Equal(gate.Client.Source.ToString(), record["source"]);
        Assert.Equal("main", record["engine"]);
        Assert.Contains("StartWorkflowExecution", record["operation"]);
        Assert.Equal("workflow.start", record["permission"]);
        Assert.Equal(("payments", "payments", "Refund", "w-1"), (record["namespace"], record["taskQueue"], record["workflowType"], record["workflowId"]));
        Assert.Equal("allow", record["decision"]);
        Assert.Equal("bindings[0]", record["rule"]);
        Assert.False(string.IsNullOrEmpty(record["policyVersion"]));
        Assert.Equal("0", record["status"]);
        Assert.True(long.Parse(record["requestBytes"]!) > 0);
    }

    [Theory]
    [InlineData("DescribeWorkflowExecution", "nobody", "read")]
    [InlineData("DescribeWorkflowExecution", null, "read")]
    [InlineData("PollWorkflowTaskQueue", "nobody", "progress")]
    [InlineData("StartWorkflowExecution", "nobody", "write")]
    [InlineData("StartWorkflowExecution", null, "write")]
    [InlineData("NoSuchMethod", "nobody", "read")]
    public async Task RefusedCall_IsRecordedInTheClassOfWhatWasAsked(string method, string? caller, string @class)
    {
        await using var gate = await Gate.StartAsync();
        var watch = new Watch(gate);
        var message = method switch { "DescribeWorkflowExecution" => Requests.Describe(), "PollWorkflowTaskQueue" => Requests.Poll(), _ => Requests.Start() };
        var answer = await gate.Client.CallAsync(method, message, caller is null ? null : gate.Issuer.Token(caller), TestContext.Current.CancellationToken);
        Assert.Equal(@class, (await watch.RecordAsync(answer.Message))["class"]);
    }

    // A worker may start children in its own namespace with no more than its role, unless a deny names them; its progress stays progress.
    [Theory]
    [InlineData("Refund", 0, "progress")]
    [InlineData("Payout", GrpcCode.InvalidArgument, "progress")]
    public async Task TaskAnswerWithAChild_IsProgress_UnlessADenyNamesIt(string type, int status, string @class)
    {
        await using var gate = await Gate.StartAsync(new GateSetup { PolicyText = GateSetup.Policy + "\ndeny:\n  - { what: [workflow.start], where: { workflowType: Payout } }\n" });
        var answer = new Temporalio.Api.WorkflowService.V1.RespondWorkflowTaskCompletedRequest { Namespace = "payments", TaskToken = gate.SealedToken(TaskKind.Workflow) };
        answer.Commands.Add(new Temporalio.Api.Command.V1.Command { StartChildWorkflowExecutionCommandAttributes = new() { WorkflowId = "c", WorkflowType = new() { Name = type } } });
        var result = await gate.Client.CallAsync("RespondWorkflowTaskCompleted", Google.Protobuf.MessageExtensions.ToByteArray(answer), gate.Issuer.Token("worker"), TestContext.Current.CancellationToken);
        Assert.Equal(status, result.Status);
        Assert.Equal(status == 0 ? 1 : 0, gate.Engine.Calls.Count);
        await gate.StopAsync();
        Assert.Equal(@class, Assert.Single(gate.Audit.Records())["class"]);
    }

    [Fact]
    public async Task RunIdOfTheAnswer_StandsInTheRecord()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = _ => StubAnswer.Ok(Requests.Field(1, "run-4711")) });
        await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        Assert.Equal("run-4711", Assert.Single(gate.Audit.Records())["runId"]);
    }

    [Fact]
    public async Task NamesThatForgeLines_AreEscaped()
    {
        await using var gate = await Gate.StartAsync();
        var name = "a\"}\n{\"event\":\"call\",\"caller\":\"test/root\u202E\u0007";
        await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(id: name), gate.Issuer.Token("root"), TestContext.Current.CancellationToken);
        var record = Assert.Single(gate.Audit.Records());
        Assert.Equal(name, record["workflowId"]);
        Assert.All(gate.Audit.Text(), c => Assert.True(c is '\n' or (>= ' ' and <= '~')));
    }
}
