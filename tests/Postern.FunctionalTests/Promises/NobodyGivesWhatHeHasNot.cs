using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Promises;

/// <summary>Who may not manage manages nothing but the keys of his own account, and nobody gets more out of the management API than he came with.</summary>
public sealed class NobodyGivesWhatHeHasNot
{
    private const string Policy = """
        roles:
          keeper: { with: [key.manage, namespace.read] }
        bindings:
          - { who: ["user:root", "account:admin"], role: admin, scope: cluster }
          - { who: ["account:keeper"], role: keeper, scope: cluster }
          - { who: ["account:worker"], role: worker, where: { temporal: payments } }
          - { who: ["account:worker"], role: operator, where: { temporal: "*" } }
        """;

    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration, PolicyText = Policy };

    [Fact]
    public async Task WithoutPermission_EveryCallIsRefused_AndTellsNothingOfWhatIsThere()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        await root.AccountAsync("other");
        var (id, _) = await root.KeyAsync("other");
        var (_, text) = await root.KeyAsync("worker");
        using var worker = new ManagementApiClient(gate, text);
        using var nobody = new ManagementApiClient(gate, gate.Issuer.Token("nobody"));
        foreach (var client in new[] { worker, nobody })
        {
            foreach (var (there, missing) in new[] { ("/v1/accounts/other", "/v1/accounts/nothing"), ("/v1/accounts/other/keys", "/v1/accounts/nothing/keys"), ($"/v1/keys/{id}", "/v1/keys/nothing") })
            {
                var (one, none) = ((await client.GetAsync(there)).IsProblem(403, "not-allowed"), (await client.GetAsync(missing)).IsProblem(403, "not-allowed"));
                Assert.Equal(one["detail"]!.Split(" [call")[0], none["detail"]!.Split(" [call")[0]);
            }

            (await client.PostAsync("/v1/accounts", """{"name":"new"}""")).IsProblem(403, "not-allowed");
            (await client.PutAsync("/v1/accounts/other", "{}")).IsProblem(403, "not-allowed");
            (await client.DeleteAsync("/v1/accounts/other")).IsProblem(403, "not-allowed");
            (await client.PutAsync("/v1/accounts/worker", "{}")).IsProblem(403, "not-allowed");
            (await client.PostAsync("/v1/accounts/other/keys", "{}")).IsProblem(403, "not-allowed");
            (await client.PostAsync($"/v1/keys/{id}/revoke")).IsProblem(403, "not-allowed");
            (await client.PostAsync($"/v1/keys/{id}/rotate", "{}")).IsProblem(403, "not-allowed");
            (await client.GetAsync("/v1/users")).IsProblem(403, "not-allowed");
            (await client.PostAsync("/v1/revocations", """{"kind":"caller","value":"test/root"}""")).IsProblem(403, "not-allowed");
        }

        Assert.Equal("live", (await root.GetAsync($"/v1/keys/{id}"))["state"]);
    }

    [Fact]
    public async Task OwnKeys_AreNeverWiderThanTheOneThatMadeThem()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (wideId, wide) = await root.KeyAsync("worker");
        var (narrowId, narrow) = await root.KeyAsync("worker", """{"namespaces":["payments","pay-*"],"roles":["worker"],"sources":["127.0.0.0/8"]}""");
        using var client = new ManagementApiClient(gate, narrow);

        // What isn't named is taken over; what is named must be within.
        var made = (await client.PostAsync("/v1/accounts/worker/keys", "{}")).Is(201).Json.GetProperty("key");
        Assert.Equal(("[\"payments\",\"pay-*\"]", "[\"worker\"]", "[\"127.0.0.0/8\"]"), (made.GetProperty("namespaces").ToString(), made.GetProperty("roles").ToString(), made.GetProperty("sources").ToString()));
        (await client.PostAsync("/v1/accounts/worker/keys", """{"namespaces":["pay-one"],"sources":["127.0.0.1/32"],"roles":["worker"]}""")).Is(201);
        foreach (var wider in new[] { """{"namespaces":["*"]}""", """{"namespaces":["payroll"]}""", """{"namespaces":["pay*"]}""", """{"roles":["operator"]}""", """{"sources":["0.0.0.0/0"]}""", """{"sources":["::/0"]}""" })
        {
            (await client.PostAsync("/v1/accounts/worker/keys", wider)).IsProblem(400, "invalid");
        }

        // keyLifetime bounds it, where an administrator may go further.
        var farAway = $$"""{"expiresAt":"{{DateTimeOffset.UtcNow.AddDays(200):O}}"}""";
        (await client.PostAsync("/v1/accounts/worker/keys", farAway)).IsProblem(400, "invalid");
        (await root.PostAsync("/v1/accounts/worker/keys", farAway)).Is(201);

        // The text of a wider key would be in the answer of its rotation.
        (await client.PostAsync($"/v1/keys/{wideId}/rotate", "{}")).IsProblem(403, "not-allowed");
        (await client.PostAsync($"/v1/keys/{wideId}/revoke")).IsProblem(403, "not-allowed");
        using var wideClient = new ManagementApiClient(gate, wide);
        (await wideClient.PostAsync($"/v1/keys/{narrowId}/rotate", """{"retireAfterSeconds":0}""")).Is(201);
        (await client.GetAsync("/v1/accounts/worker/keys")).IsProblem(401, "unauthenticated");
        (await wideClient.PostAsync($"/v1/keys/{wideId}/revoke")).Is(200);
        (await wideClient.GetAsync("/v1/accounts/worker/keys")).IsProblem(401, "unauthenticated");
    }

    [Fact]
    public async Task NamespaceBoundKey_OfAnAdministrator_ManagesNothing()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("admin");
        var (_, text) = await root.KeyAsync("admin", """{"namespaces":["payments"]}""");
        using var narrowed = new ManagementApiClient(gate, text);
        (await narrowed.GetAsync("/v1/accounts")).IsProblem(403, "not-allowed");
        (await narrowed.PostAsync("/v1/accounts/admin/keys", """{"namespaces":["*"]}""")).IsProblem(400, "invalid");
    }

    [Fact]
    public async Task KeyManageAlone_MakesNoKeyOfAnAccountThatMayManageAccounts()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        foreach (var name in new[] { "admin", "keeper", "worker" })
        {
            await root.AccountAsync(name);
        }

        var (adminKey, _) = await root.KeyAsync("admin");
        var (_, text) = await root.KeyAsync("keeper");
        using var keeper = new ManagementApiClient(gate, text);
        await keeper.KeyAsync("worker");
        (await keeper.PostAsync("/v1/accounts/admin/keys", "{}")).IsProblem(403, "not-allowed");
        (await keeper.PostAsync($"/v1/keys/{adminKey}/rotate", "{}")).IsProblem(403, "not-allowed");
        (await keeper.PostAsync("/v1/accounts", """{"name":"new"}""")).IsProblem(403, "not-allowed");
        // To revoke gives nothing to anybody.
        (await keeper.PostAsync($"/v1/keys/{adminKey}/revoke")).Is(200);
    }

    [Fact]
    public async Task TokenOfAnAccount_ShowsItsKeys_AndMakesNoneThatLasts()
    {
        await using var gate = await Gate.StartAsync(Setup with { Extra = TokenClient.Configuration });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (id, key) = await root.KeyAsync("worker");
        using var tokens = new TokenClient(gate.GrpcAddress);
        using var worker = new ManagementApiClient(gate, await tokens.ByKeyAsync("worker", key));
        (await worker.GetAsync("/v1/accounts/worker/keys")).Is(200);
        (await worker.PostAsync("/v1/accounts/worker/keys", "{}")).IsProblem(403, "not-allowed");
        (await worker.PostAsync($"/v1/keys/{id}/rotate", "{}")).IsProblem(403, "not-allowed");
        (await worker.PostAsync($"/v1/keys/{id}/revoke")).IsProblem(403, "not-allowed");
    }

    [Fact]
    public async Task TokenForSomeEngines_ManagesNothing()
    {
        await using var gate = await Gate.StartAsync(Setup with
        {
            Extra = TokenClient.Configuration, EngineExtra = "- { name: other, hosts: [other.test], addresses: [\"127.0.0.1:1\"], credential: { mint: { audience: other } } }",
        });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("admin");
        var (_, key) = await root.KeyAsync("admin");
        using var tokens = new TokenClient(gate.GrpcAddress);
        using var whole = new ManagementApiClient(gate, await tokens.ByKeyAsync("admin", key));
        (await whole.GetAsync("/v1/accounts")).Is(200);
        using var narrowed = new ManagementApiClient(gate, await tokens.ByKeyAsync("admin", key, ("audience", TokenClient.Engine)));
        (await narrowed.GetAsync("/v1/accounts")).IsProblem(401, "unauthenticated");
        (await narrowed.GetAsync("/v1/accounts/admin/keys")).IsProblem(401, "unauthenticated");
        (await narrowed.GetAsync("/v1/whoami")).Is(200);
    }

    [Fact]
    public async Task Administrator_CannotTakeHimselfOut()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("admin");
        using var admin = new ManagementApiClient(gate, (await root.KeyAsync("admin")).Text);
        (await admin.DeleteAsync("/v1/accounts/admin")).IsProblem(409, "conflict");
        (await admin.PutAsync("/v1/accounts/admin", """{"disabled":true}""")).IsProblem(409, "conflict");
        (await admin.PutAsync("/v1/accounts/admin", """{"expiresAt":"2001-01-01T00:00:00Z"}""")).IsProblem(409, "conflict");
        (await root.DeleteAsync("/v1/accounts/admin")).Is(204);
    }

    [Fact]
    public async Task Deny_TakesEvenOnesOwnKeysAway()
    {
        await using var gate = await Gate.StartAsync(Setup with { PolicyText = Policy + "\ndeny:\n  - { who: [\"account:worker\"], what: [key.manage], scope: cluster }\n" });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        using var worker = new ManagementApiClient(gate, (await root.KeyAsync("worker")).Text);
        (await worker.GetAsync("/v1/accounts/worker/keys")).IsProblem(403, "not-allowed");
        (await worker.PostAsync("/v1/accounts/worker/keys", "{}")).IsProblem(403, "not-allowed");
    }
}
