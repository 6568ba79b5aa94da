using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Management;

/// <summary>Two gates with one store: what one writes the other acts on, and neither undoes what the other did.</summary>
[Collection(nameof(PostgresServer))]
public sealed class TwoGatesTests(PostgresServer server) : IAsyncLifetime
{
    private TestIssuer _issuer = null!;
    private Gate _first = null!;
    private Gate _second = null!;
    private ManagementApiClient _one = null!;
    private ManagementApiClient _other = null!;

    public async ValueTask InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        var setup = new GateSetup
        {
            Issuer = _issuer, IdentityExtra = GateAccounts.Configuration, Extra = $"storage: {{ postgres: \"{await server.CreateDatabaseAsync()}\" }}",
            PolicyText = GateSetup.Policy + "\n  - { who: [\"account:worker\"], role: worker, where: { temporal: payments } }\n",
            Script = call => call.Operation == "PollWorkflowTaskQueue" ? StubAnswer.Never : StubAnswer.Ok(),
        };
        _first = await Gate.StartAsync(setup);
        _second = await Gate.StartAsync(setup with { KeysOf = _first.Folder });
        _one = new ManagementApiClient(_first, _issuer.Token("root"));
        _other = new ManagementApiClient(_second, _issuer.Token("root"));
    }

    public async ValueTask DisposeAsync()
    {
        _one.Dispose();
        _other.Dispose();
        await _second.DisposeAsync();
        await _first.DisposeAsync();
        await _issuer.DisposeAsync();
    }

    [Fact]
    public async Task KeyMadeAtOne_PollsAtTheOther_UntilItIsRevokedAtTheFirst()
    {
        await _one.AccountAsync("worker");
        var (id, text) = await _one.KeyAsync("worker");
        await Eventually.AnswersAsync(() => _other.GetAsync($"/v1/keys/{id}"), answer => answer.Status == 200);
        var poll = _second.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), text, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => _second.Engine.Open == 1);
        // Used there, seen here.
        Assert.Equal("live", (await _one.GetAsync($"/v1/keys/{id}"))["state"]);

        // The second rotates it, and the first, which may not have heard of it yet, revokes it all the same.
        (await _other.PostAsync($"/v1/keys/{id}/rotate", "{}")).Is(201);
        (await _one.PostAsync($"/v1/keys/{id}/revoke")).Is(200);
        Assert.Equal(GrpcCode.Unauthenticated, (await poll).Status);
    }

    [Fact]
    public async Task KeysPerAccount_IsTheMost_ForBothTogether()
    {
        await _one.AccountAsync("worker");
        await Eventually.AnswersAsync(() => _other.GetAsync("/v1/accounts/worker"), answer => answer.Status == 200);
        for (var i = 0; i < 18; i++)
        {
            await _one.KeyAsync("worker");
        }

        // Neither has heard yet of what the other makes.
        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => (i % 2 == 0 ? _one : _other).PostAsync("/v1/accounts/worker/keys", "{}")));

        Assert.Equal((2, 10), (answers.Count(answer => answer.Status == 201), answers.Count(answer => answer.Problem == "conflict")));
        Assert.All(answers.Where(answer => answer.Problem is not null), answer => Assert.Contains("keysPerAccount", answer["detail"], StringComparison.Ordinal));
    }

    [Fact]
    public async Task OfTwoWhoChangeOneVersion_AtEitherGate_OneDoes()
    {
        var etag = (await _one.AccountAsync("worker")).ETag;
        await Eventually.AnswersAsync(() => _other.GetAsync("/v1/accounts/worker"), answer => answer.Status == 200);
        var answers = await Task.WhenAll(_one.PutAsync("/v1/accounts/worker", """{"description":"one"}""", etag), _other.PutAsync("/v1/accounts/worker", """{"description":"other"}""", etag));
        var done = Assert.Single(answers, answer => answer.Status == 200);
        Assert.Single(answers, answer => answer.Problem == "changed");
        foreach (var client in new[] { _one, _other })
        {
            await Eventually.AnswersAsync(() => client.GetAsync("/v1/accounts/worker"), answer => answer["description"] == done["description"]);
        }
    }
}
