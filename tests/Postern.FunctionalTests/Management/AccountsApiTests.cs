using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Management;

public sealed class AccountsApiTests
{
    private static readonly GateSetup Setup = new() { IdentityExtra = GateAccounts.Configuration };

    [Fact]
    public async Task Account_IsMadeShownChangedAndDeleted()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var made = (await root.PostAsync("/v1/accounts", """
            {"name":"payroll-worker","kind":"agent","description":"pays","owner":"group:test/payments","labels":{"team":"pay"},"namespaces":["payroll","pay-*"],"audiences":{"https://api.example.com":["orders.read"]}}
            """)).Is(201);
        Assert.Equal("/v1/accounts/payroll-worker", made.Headers["Location"]);
        Assert.Equal(("agent", "test/root"), (made["kind"], made["createdBy"]));

        var shown = (await root.GetAsync("/v1/accounts/payroll-worker")).Is(200);
        Assert.Equal(made.Text, shown.Text);
        Assert.Equal(made.ETag, shown.ETag);

        var changed = (await root.PutAsync("/v1/accounts/payroll-worker", """{"description":"pays people","disabled":true}""", shown.ETag)).Is(200);
        Assert.Equal(("pays people", "True"), (changed["description"], changed["disabled"]));
        Assert.Equal("[]", changed["namespaces"]);
        Assert.Equal(changed.ETag, (await root.GetAsync("/v1/accounts/payroll-worker")).ETag);
        Assert.NotEqual(shown.ETag, changed.ETag);

