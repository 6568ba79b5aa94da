using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>What was revoked, disabled or taken away opens nothing any more, and ends what is open within seconds. Others notice nothing.</summary>
public sealed class RevokedIsEnded
{
    private const string Poll = GrpcClient.WorkflowService + "PollWorkflowTaskQueue";
    private const string Policy = """
        bindings:
          - { who: ["account:red", "account:green", "account:blue"], role: worker, where: { temporal: payments } }
          - { who: ["user:worker"], role: worker, where: { temporal: payments } }
        """;

    private static GateSetup Setup(TaskCompletionSource release) => new()
    {
        PolicyText = Policy,
        IdentityExtra = GateAccounts.Configuration,
        Script = call => StubAnswer.Ok() with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null },
    };

    [Fact]
    public async Task OfAThousandOpenPolls_ExactlyThoseOfTheDisabledAccountEnd()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(Setup(release));
        await using var accounts = new GateAccounts(gate);
        var polls = new Dictionary<string, (RawHttp2 Client, List<int> Streams)>();
        var keys = new Dictionary<string, string>();
        foreach (var (name, count) in new[] { ("red", 334), ("green", 333), ("blue", 333) })
        {
            keys[name] = (await accounts.AddKeyAsync(await accounts.AddAsync(name))).Text;
            polls[name] = await PollAsync(gate, keys[name], count);
        }

        await Eventually.TrueAsync(() => gate.Engine.Open == 1000);

        await accounts.UpdateAsync(new Postern.Model.Account
        {
            Id = "acc_green", Kind = Postern.Model.CallerKind.Service, Name = "green", Disabled = true, CreatedAt = DateTimeOffset.UtcNow, CreatedBy = "test/root",
        });

        foreach (var stream in polls["green"].Streams)
        {
            Assert.Equal(GrpcCode.Unauthenticated, (await polls["green"].Client.AnswerAsync(stream)).Status);
        }

        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), keys["green"], TestContext.Current.CancellationToken)).Status);
        release.SetResult();
        foreach (var name in new[] { "red", "blue" })
        {
            foreach (var stream in polls[name].Streams)
            {
                Assert.Equal(0, (await polls[name].Client.AnswerAsync(stream)).Status);
            }

            await polls[name].Client.DisposeAsync();
        }

        await polls["green"].Client.DisposeAsync();
    }

    [Fact]
    public async Task RevokedKey_EndsItsPolls_WhileTheAccountsOtherKeyGoesOn()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(Setup(release));
        await using var accounts = new GateAccounts(gate);
        var account = await accounts.AddAsync("red");
        var (old, oldText) = await accounts.AddKeyAsync(account);
        var (_, newText) = await accounts.AddKeyAsync(account, key => key with { Replaces = old.Id });
        var (ending, ended) = await PollAsync(gate, oldText, 5);
        var (staying, stayed) = await PollAsync(gate, newText, 5);
        await Eventually.TrueAsync(() => gate.Engine.Open == 10);

        await accounts.UpdateAsync(old with { RevokedAt = DateTimeOffset.UtcNow });

        foreach (var stream in ended)
        {
            var answer = await ending.AnswerAsync(stream);
            Assert.Equal(GrpcCode.Unauthenticated, answer.Status);
            Assert.Contains("revoked", answer.Message, StringComparison.Ordinal);
        }

        Assert.Contains("revoked", (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), oldText, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
        release.SetResult();
        foreach (var stream in stayed)
        {
            Assert.Equal(0, (await staying.AnswerAsync(stream)).Status);
        }

        await ending.DisposeAsync();
        await staying.DisposeAsync();
    }

    [Fact]
    public async Task BindingThatIsTakenAway_EndsThePollsThatItAllowed()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(Setup(release));
        await using var accounts = new GateAccounts(gate);
        var (_, text) = await accounts.AddKeyAsync(await accounts.AddAsync("red"));
        var (ending, ended) = await PollAsync(gate, text, 5);
        var (staying, stayed) = await PollAsync(gate, gate.Issuer.Token("worker"), 5);
        await Eventually.TrueAsync(() => gate.Engine.Open == 10);

        await gate.SetPolicyAsync(Policy.Replace("\"account:red\", ", ""));

        foreach (var stream in ended)
        {
            var answer = await ending.AnswerAsync(stream);
            Assert.Equal(GrpcCode.PermissionDenied, answer.Status);
            Assert.Contains("red may not worker.poll", answer.Message, StringComparison.Ordinal);
        }

        release.SetResult();
        foreach (var stream in stayed)
        {
            Assert.Equal(0, (await staying.AnswerAsync(stream)).Status);
        }

        await ending.DisposeAsync();
        await staying.DisposeAsync();
    }

    private static async Task<(RawHttp2 Client, List<int> Streams)> PollAsync(Gate gate, string token, int count)
    {
        var client = await gate.ConnectAsync();
        var streams = new List<int>();
        for (var i = 0; i < count; i++)
        {
            var stream = client.NextStream();
            streams.Add(stream);
            await client.HeadersAsync(stream, RawHttp2.CallHeaders(Poll, token, ("grpc-timeout", "300S")));
            await client.DataAsync(stream, GrpcFrame.Of(Requests.Poll()));
        }

        return (client, streams);
    }
}
