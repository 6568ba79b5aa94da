using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Management;

/// <summary>What every call of the management API meets before its endpoint.</summary>
public sealed class ManagementDoorTests
{
    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration };

    [Fact]
    public async Task Path_IsExactOrNone()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        foreach (var path in new[] { "/v1/", "/v1/nothing", "/v1/Accounts", "/v1/accounts/", "/v1//accounts", "/v1/accounts/a/b", "/v1/accounts%2F" })
        {
            (await root.GetAsync(path)).IsProblem(404, "unknown-operation");
        }

        var answer = (await root.SendAsync("DELETE", "/v1/accounts")).IsProblem(405, "method-not-allowed");
        Assert.Contains("GET, POST", answer["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Query_HoldsNothingButThePage()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        (await root.GetAsync("/v1/accounts?access_token=x")).IsProblem(400, "invalid");
        (await root.GetAsync("/v1/whoami?cursor=x")).IsProblem(400, "invalid");
    }

    [Fact]
    public async Task GateWithoutAccounts_SaysSo()
    {
        await using var gate = await Gate.StartAsync();
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        (await root.GetAsync("/v1/accounts")).IsProblem(404, "not-found");
        Assert.Equal("test/root", (await root.GetAsync("/v1/whoami")).Is(200)["caller"]);
    }

    [Fact]
    public async Task StoreThatIsAway_IsNoNo()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("one");
        await root.KeyAsync("one");
        gate.Logs.Expect(line => line.Category.Contains("StoreFeed", StringComparison.Ordinal));
        await using (new StoreOutage(Path.Combine(gate.Folder, "data", "postern.db")))
        {
            foreach (var answer in new[]
            {
                await root.PostAsync("/v1/accounts", """{"name":"two"}"""), await root.PutAsync("/v1/accounts/one", "{}"), await root.DeleteAsync("/v1/accounts/one"),
                await root.PostAsync("/v1/accounts/one/keys", "{}"), await root.GetAsync("/v1/accounts/one/keys"), await root.PostAsync("/v1/revocations", """{"kind":"token","value":"x"}"""),
            })
            {
                Assert.True(answer.Headers.ContainsKey("Retry-After"), answer.Text);
                answer.IsProblem(503, "cannot-tell");
            }

            // What is in memory is shown all the same.
            (await root.GetAsync("/v1/accounts/one")).Is(200);
        }

        await Eventually.AnswersAsync(() => root.PostAsync("/v1/accounts", """{"name":"two"}"""), answer => answer.Status is 201 or 409);
    }

    [Fact]
    public async Task StoreThatWasNeverRead_IsNoNo()
    {
        await using var gate = await Gate.StartAsync(Setup with { Extra = "storage: { postgres: \"Host=127.0.0.1;Port=1;Username=x;Database=x\" }" });
        gate.Logs.Expect(line => line.Category.Contains("StoreFeed", StringComparison.Ordinal));
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        foreach (var path in new[] { "/v1/accounts", "/v1/accounts/one", "/v1/keys/nothing", "/v1/users", "/v1/revocations" })
        {
            (await root.GetAsync(path)).IsProblem(503, "cannot-tell");
        }

        (await root.GetAsync("/v1/whoami")).Is(200);
    }

    [Fact]
    public async Task WhatCannotBeRecorded_IsNotDone()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("one");
        gate.Logs.Expect(line => line.Category.Contains("Audit", StringComparison.Ordinal) || line.Text.Contains("record of management call", StringComparison.Ordinal));
        Directory.Move(gate.Audit.Folder, gate.Audit.Folder + ".away");
        await File.WriteAllTextAsync(gate.Audit.Folder, "", TestContext.Current.CancellationToken);
        (await root.PostAsync("/v1/accounts", """{"name":"two"}""")).IsProblem(503, "cannot-tell");
        (await root.DeleteAsync("/v1/accounts/one")).IsProblem(503, "cannot-tell");
        (await root.GetAsync("/v1/accounts")).IsProblem(503, "cannot-tell");

        File.Delete(gate.Audit.Folder);
        Directory.Move(gate.Audit.Folder + ".away", gate.Audit.Folder);
        var listed = await Eventually.AnswersAsync(() => root.GetAsync("/v1/accounts"), answer => answer.Status == 200);
        Assert.Equal("one", Assert.Single(listed.Json.GetProperty("items").EnumerateArray()).GetProperty("name").GetString());
    }

    [Fact]
    public async Task EveryCall_LeavesOneRecord_WithWhoWhatAndWhy()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        using var nobody = new ManagementApiClient(gate, gate.Issuer.Token("nobody"));
        using var unknown = new ManagementApiClient(gate, null);
        ApiAnswer[] answers =
        [
            (await root.PostAsync("/v1/accounts", """{"name":"one"}""")).Is(201), (await root.GetAsync("/v1/accounts")).Is(200), (await root.PostAsync("/v1/accounts", "{}")).Is(400),
            (await nobody.PostAsync("/v1/accounts", """{"name":"two"}""")).Is(403), (await unknown.GetAsync("/v1/accounts")).Is(401), (await root.GetAsync("/v1/nothing")).Is(404),
            (await root.DeleteAsync("/v1/accounts/one")).Is(204),
        ];
        await gate.StopAsync();
        var records = gate.Audit.Records().ToDictionary(record => record.CallId);
        Assert.Equal(answers.Length, records.Count);
        Assert.All(answers, answer => Assert.Equal(answer.Status.ToString(System.Globalization.CultureInfo.InvariantCulture), records[answer.Headers["X-Postern-Call-Id"]]["status"]));
        var made = records[answers[0].Headers["X-Postern-Call-Id"]];
        Assert.Equal(("postern", "CreateAccount", "account.manage", "one", "test/root", "allow", "write"), (made["engine"], made["operation"], made["permission"], made["target"], made["caller"], made["decision"], made["class"]));
        Assert.Equal("not-allowed", records[answers[3].Headers["X-Postern-Call-Id"]]["refusal"]);
        // Of a write its intent, too, and of nothing else.
        Assert.Equal([answers[0].Headers["X-Postern-Call-Id"], answers[6].Headers["X-Postern-Call-Id"]], gate.Audit.Lines().Where(line => line.IsIntent).Select(line => line.CallId));
    }

    [Fact]
    public async Task Document_IsTheTableOfRoutes()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var nobody = new ManagementApiClient(gate, gate.Issuer.Token("nobody"));
        var document = (await nobody.GetAsync("/v1/openapi.json")).Is(200).Json;
        var described = document.GetProperty("paths").EnumerateObject()
            .SelectMany(path => path.Value.EnumerateObject().Select(operation => $"{operation.Name.ToUpperInvariant()} {path.Name} {operation.Value.GetProperty("operationId").GetString()}"));
        Assert.Equal(Postern.Admin.ManagementRoutes.All.Select(route => $"{route.Method} {route.Path} {route.Operation}").Order(), described.Order());
        using var unknown = new ManagementApiClient(gate, null);
        // What is in the table answers: with who-are-you, never with not-found.
        foreach (var route in Postern.Admin.ManagementRoutes.All)
        {
            (await unknown.SendAsync(route.Method, route.Path.Replace("{", "x", StringComparison.Ordinal).Replace("}", "", StringComparison.Ordinal))).IsProblem(401, "unauthenticated");
        }
    }
}
