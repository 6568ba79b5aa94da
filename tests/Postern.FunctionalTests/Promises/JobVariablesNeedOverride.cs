using System.Text;
using Postern.FunctionalTests.Prefect;

namespace Postern.FunctionalTests.Promises;

/// <summary>What moves a run's execution elsewhere, or takes the checks of its parameters away, needs <c>deployment.override</c>: the right to run a deployment isn't enough.</summary>
public sealed class JobVariablesNeedOverride : IAsyncLifetime
{
    private const string Deployment = "11111111-1111-1111-1111-111111111111", Etl = "44444444-4444-4444-4444-444444444444", Secure = "22222222-2222-2222-2222-222222222222";
    private PrefectGate _gate = null!;

    public async ValueTask InitializeAsync() => _gate = await PrefectGate.StartAsync(
        arrived => arrived.Message.Target switch
        {
            $"/api/flows/{Etl}" => PrefectAnswer.Json(200, $$"""{"id":"{{Etl}}","name":"etl","tags":[]}"""),
            $"/api/deployments/{Deployment}" => PrefectAnswer.Json(200, $$"""{"id":"{{Deployment}}","name":"nightly","flow_id":"{{Etl}}","work_pool_name":"procs","work_queue_name":"default","tags":[]}"""),
            "/api/deployments/filter" => PrefectAnswer.Json(200, System.Text.Encoding.UTF8.GetString(arrived.Message.Body).Contains("salaries", StringComparison.Ordinal)
                ? $$"""[{"id":"{{Secure}}","name":"salaries","flow_id":"{{Etl}}","work_pool_name":"secure","work_queue_name":"default","tags":[]}]""" : "[]"),
            _ when arrived.Message.Header("x-postern-call-id") is null => PrefectAnswer.Json(404, "{}"),
            _ => PrefectAnswer.Json(201, $$"""{"id":"{{Deployment}}"}"""),
        },
        setup => setup with { PolicyText = PrefectGate.Policy + "\n  - { who: [\"user:deployer\"], role: deployer, where: { prefect: main, workPool: procs } }\n" });

    public ValueTask DisposeAsync() => _gate.DisposeAsync();

    public static TheoryData<string> Overrides =>
    [
        """{"job_variables":{"image":"evil"} }""",
        """{"job_variables":{"env":{} } }""",
        """{"job_variables":[]}""",
        """{"job_variables":"x"}""",
        """{"job_v\u0061riables":{"image":"evil"} }""",
        """{"work_queue_name":"other"}""",
        """{"infrastructure_document_id":"99999999-9999-9999-9999-999999999999"}""",
        """{"enforce_parameter_schema":false}""",
        """{"enforce_parameter_schema":0}""",
        """{"enforce_parameter_schema":"no"}""",
        """{"state":{"type":"RUNNING"} }""",
        """{"state":{"type":"COMPLETED"} }""",
        """{"work_pool_name":"other"}""",
        """{"what_a_newer_server_takes":1}""",
    ];

