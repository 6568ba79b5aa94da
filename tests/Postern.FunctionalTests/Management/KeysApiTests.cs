using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Management;

public sealed class KeysApiTests
{
    private const string Policy = GateSetup.Policy + """

          - { who: ["account:worker"], role: worker, where: { temporal: payments } }
          - { who: ["account:worker"], role: viewer, where: { temporal: payroll } }
        """;

    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration, PolicyText = Policy };

    [Fact]
    public async Task Key_IsShownOnce_AndListedWithItsLastUse()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, text) = await root.KeyAsync("worker", """{"name":"ci","namespaces":["payments"],"roles":["worker"],"sources":["127.0.0.0/8"]}""");
        Assert.StartsWith($"pst_{id}_", text, StringComparison.Ordinal);

        var listed = Assert.Single((await root.GetAsync("/v1/accounts/worker/keys")).Is(200).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(("ci", "live", "worker"), (listed.GetProperty("name").GetString(), listed.GetProperty("state").GetString(), listed.GetProperty("account").GetString()));
        Assert.Equal(System.Text.Json.JsonValueKind.Null, listed.GetProperty("lastUsedAt").ValueKind);
        Assert.Equal(90, Math.Round((listed.GetProperty("expiresAt").GetDateTimeOffset() - listed.GetProperty("createdAt").GetDateTimeOffset()).TotalDays));

        Assert.Equal(0, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), text, TestContext.Current.CancellationToken)).Status);
        var shown = (await root.GetAsync($"/v1/keys/{id}")).Is(200);
        Assert.NotNull(shown["lastUsedAt"]);
        Assert.Equal(gate.Client.Source.ToString(), shown["lastUsedFrom"]);
        var everything = shown.Text + (await root.GetAsync("/v1/accounts/worker/keys")).Text;
        Assert.DoesNotContain(text[^49..], everything, StringComparison.Ordinal);
        Assert.DoesNotContain("hash", everything, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("""{"expiresAt":"2001-01-01T00:00:00Z"}""", "expiresAt")]
    [InlineData("""{"expiresAt":"2999-01-01T00:00:00Z"}""", "expiresAt")]
    [InlineData("""{"sources":["10.0.0.1/8"]}""", "sources[0]")]
    [InlineData("""{"sources":["10.0.0.0/8","ten"]}""", "sources[1]")]
    [InlineData("""{"sources":["10.0.0.0"]}""", "sources[0]")]
    [InlineData("""{"roles":["wroker"]}""", "roles")]
    [InlineData("""{"namespaces":[""]}""", "namespaces[0]")]
    [InlineData("""{"name":"a\nb"}""", "name")]
    public async Task KeyThatIsWrong_IsRefusedWithTheMember(string body, string member)
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var answer = (await root.PostAsync("/v1/accounts/worker/keys", body)).IsProblem(400, "invalid");
        Assert.Equal(member, answer.Json.GetProperty("errors")[0].GetProperty("member").GetString());
        (await root.PostAsync("/v1/accounts/nobody/keys", "{}")).IsProblem(404, "not-found");
        (await root.GetAsync("/v1/accounts/nobody/keys")).IsProblem(404, "not-found");
        (await root.GetAsync("/v1/keys/nothing")).IsProblem(404, "not-found");
        (await root.PostAsync("/v1/keys/nothing/revoke")).IsProblem(404, "not-found");
        (await root.PostAsync("/v1/keys/nothing/rotate", "{}")).IsProblem(404, "not-found");
    }

    [Fact]
    public async Task KeysPerAccount_IsTheMost_ForManyAtOnceToo()
    {
        await using var gate = await Gate.StartAsync(Setup with { IdentityExtra = "  accounts: { keysPerAccount: 3 }" });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => root.PostAsync("/v1/accounts/worker/keys", "{}")));
        Assert.Equal(3, answers.Count(answer => answer.Status == 201));
        Assert.Equal(5, answers.Count(answer => answer.Problem == "conflict"));
        var first = answers.First(answer => answer.Status == 201).Json.GetProperty("key").GetProperty("id").GetString();
        (await root.PostAsync($"/v1/keys/{first}/revoke")).Is(200);
        await root.KeyAsync("worker");
    }

    [Fact]
    public async Task Rotation_LeavesThePollOfTheOldKeyAlone()
    {
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gate = await Gate.StartAsync(Setup with { Script = call => StubAnswer.Ok() with { Before = call.Operation == "PollWorkflowTaskQueue" ? _ => release.Task : null } });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, old) = await root.KeyAsync("worker", """{"name":"ci","roles":["worker"],"namespaces":["payments"]}""");
        var poll = gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), old, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => gate.Engine.Open == 1);

        var rotated = (await root.PostAsync($"/v1/keys/{id}/rotate", """{"retireAfterSeconds":3600}""")).Is(201).Json;
        var replaced = rotated.GetProperty("replaced");
        Assert.Equal("live", replaced.GetProperty("state").GetString());
        Assert.NotEqual(System.Text.Json.JsonValueKind.Null, replaced.GetProperty("lastUsedAt").ValueKind);
        Assert.InRange(replaced.GetProperty("expiresAt").GetDateTimeOffset(), DateTimeOffset.UtcNow.AddMinutes(50), DateTimeOffset.UtcNow.AddMinutes(61));
        var key = rotated.GetProperty("key");
        Assert.Equal((id, "ci", "[\"worker\"]", "[\"payments\"]"), (key.GetProperty("replaces").GetString(), key.GetProperty("name").GetString(), key.GetProperty("roles").ToString(), key.GetProperty("namespaces").ToString()));

        // The gate looks at open calls each second: both keys poll on, and after a release all of them are answered.
        var fresh = rotated.GetProperty("text").GetString()!;
        var next = gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), fresh, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => gate.Engine.Open == 2);
        await Task.Delay(TimeSpan.FromSeconds(2.5), TestContext.Current.CancellationToken);
        release.SetResult();
        Assert.Equal((0, 0), ((await poll).Status, (await next).Status));
        Assert.Equal(0, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), old, TestContext.Current.CancellationToken)).Status);

        // What was rotated can still be revoked, and takes its open polls with it.
        (await root.PostAsync($"/v1/keys/{id}/revoke")).Is(200);
        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), old, TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task RevokedAfterARotation_EndsThePollThatBeganBefore()
    {
        await using var gate = await Gate.StartAsync(Setup with { Script = call => call.Operation == "PollWorkflowTaskQueue" ? StubAnswer.Never : StubAnswer.Ok() });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, old) = await root.KeyAsync("worker");
        var poll = gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), old, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => gate.Engine.Open == 1);
        (await root.PostAsync($"/v1/keys/{id}/rotate", "{}")).Is(201);
        (await root.PostAsync($"/v1/keys/{id}/revoke")).Is(200);
        Assert.Equal(GrpcCode.Unauthenticated, (await poll).Status);
    }

    [Fact]
    public async Task RotationAtOnce_RevokesTheOld_AndWhatHasEndedIsNotRotated()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, old) = await root.KeyAsync("worker");
        var rotated = (await root.PostAsync($"/v1/keys/{id}/rotate", """{"retireAfterSeconds":0}""")).Is(201).Json;
        Assert.Equal("revoked", rotated.GetProperty("replaced").GetProperty("state").GetString());
        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), old, TestContext.Current.CancellationToken)).Status);
        (await root.PostAsync($"/v1/keys/{id}/rotate", "{}")).IsProblem(409, "conflict");
        (await root.PostAsync($"/v1/keys/{id}/revoke")).Is(200);
        (await root.PostAsync($"/v1/keys/{rotated.GetProperty("key").GetProperty("id").GetString()}/rotate", """{"retireAfterSeconds":-1}""")).IsProblem(400, "invalid");
    }

    [Fact]
    public async Task RotationOfOneVersion_ByTwoWhoNameIt_HappensOnce()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, _) = await root.KeyAsync("worker");
        var etag = (await root.GetAsync($"/v1/keys/{id}")).ETag;
        (await root.SendAsync("POST", $"/v1/keys/{id}/rotate", "{}", etag)).Is(201);
        (await root.SendAsync("POST", $"/v1/keys/{id}/rotate", "{}", etag)).IsProblem(412, "changed");
    }
}