        (await root.DeleteAsync("/v1/accounts/payroll-worker", shown.ETag)).IsProblem(412, "changed");
        (await root.DeleteAsync("/v1/accounts/payroll-worker", changed.ETag)).Is(204);
        (await root.GetAsync("/v1/accounts/payroll-worker")).IsProblem(404, "not-found");
        (await root.DeleteAsync("/v1/accounts/payroll-worker")).IsProblem(404, "not-found");
        (await root.PutAsync("/v1/accounts/payroll-worker", "{}")).IsProblem(404, "not-found");
    }

    [Fact]
    public async Task PublicKeys_AreKeptAsGiven_AndNeverAPrivateOne()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var key = TestKey.Es256("laptop").Public();
        var made = (await root.PostAsync("/v1/accounts", $$"""{"name":"robot","publicKeys":[{{key.ToJsonString()}}]}""")).Is(201);
        Assert.Equal("laptop", made.Json.GetProperty("publicKeys")[0].GetProperty("kid").GetString());
        Assert.False(made.Json.GetProperty("publicKeys")[0].TryGetProperty("n", out _));

        var twice = (await root.PutAsync("/v1/accounts/robot", $$"""{"publicKeys":[{{key.ToJsonString()}},{{key.ToJsonString()}}]}""", made.ETag)).IsProblem(400, "invalid");
        Assert.Contains("kid", twice.Text, StringComparison.Ordinal);
        key["d"] = "c2VjcmV0";
        var refused = (await root.PutAsync("/v1/accounts/robot", $$"""{"publicKeys":[{{key.ToJsonString()}}]}""", made.ETag)).IsProblem(400, "invalid");
        Assert.DoesNotContain("c2VjcmV0", refused.Text, StringComparison.Ordinal);
        Assert.Equal(1, (await root.GetAsync("/v1/accounts/robot")).Json.GetProperty("publicKeys").GetArrayLength());
    }

    [Fact]
    public async Task Name_IsUniqueAmongAccountsAndUsers()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("one");
        (await root.PostAsync("/v1/users", """{"name":"alice","password":"correct horse battery staple"}""")).Is(201);
        (await root.PostAsync("/v1/accounts", """{"name":"one"}""")).IsProblem(409, "conflict");
        (await root.PostAsync("/v1/accounts", """{"name":"alice"}""")).IsProblem(409, "conflict");
        (await root.PostAsync("/v1/users", """{"name":"one","password":"correct horse battery staple"}""")).IsProblem(409, "conflict");
    }

    [Fact]
    public async Task Change_NamesTheVersionThatItWasMadeFrom()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("one");
        (await root.PutAsync("/v1/accounts/one", "{}", match: null)).IsProblem(428, "precondition-required");
        (await root.DeleteAsync("/v1/accounts/one", match: null)).IsProblem(428, "precondition-required");
        (await root.PutAsync("/v1/accounts/one", "{}", "\"other\"")).IsProblem(412, "changed");
        (await root.PutAsync("/v1/accounts/one", "{}", "*")).Is(200);
    }

    [Fact]
    public async Task OfManyWhoChangeOneVersion_OneDoes()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var etag = (await root.AccountAsync("one")).ETag;
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => root.PutAsync("/v1/accounts/one", $$"""{"description":"writer {{i}}"}""", etag)));
        var done = Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer != done), answer => answer.IsProblem(412, "changed"));
        Assert.Equal(done["description"], (await root.GetAsync("/v1/accounts/one"))["description"]);
    }

    [Fact]
    public async Task OfManyWhoMakeOneName_OneDoes()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => root.PostAsync("/v1/accounts", """{"name":"one"}""")));
        Assert.Single(answers, answer => answer.Status == 201);
        Assert.Equal(9, answers.Count(answer => answer.Problem == "conflict"));
    }

    [Theory]
    [InlineData("""{"name":"Upper"}""", "name")]
    [InlineData("""{"name":"-x"}""", "name")]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("""{"name":"a/b"}""", "name")]
    [InlineData("""{"name":"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm"}""", "name")]
    [InlineData("""{"name":"ok","description":"bell\u0007"}""", "description")]
    [InlineData("""{"name":"ok","owner":"alice"}""", "owner")]
    [InlineData("""{"name":"ok","labels":{"a b":"c"}}""", "labels")]
    [InlineData("""{"name":"ok","namespaces":["a b"]}""", "namespaces[0]")]
    [InlineData("""{"name":"ok","audiences":{"https://api":["a b"]}}""", "audiences[0]")]
    [InlineData("""{"name":"ok","publicKeys":[{"kty":"oct","kid":"a"}]}""", "publicKeys[0]")]
    [InlineData("""{"name":"ok","publicKeys":[{"kty":"EC","crv":"P-256","x":"AA"}]}""", "publicKeys[0]")]
    [InlineData("""{"name":"ok","publicKeys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}""", "publicKeys[0]")]
    [InlineData("""{"name":"ok","expiresAt":"2001-01-01T00:00:00Z"}""", "expiresAt")]
    [InlineData("""{"name":"ok","naem":"x"}""", "naem")]
    [InlineData("""{"name":"ok","name":"x"}""", "name")]
    [InlineData("""{"name":"ok","kind":"human"}""", "kind")]
    [InlineData("""{"name":"ok","kind":1}""", "kind")]
    [InlineData("""{"name":"ok","namespaces":null}""", "namespaces")]
    [InlineData("""{"description":"no name"}""", "")]
    [InlineData("""[]""", "")]
    [InlineData("""null""", "")]
    [InlineData("""{""", "")]
    [InlineData("", "")]
    public async Task BodyThatIsWrong_IsRefusedWithTheMember(string body, string member)
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        var answer = (await root.PostAsync("/v1/accounts", body)).IsProblem(400, "invalid");
        Assert.Equal(member, answer.Json.GetProperty("errors")[0].GetProperty("member").GetString());
        Assert.Equal("[]", (await root.GetAsync("/v1/accounts"))["items"]);
    }

    [Fact]
    public async Task BodyOfAnotherType_OrTooLarge_IsRefused()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        (await root.SendAsync("POST", "/v1/accounts", """{"name":"one"}""", contentType: "text/plain")).IsProblem(415, "media-type");
        (await root.PostAsync("/v1/accounts", $$"""{"name":"one","description":"{{new string('x', 70_000)}}"}""")).IsProblem(413, "too-large");
    }

    [Fact]
    public async Task Pages_HoldEveryAccountOnce_WhileOthersComeAndGo()
    {
        await using var gate = await Gate.StartAsync(Setup);
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        string[] names = [.. Enumerable.Range(0, 25).Select(i => $"a{i:D2}")];
        foreach (var name in names)
        {
            await root.AccountAsync(name);
        }

        var seen = new List<string>();
        string? next = null;
        do
        {
            var page = (await root.GetAsync($"/v1/accounts?limit=4{(next is null ? "" : "&cursor=" + next)}")).Is(200);
            var items = page.Json.GetProperty("items").EnumerateArray().Select(a => a.GetProperty("name").GetString()!).ToList();
            Assert.True(items.Count <= 4);
            seen.AddRange(items);
            next = page["next"];
            // One that was listed goes, one comes before the cursor: neither moves what is still to come.
            await root.DeleteAsync($"/v1/accounts/{items[0]}");
            await root.AccountAsync("0" + items[0]);
        }
        while (next is not null);

        Assert.Equal(names, seen);
        (await root.GetAsync("/v1/accounts?cursor=nonsense")).IsProblem(400, "invalid");
        (await root.GetAsync("/v1/accounts?limit=0")).IsProblem(400, "invalid");
        (await root.GetAsync("/v1/accounts?limit=1001")).IsProblem(400, "invalid");
    }

    [Fact]
    public async Task WhatIsWritten_HoldsWhenTheAnswerComes()
    {
        await using var gate = await Gate.StartAsync(Setup with { PolicyText = GateSetup.Policy + "\n  - { who: [\"account:worker\"], role: worker, where: { temporal: payments } }\n" });
        using var root = new ManagementApiClient(gate, gate.Issuer.Token("root"));
        await root.AccountAsync("worker");
        var (_, text) = await root.KeyAsync("worker");
        Assert.Equal(0, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), text, TestContext.Current.CancellationToken)).Status);
        (await root.PutAsync("/v1/accounts/worker", """{"disabled":true}""")).Is(200);
        Assert.Equal(GrpcCode.Unauthenticated, (await gate.Client.CallAsync("PollWorkflowTaskQueue", Requests.Poll(), text, TestContext.Current.CancellationToken)).Status);
    }
}
