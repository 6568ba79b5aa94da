using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>Trouble of ours is UNAVAILABLE and never a "no": sixty seconds of "no" end most workers for good.</summary>
public sealed class CannotTellIsNotNo
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task IssuerNeverReached_IsUnavailable_AndHealsWithoutRestart()
    {
        await using var issuer = await TestIssuer.DownAsync();
        await using var gate = await Gate.StartAsync(new GateSetup { Issuer = issuer });
        var watch = new Watch(gate);
        var answer = await PollAsync(gate, issuer.Token("worker"));
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        await watch.RefusedAsync(answer.Message, "cannot-tell", GrpcCode.Unavailable);

        await issuer.ReturnAsync();
        await Eventually.AnswersAsync(() => PollAsync(gate, issuer.Token("worker")), result =>
        {
            Assert.Contains(result.Status, new[] { GrpcCode.Ok, GrpcCode.Unavailable });
            return result.Status == 0;
        }, result => result.Message);
    }

    [Fact]
    public async Task ForgedToken_WhileTheIssuerWasNeverReached_IsNotServedEither()
    {
        await using var issuer = await TestIssuer.DownAsync();
        await using var gate = await Gate.StartAsync(new GateSetup { Issuer = issuer });
        var answer = await PollAsync(gate, issuer.Mint(subject: "root", key: TestKey.Es256("key-1")));
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        Assert.Empty(gate.Engine.Calls);
    }

    [Fact]
    public async Task ExpiredToken_WhileItsIssuerIsAway_IsUnavailable_AndWhenItIsBackUnauthenticated()
    {
        await using var gate = await Gate.StartAsync();
        Assert.Equal(0, (await PollAsync(gate, gate.Issuer.Token("worker"))).Status);
        var expired = gate.Issuer.Mint(claims => claims["exp"] = TimeProvider.System.GetUtcNow().AddMinutes(-2).ToUnixTimeSeconds(), "worker");
        Assert.Equal(GrpcCode.Unauthenticated, (await PollAsync(gate, expired)).Status);
        await gate.Issuer.GoAwayAsync();
        // The gate finds out that the issuer is away when it next asks it.
        var unseen = gate.Issuer.Mint(subject: "worker", key: TestKey.Es256("unseen"));
        Assert.Equal(GrpcCode.Unavailable, (await PollAsync(gate, unseen)).Status);
        Assert.Equal(GrpcCode.Unavailable, (await PollAsync(gate, expired)).Status);
        // What still can be told is told: a live token works, garbage is no credential.
        Assert.Equal(0, (await PollAsync(gate, gate.Issuer.Token("worker"))).Status);
        Assert.Equal(GrpcCode.Unauthenticated, (await PollAsync(gate, "garbage")).Status);
        await gate.Issuer.ReturnAsync();
        await Eventually.AnswersAsync(() => PollAsync(gate, expired), result => result.Status == GrpcCode.Unauthenticated, result => result.Message);
    }

    [Theory]
    [InlineData("slow")]
    [InlineData("500")]
    [InlineData("not JSON")]
    public async Task IssuerThatAnswersBadly_IsUnavailable(string how)
    {
        await using var issuer = await TestIssuer.StartAsync();
        var release = new TaskCompletionSource();
        issuer.Before = how == "slow" ? () => release.Task : null;
        issuer.KeySetAnswer = async context =>
        {
            context.Response.StatusCode = how == "500" ? 500 : 200;
            await context.Response.BodyWriter.WriteAsync("<html>"u8.ToArray(), context.RequestAborted);
        };
        await using var gate = await Gate.StartAsync(new GateSetup { Issuer = issuer });
        var answer = await PollAsync(gate, issuer.Token("worker"), "10S");
        Assert.Contains(answer.Status, new[] { GrpcCode.Unavailable, GrpcCode.DeadlineExceeded });
        Assert.Empty(gate.Engine.Calls);
        release.SetResult();
    }

    [Fact]
    public async Task AuditThatCannotBeKept_RefusesWritesAndReadsAsUnavailable_AndHeals()
    {
        await using var gate = await Gate.StartAsync();
        gate.Logs.Expect(line => line.Category.Contains("Audit", StringComparison.Ordinal));
        var token = gate.Issuer.Token("root");
        Assert.Equal(0, (await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, Cancellation)).Status);
        var before = gate.Engine.Calls.Count;
        // The folder becomes a file: neither can the log be written on nor a new one be made. The rights of root don't help.
        Directory.Move(gate.Audit.Folder, gate.Audit.Folder + ".away");
        await File.WriteAllTextAsync(gate.Audit.Folder, "", Cancellation);
        var answer = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(id: "w-2"), token, Cancellation);
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        Assert.Equal(before, gate.Engine.Calls.Count);
        Assert.Equal(GrpcCode.Unavailable, (await gate.Client.CallAsync("DescribeWorkflowExecution", Requests.Describe(), token, Cancellation)).Status);
        Assert.Equal(GrpcCode.Unavailable, (await PollAsync(gate, gate.Issuer.Token("worker"))).Status);
        Assert.Equal(before, gate.Engine.Calls.Count);

        File.Delete(gate.Audit.Folder);
        Directory.Move(gate.Audit.Folder + ".away", gate.Audit.Folder);
        await Eventually.AnswersAsync(
            () => gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(id: "w-3"), token, Cancellation), result => result.Status == 0, result => result.Message);
        Assert.DoesNotContain(gate.Engine.Calls, call => call.Operation == "StartWorkflowExecution"
            && Temporalio.Api.WorkflowService.V1.StartWorkflowExecutionRequest.Parser.ParseFrom(call.Message).WorkflowId == "w-2");
    }

    [Fact]
    public async Task AuditThatFailsWhileTheEngineActs_StillGivesTheEnginesAnswer_AndThenRefusesWrites()
    {
        Gate? gate = null;
        await using var started = gate = await Gate.StartAsync(new GateSetup
        {
            Script = call => StubAnswer.Ok([8, 1]) with
            {
                Before = async cancellation =>
                {
                    if (call.Operation == "StartWorkflowExecution")
                    {
                        Directory.Move(gate!.Audit.Folder, gate.Audit.Folder + ".away");
                        await File.WriteAllTextAsync(gate.Audit.Folder, "", cancellation);
                    }
                },
            },
        });
        gate.Logs.Expect(line => line.Category.Contains("Audit", StringComparison.Ordinal) || line.Text.Contains("audit", StringComparison.OrdinalIgnoreCase));
        var token = gate.Issuer.Token("root");
        var answer = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, Cancellation);
        Assert.Equal(0, answer.Status);
        Assert.Equal([8, 1], GrpcFrame.Message(answer.Body));
        Assert.Equal(GrpcCode.Unavailable, (await gate.Client.CallAsync("SignalWorkflowExecution", Requests.Signal(), token, Cancellation)).Status);
        File.Delete(gate.Audit.Folder);
        Directory.Move(gate.Audit.Folder + ".away", gate.Audit.Folder);
        await Eventually.AnswersAsync(() => gate.Client.CallAsync("SignalWorkflowExecution", Requests.Signal(), token, Cancellation), result => result.Status == 0, result => result.Message);
        // What could not be written then stands there now.
        await Eventually.TrueAsync(() => gate.Audit.Records().Any(record => record["operation"]!.Contains("StartWorkflowExecution", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task EngineAway_IsUnavailable_AndHeals()
    {
        await using var gate = await Gate.StartAsync();
        var token = gate.Issuer.Token("root");
        await gate.Engine.GoAwayAsync();
        foreach (var (method, message) in new[] { ("DescribeWorkflowExecution", Requests.Describe()), ("StartWorkflowExecution", Requests.Start()), ("GetSystemInfo", []) })
        {
            var watch = new Watch(gate);
            var answer = await gate.Client.CallAsync(method, message, token, Cancellation);
            Assert.Equal(GrpcCode.Unavailable, answer.Status);
            await watch.RefusedAsync(answer.Message, "upstream-unreachable", GrpcCode.Unavailable);
        }

        await gate.Engine.ReturnAsync();
        await Eventually.AnswersAsync(() => gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), token, Cancellation), result => result.Status == 0, result => result.Message);
    }

    [Fact]
    public async Task EngineThatBreaksOffAWrite_IsUnavailable_AndTheTextSaysThatTheOutcomeIsUnknown()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = _ => new StubAnswer { Cut = true } });
        var answer = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), gate.Issuer.Token("root"), Cancellation);
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        Assert.Contains("unknown", answer.Message, StringComparison.OrdinalIgnoreCase);
        // A write that may have been done is never sent twice.
        Assert.Single(gate.Engine.Calls);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(11)]
    public async Task EngineThatResetsTheStream_IsUnavailableAndNotRepeated(int code)
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = _ => new StubAnswer { Reset = code } });
        var answer = await gate.Client.CallAsync("StartWorkflowExecution", Requests.Start(), gate.Issuer.Token("root"), Cancellation);
        Assert.Equal(GrpcCode.Unavailable, answer.Status);
        Assert.Single(gate.Engine.Calls);
    }

    [Fact]
    public async Task EngineThatBreaksOffMidAnswer_DoesNotLookLikeAWholeAnswer()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = _ => new StubAnswer { Body = GrpcFrame.Claiming(1_000, new byte[500]), Cut = true } });
        await using var client = await gate.ConnectAsync();
        var answer = await client.CallAsync(RawHttp2.CallHeaders(GrpcClient.WorkflowService + "DescribeWorkflowExecution", gate.Issuer.Token("root")), GrpcFrame.Of(Requests.Describe()));
        Assert.NotEqual(0, answer.Status);
        Assert.True(answer.Status is GrpcCode.Unavailable or null, answer.ToString());
        Assert.True(answer.Status is not null || answer.Reset is not null, answer.ToString());
    }

    [Fact]
    public async Task CallersOwnDeadline_IsDeadlineExceededAndReachesTheEngine()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = _ => StubAnswer.Never });
        var answer = await PollAsync(gate, gate.Issuer.Token("worker"), "1S");
        Assert.Equal(GrpcCode.DeadlineExceeded, answer.Status);
        var call = Assert.Single(gate.Engine.Calls);
        Assert.NotNull(call.Header("grpc-timeout"));
        await call.Ended.WaitAsync(RawHttp2.Deadline, Cancellation);
    }

    // The rule needs the workflow's type, which a signal doesn't name; the server's own workflows are nobody's to signal, whatever their type.
    [Theory]
    [InlineData("w-1", GrpcCode.Unavailable)]
    [InlineData("temporal-sys-scheduler:nightly", GrpcCode.PermissionDenied)]
    public async Task DenyBesideWhatCannotBeTold_IsANo(string id, int status)
    {
        await using var gate = await Gate.StartAsync();
        var watch = new Watch(gate, except: "DescribeWorkflowExecution");
        var answer = await gate.Client.CallAsync("SignalWorkflowExecution", Requests.Signal(id: id), gate.Issuer.Token("carol", "reports"), Cancellation);
        Assert.Equal(status, answer.Status);
        await watch.RefusedAsync(answer.Message, status == GrpcCode.Unavailable ? "cannot-tell" : "not-allowed", status);
    }

    private static Task<GrpcResult> PollAsync(Gate gate, string token, string timeout = "20S") =>
        gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), token, Cancellation, ("grpc-timeout", timeout));
}