    [Theory]
    [MemberData(nameof(Overrides))]
    public async Task Run_ThatOverrides_IsRefused_AloneAndAmongOthers(string run)
    {
        foreach (var (target, body) in new[]
        {
            ($"/api/deployments/{Deployment}/create_flow_run", run),
            ($"/api/deployments/{Deployment}/create_flow_run/bulk", $"[{run}]"),
            ($"/api/deployments/{Deployment}/create_flow_run/bulk", $"[{{}},{{}},{run}]"),
        })
        {
            var reply = await _gate.SendAsync("POST", target, "runner", body);
            Assert.Equal(403, reply.Status);
            Assert.Contains("deployment.override", reply.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(_gate.Server.Requests, request => request.Message.Target == target);
            Assert.Equal(201, (await _gate.SendAsync("POST", target, "alice", body)).Status);
            _gate.Server.Forget();
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("{\"job_variables\":null,\"work_queue_name\":null}")]
    [InlineData("{\"job_variables\":{}}")]
    [InlineData("{\"parameters\":{\"job_variables\":{\"image\":\"x\"}},\"state\":{\"type\":\"SCHEDULED\"},\"enforce_parameter_schema\":true,\"tags\":[\"a\"]}")]
    public async Task Run_ThatOverridesNothing_IsARun(string run)
    {
        Assert.Equal(201, (await _gate.SendAsync("POST", $"/api/deployments/{Deployment}/create_flow_run", "runner", run)).Status);
        Assert.Equal(201, (await _gate.SendAsync("POST", $"/api/deployments/{Deployment}/create_flow_run/bulk", "runner", $"[{run}]")).Status);
    }

    [Theory]
    [InlineData("{\"job_variables\":{},\"job_variables\":{\"image\":\"evil\"}}", 422)]
    [InlineData("{\"job_variables\":{\"image\":\"evil\"}} {}", 422)]
    [InlineData("\ufeff{\"job_variables\":{\"image\":\"evil\"}}", 422)]
    [InlineData("{\"x\":NaN,\"job_variables\":{\"image\":\"evil\"}}", 422)]
    [InlineData("{\"job_variables\\ud800\":1}", 422)]
    public async Task Body_OfTwoMeanings_IsNone(string body, int status)
    {
        Assert.Equal(status, (await _gate.SendAsync("POST", $"/api/deployments/{Deployment}/create_flow_run", "alice", body)).Status);
        Assert.Empty(_gate.Server.Requests);
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    public async Task Body_InAnotherEncoding_IsNone(string encoding)
    {
        var bytes = Encoding.GetEncoding(encoding).GetBytes("""{"job_variables":{"image":"evil"} }""");
        var reply = await _gate.SendAsync("POST", $"/api/deployments/{Deployment}/create_flow_run", "runner", with: request =>
        {
            request.Content = new ByteArrayContent(bytes);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        });

        Assert.Equal(422, reply.Status);
        Assert.Empty(_gate.Server.Requests);
    }

    [Theory]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("text/plain")]
    [InlineData("application/vnd.api+json")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task Body_OfAnotherType_IsNone(string type)
    {
        var reply = await _gate.SendAsync("POST", $"/api/deployments/{Deployment}/create_flow_run", "runner", with: request =>
        {
            request.Content = new ByteArrayContent("""{"job_variables":{"image":"evil"} }"""u8.ToArray());
            request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        });

        Assert.Equal(422, reply.Status);
        Assert.Empty(_gate.Server.Requests);
    }

    [Fact]
    public async Task FlowsOwnRun_ThatNamesAPlace_NeedsItToo()
    {
        foreach (var more in new[] { "\"job_variables\":{\"image\":\"x\"}", "\"work_pool_name\":\"procs\"", "\"work_queue_name\":\"q\"", "\"infrastructure_document_id\":\"99999999-9999-9999-9999-999999999999\"" })
        {
            var reply = await _gate.SendAsync("POST", "/api/flow_runs/", "worker", $$"""{"flow_id":"{{Etl}}",{{more}} }""");
            Assert.True(reply.Status == 403 && reply.Text.Contains("deployment.override", StringComparison.Ordinal), $"{more}: {reply}");
        }

        Assert.Equal(403, (await _gate.SendAsync("PATCH", $"/api/flow_runs/{Etl}", "worker", """{"job_variables":{} }""")).Status);
        Assert.Equal(201, (await _gate.SendAsync("POST", "/api/flow_runs/", "worker", $$"""{"flow_id":"{{Etl}}"}""")).Status);
    }

    // A deployment of that name is written over, and runs in another place from then on: who may not touch it there doesn't get it so.
    [Theory]
    [InlineData("nightly-2", "procs", 201)]
    [InlineData("salaries", "procs", 403)]
    [InlineData("salaries", "secure", 403)]
    [InlineData("nightly-2", "secure", 403)]
    public async Task Deployment_InAnotherPool_IsNotWrittenOver(string name, string pool, int status)
    {
        var reply = await _gate.SendAsync("POST", "/api/deployments/", "deployer", $$"""{"name":"{{name}}","flow_id":"{{Etl}}","work_pool_name":"{{pool}}"}""");

        Assert.Equal(status, reply.Status);
        Assert.Equal(status == 201, _gate.Server.Requests.Any(request => request.Message.Target == "/api/deployments/"));
        Assert.Equal(201, (await _gate.SendAsync("POST", "/api/deployments/", "alice", $$"""{"name":"{{name}}","flow_id":"{{Etl}}","work_pool_name":"{{pool}}"}""")).Status);
    }
}
