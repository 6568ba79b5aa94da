using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>No method is served to a caller whom the gate doesn't know, and nobody unknown makes the gate read a body or ask the engine.</summary>
public sealed class NoCallWithoutIdentity(GateFixture fixture) : IClassFixture<GateFixture>
{
    private Gate Gate => fixture.Gate;

    public static TheoryData<string> Paths => TemporalApi.Paths;

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task EveryMethod_WithoutACredential_IsUnauthenticatedBeforeItsBodyIsSent(string path)
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        // No body and no end of stream: whoever waited for either would never answer.
        await client.HeadersAsync(stream, RawHttp2.CallHeaders(path));
        var answer = await client.AnswerAsync(stream);
        Assert.Equal(GrpcCode.Unauthenticated, answer.Status);
        await watch.RefusedAsync(answer.Message, "unauthenticated", GrpcCode.Unauthenticated);
    }

    [Theory]
    [InlineData("Check", GrpcCode.Ok)]
    [InlineData("List", GrpcCode.Ok)]
    public async Task Health_WithoutACredential_IsAnsweredByTheGateItself(string method, int status)
    {
        var watch = new Watch(Gate);
        var answer = await Gate.Client.CallAsync("/grpc.health.v1.Health/" + method, Array.Empty<byte>(), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(status, answer.Status);
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task HealthWatch_WithoutACredential_SendsTheStateAndStaysOpen()
    {
        var watch = new Watch(Gate);
        await using var client = await Gate.ConnectAsync();
        var stream = client.NextStream();
        await client.HeadersAsync(stream, RawHttp2.CallHeaders("/grpc.health.v1.Health/Watch"));
        await client.DataAsync(stream, GrpcFrame.Of([]));
        var answer = await client.AnswerHeadersAsync(stream);
        await Eventually.TrueAsync(() => answer.Body.Length >= 7);
        // HealthCheckResponse { status: SERVING }
        Assert.Equal([0x08, 0x01], GrpcFrame.Message(answer.Body));
        Assert.False(answer.Ended);
        await client.ResetAsync(stream, 8);
        watch.EngineSawNothing();
    }

    [Fact]
    public async Task Health_OfAnUnknownService_IsNotFound()
    {
        var answer = await Gate.Client.CallAsync("/grpc.health.v1.Health/Check", Requests.Field(1, "foo"), cancellation: TestContext.Current.CancellationToken);
        Assert.Equal((GrpcCode.NotFound, "unknown service"), (answer.Status, answer.Message.Split('[')[0].Trim()));
    }

    [Fact]
    public async Task CallerOfAnEarlierCallOnTheSameConnection_IsNotTheNextCallsCaller()
    {
        await using var client = await Gate.ConnectAsync();
        var path = GrpcClient.WorkflowService + "DescribeWorkflowExecution";
        for (var i = 0; i < 50; i++)
        {
            var before = Gate.Engine.Calls.Count;
            Assert.Equal(0, (await client.CallAsync(RawHttp2.CallHeaders(path, Gate.Issuer.Token("root")), GrpcFrame.Of(Requests.Describe()))).Status);
            Assert.Equal(GrpcCode.Unauthenticated, (await client.CallAsync(RawHttp2.CallHeaders(path), GrpcFrame.Of(Requests.Describe()))).Status);
            Assert.Equal(GrpcCode.PermissionDenied, (await client.CallAsync(RawHttp2.CallHeaders(path, Gate.Issuer.Token("nobody")), GrpcFrame.Of(Requests.Describe()))).Status);
            Assert.Equal(before + 1, Gate.Engine.Calls.Count);
        }
    }

    [Fact]
    public async Task FailedAttempts_FromOneAddress_AreLimitedButNeverBecomeServed()
    {
        await using var gate = await Gate.StartAsync();
        for (var i = 0; i < 300; i++)
        {
            var answer = await gate.Client.CallAsync("GetSystemInfo", Array.Empty<byte>(), "canary-" + i, TestContext.Current.CancellationToken);
            Assert.Contains(answer.Status, new[] { GrpcCode.Unauthenticated, GrpcCode.ResourceExhausted });
        }

        Assert.Empty(gate.Engine.Calls);
    }
}
