using System.Text;
using Postern.FunctionalTests.Infrastructure;

namespace Postern.FunctionalTests.Prefect;

/// <summary>What a call to a Prefect server looks like on both sides of the gate.</summary>
public sealed class PrefectForwardingTests
{
    private static readonly string s_basic = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(PrefectGate.AuthString));

    [Fact]
    public async Task Call_ThatIsAllowed_ReachesTheServerWithTheGatesCredentialAndNotTheCallers()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "\"3.9.1\""));

        var reply = await gate.SendAsync("GET", "/api/admin/version", "bob", with: request =>
        {
            request.Headers.TryAddWithoutValidation("Cookie", "session=mine; prefect_ui_version=v1");
            request.Headers.TryAddWithoutValidation("X-PREFECT-API-VERSION", "0.8.4");
            request.Headers.TryAddWithoutValidation("Prefect-Automation-ID", "7e6d0f1e-0000-0000-0000-000000000000");
            request.Headers.TryAddWithoutValidation("prefect_automation_name", "forged");
            request.Headers.TryAddWithoutValidation("X-Prefect-Worker-Name", "forged");
        });

        Assert.Equal((200, "\"3.9.1\""), (reply.Status, reply.Text));
        var sent = Assert.Single(gate.Server.Requests).Message;
        Assert.Equal("GET /api/admin/version HTTP/1.1", sent.Start);
        Assert.Equal([s_basic], All(sent, "authorization"));
        Assert.Equal(["prefect_ui_version=v1"], All(sent, "cookie"));
        Assert.Equal(["0.8.4"], All(sent, "x-prefect-api-version"));
        Assert.Equal([gate.Address], All(sent, "host"));
        Assert.DoesNotContain(sent.Headers, header => header.Value.Contains("forged", StringComparison.Ordinal) || header.Name.Contains("automation", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task Caller_WithBasic_IsKnownByThePassword()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "true"));

        var reply = await gate.SendAsync("GET", "/api/hello", null, with: request => request.Headers.TryAddWithoutValidation(
            "Authorization", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("anything:" + gate.Gate.Issuer.Token("bob")))));

        Assert.Equal(200, reply.Status);
    }

    [Fact]
    public async Task Refusals_HaveTheServersShapeAndTheCallsId()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, "{}"));

        var nobody = await gate.SendAsync("GET", "/api/hello", null);
        var denied = await gate.SendAsync("POST", "/api/variables/", "bob", """{"name":"a","value":1}""");
        var unknown = await gate.SendAsync("DELETE", "/api/admin/database", "root");
        var unreadable = await gate.SendAsync("POST", "/api/flows/filter", "bob", "{\"flows\":{},\"flows\":{}}");
        var otherType = await gate.SendAsync("POST", "/api/flows/filter", "bob", with: request => request.Content = new StringContent("{}", Encoding.UTF8, "text/plain"));

        Assert.Equal((401, "Bearer"), (nobody.Status, nobody.Headers["WWW-Authenticate"]));
        Assert.Equal([403, 404, 422, 422], [denied.Status, unknown.Status, unreadable.Status, otherType.Status]);
        Assert.All([nobody, denied, unknown, unreadable, otherType], reply => Assert.Matches("""^\{"detail":".+ \[call [0-9A-Z]{26}\]"\}$""", reply.Text));
        Assert.Contains("variable.write", denied.Text, StringComparison.Ordinal);
        Assert.Empty(gate.Server.Requests);
    }

    [Fact]
    public async Task Server_ThatIsAway_Is503WithRetryAfter()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Drop);

        var reply = await gate.SendAsync("GET", "/api/hello", "bob");

        Assert.Equal((503, "2"), (reply.Status, reply.Headers["Retry-After"]));
    }

    [Theory]
    [InlineData("POST", "/api/deployments/11111111-1111-1111-1111-111111111111/pause_deployment")]
    [InlineData("DELETE", "/api/deployments/11111111-1111-1111-1111-111111111111")]
    public async Task Write_WhoseConnectionBreaks_IsSentOnce(string method, string path)
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Drop);

        var reply = await gate.SendAsync(method, path, "root");

        Assert.Equal(503, reply.Status);
        Assert.Contains("isn\\u0027t known", reply.Text, StringComparison.Ordinal);
        Assert.Single(gate.Server.Requests);
    }

    [Fact]
    public async Task Server_ThatRefusesTheGate_IsNotTheCallersFault()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(401, """{"exception_message":"Unauthorized"}"""));

        var reply = await gate.SendAsync("GET", "/api/hello", "bob");

        Assert.Equal((503, "2"), (reply.Status, reply.Headers["Retry-After"]));
        using var ready = await gate.Http.GetAsync(new Uri($"http://{gate.Gate.AdminAddress}/readyz"), TestContext.Current.CancellationToken);
        Assert.Equal(503, (int)ready.StatusCode);
        Assert.Contains("refuses what the gate presents", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_Errors_PassAsTheyAre()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(423, """{"detail":"locked"}"""));

        var reply = await gate.SendAsync("GET", "/api/hello", "bob");

        Assert.Equal((423, """{"detail":"locked"}"""), (reply.Status, reply.Text));
    }

    [Fact]
    public async Task CreatedRun_CarriesItsCallersName_WhateverTheClientClaims_AndIsInTheRecord()
    {
        const string deployment = "11111111-1111-1111-1111-111111111111";
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(201, """{"id":"22222222-2222-2222-2222-222222222222","name":"blue-fox","state":null}"""));

        var reply = await gate.SendAsync("POST", $"/api/deployments/{deployment}/create_flow_run", "runner", """{"parameters":{"n":1,"who":"x"},"labels":{"postern.caller":"somebody","team":"a"}}""");

        Assert.Equal(201, reply.Status);
        var sent = Encoding.UTF8.GetString(Assert.Single(gate.Server.Requests).Message.Body);
        Assert.Contains("\"postern.caller\":\"test/runner\"", sent, StringComparison.Ordinal);
        Assert.Contains("\"team\":\"a\"", sent, StringComparison.Ordinal);
        Assert.DoesNotContain("somebody", sent, StringComparison.Ordinal);
        // A write's outcome is on disk before its answer.
        var record = Assert.Single(gate.Gate.Audit.Records(), line => line["operation"] == "create_flow_run_from_deployment");
        Assert.Equal("22222222-2222-2222-2222-222222222222", record["flowRunId"]);
        Assert.Equal(deployment, record["deploymentId"]);
        Assert.Equal("blue-fox", record["flowRunName"]);
        Assert.Equal("n,who", record["parameters"]);
        Assert.Equal("test/runner", record["caller"]);
    }

    [Fact]
    public async Task Override_OfInfrastructure_NeedsItsOwnPermission()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Json(200, """{"id":"11111111-1111-1111-1111-111111111111","name":"nightly","job_variables":{"image":"good"} }"""));

        var reply = await gate.SendAsync("POST", "/api/deployments/11111111-1111-1111-1111-111111111111/create_flow_run", "runner", """{"job_variables":{"image":"evil"}}""");

        Assert.Equal(403, reply.Status);
        Assert.Contains("deployment.override", reply.Text, StringComparison.Ordinal);
        // Asked what the deployment itself says, and nothing else.
        Assert.Equal("GET", Assert.Single(gate.Server.Requests).Message.Method);
    }

    [Fact]
    public async Task WhatACallDoesntName_IsLookedUpOnTheServer()
    {
        const string nightly = "11111111-1111-1111-1111-111111111111", other = "33333333-3333-3333-3333-333333333333", flow = "44444444-4444-4444-4444-444444444444";
        await using var gate = await PrefectGate.StartAsync(arrived => arrived.Message.Start.Split(' ')[1] switch
        {
            $"/api/deployments/{nightly}" => PrefectAnswer.Json(200, $$"""{"id":"{{nightly}}","name":"nightly-etl","flow_id":"{{flow}}","tags":[]}"""),
            $"/api/deployments/{other}" => PrefectAnswer.Json(200, $$"""{"id":"{{other}}","name":"payroll","flow_id":"{{flow}}","tags":[]}"""),
            $"/api/flows/{flow}" => PrefectAnswer.Json(200, $$"""{"id":"{{flow}}","name":"etl","tags":[]}"""),
            _ => arrived.Message.Start.Contains("create_flow_run", StringComparison.Ordinal) ? PrefectAnswer.Json(201, """{"id":"x"}""") : PrefectAnswer.Json(404, "{}"),
        });

        var allowed = await gate.SendAsync("POST", $"/api/deployments/{nightly}/create_flow_run", "nightly-runner", "{}");
        var refused = await gate.SendAsync("POST", $"/api/deployments/{other}/create_flow_run", "nightly-runner", "{}");
        var missing = await gate.SendAsync("POST", "/api/deployments/99999999-9999-9999-9999-999999999999/create_flow_run", "nightly-runner", "{}");

        Assert.Equal([201, 403, 403], [allowed.Status, refused.Status, missing.Status]);
        Assert.Equal(1, gate.Server.Requests.Count(request => request.Message.Start.Contains("create_flow_run", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task WhatCantBeLookedUp_IsCannotTell()
    {
        await using var gate = await PrefectGate.StartAsync(_ => PrefectAnswer.Drop);

        var reply = await gate.SendAsync("POST", "/api/deployments/11111111-1111-1111-1111-111111111111/create_flow_run", "nightly-runner", "{}");

        Assert.Equal((503, "2"), (reply.Status, reply.Headers["Retry-After"]));
    }

    [Fact]
    public async Task NewCredential_ServesOnceTheServerTakesIt()
    {
        var taken = "old:secret";
        await using var gate = await PrefectGate.StartAsync(
            arrived => All(arrived.Message, "authorization").Contains("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(Volatile.Read(ref taken)))) ? PrefectAnswer.Json(200, "true") : PrefectAnswer.Json(401, "{}"),
            credential: "{ authString: \"${file:auth}\" }",
            with: setup => setup with { Files = [("auth", "old:secret")] });

        await File.WriteAllTextAsync(Path.Combine(gate.Gate.Folder, "auth"), "new:secret\n", TestContext.Current.CancellationToken);
        await gate.Gate.ReloadAsync();
        var before = await gate.SendAsync("GET", "/api/hello", "bob");
        Volatile.Write(ref taken, "new:secret");
        await Eventually.AnswersAsync(async () => await gate.SendAsync("GET", "/api/hello", "bob"), reply => reply.Status == 200);

        Assert.Equal(200, before.Status);
    }

    private static string[] All(WireMessage message, string name) => [.. message.Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value)];
}
