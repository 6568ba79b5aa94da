using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>A reload of policy, configuration or certificates drops no connection and ends no call that is under way.</summary>
public sealed class StreamsSurviveReload
{
    private const string Poll = GrpcClient.WorkflowService + "PollWorkflowTaskQueue";

    [Fact]
    public async Task OpenPolls_AreAnsweredAfterTenReloads_OnTheSameConnection()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            Script = call => StubAnswer.Ok([48, 2]) with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null },
        });
        await using var client = await gate.ConnectAsync();
        var streams = new List<int>();
        for (var i = 0; i < 50; i++)
        {
            var stream = client.NextStream();
            streams.Add(stream);
            await client.HeadersAsync(stream, RawHttp2.CallHeaders(Poll, gate.Issuer.Token("worker"), ("grpc-timeout", "60S")));
            await client.DataAsync(stream, GrpcFrame.Of(Requests.Poll()));
        }

        await Eventually.TrueAsync(() => gate.Engine.Open == 50);
        for (var i = 0; i < 10; i++)
        {
            // Others lose their rights meanwhile; the worker keeps its own, by another binding each time.
            await gate.SetPolicyAsync(GateSetup.Policy.Replace("user:root", $"user:root-{i}").Replace("[\"user:worker\"]", $"[\"user:worker\", \"user:other-{i}\"]"));
        }

        Assert.Equal(50, gate.Engine.Open);
        release.SetResult();
        foreach (var stream in streams)
        {
            var answer = await client.AnswerAsync(stream);
            Assert.Equal((0, (byte)48), (answer.Status!.Value, GrpcFrame.Message(answer.Body)[0]));
        }

        Assert.False(client.Closed.IsCompleted);
        Assert.False(client.GoAway.IsCompleted);
    }

    [Fact]
    public async Task RenewedCertificate_IsShownToNewConnections_AndOldOnesStay()
    {
        using var certificate = new TestCertificate();
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            Listen = $$"""- { address: "127.0.0.1:0", tls: { certificate: "{{certificate.CertificateFile}}", key: "{{certificate.KeyFile}}" } }""",
        });
        var head = RawHttp2.SecureCallHeaders(GrpcClient.WorkflowService + "GetSystemInfo", gate.Issuer.Token("root"));
        await using var old = await RawHttp2.ConnectAsync(gate.Listener(1), certificate.Trusting("h2"));
        Assert.Equal(0, (await old.CallAsync(head, GrpcFrame.Of([]))).Status);
        certificate.Renew();
        var (status, text) = await gate.ReloadAsync();
        Assert.True(status is >= 200 and < 300, text);
        // This client trusts the new certificate only.
        await using var fresh = await RawHttp2.ConnectAsync(gate.Listener(1), certificate.Trusting("h2"));
        Assert.Equal(0, (await fresh.CallAsync(head, GrpcFrame.Of([]))).Status);
        Assert.Equal(0, (await old.CallAsync(head, GrpcFrame.Of([]))).Status);
    }

    [Fact]
    public async Task EngineThatRecyclesItsConnections_FailsNoCall()
    {
        var calls = 0;
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            Script = _ => StubAnswer.Ok() with { GoAway = Interlocked.Increment(ref calls) % 10 == 0 },
        });
        var token = gate.Issuer.Token("root");
        await Parallel.ForAsync(0, 300, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = TestContext.Current.CancellationToken }, async (i, cancellation) =>
        {
            var answer = await gate.Client.CallAsync(i % 2 == 0 ? "StartWorkflowExecution" : "DescribeWorkflowExecution", i % 2 == 0 ? Requests.Start() : Requests.Describe(), token, cancellation);
            Assert.True(answer.Status == 0, answer.Message);
        });
        Assert.Equal(300, gate.Engine.Calls.Count);
        Assert.True(gate.Engine.Connections > 5);
    }

    [Fact]
    public async Task OpenPolls_EndWhenTheirCallerGoesAway()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { Script = _ => StubAnswer.Never });
        await using (var client = await gate.ConnectAsync())
        {
            for (var i = 0; i < 20; i++)
            {
                var stream = client.NextStream();
                await client.HeadersAsync(stream, RawHttp2.CallHeaders(Poll, gate.Issuer.Token("worker"), ("grpc-timeout", "60S")));
                await client.DataAsync(stream, GrpcFrame.Of(Requests.Poll()));
            }

            await Eventually.TrueAsync(() => gate.Engine.Open == 20);
        }

        await Eventually.TrueAsync(() => gate.Engine.Open == 0, () => $"{gate.Engine.Open} polls of a caller who is gone");
    }
}
