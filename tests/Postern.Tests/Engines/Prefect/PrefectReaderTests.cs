using System.Text;
using System.Text.Json;
using Postern.Engines.Prefect;
using Postern.Model;

namespace Postern.Tests.Engines.Prefect;

/// <summary>What each call asks for. A demand is written as permission, names, the thing that is looked up, and after a question mark what that would tell.</summary>
public sealed class PrefectReaderTests
{
    private const string Run = "0197d6c4-5a0b-7e1f-8c33-9d0e4b6a1f22";
    private const string Other = "11111111-2222-3333-4444-555555555555";
    private const string OfRun = "workPool,workQueue,deployment,flow,tag";

    [Theory]
    // States.
    [InlineData("CANCELLING", $"flow-run.cancel FlowRun {Run} ?{OfRun}")]
    [InlineData("CANCELLED", $"flow-run.cancel FlowRun {Run} ?{OfRun}")]
    [InlineData("SCHEDULED", $"flow-run.retry FlowRun {Run} ?{OfRun}")]
    [InlineData("RUNNING", $"flow-run.report FlowRun {Run} ?{OfRun}")]
    [InlineData("PENDING", $"flow-run.report FlowRun {Run} ?{OfRun}")]
    [InlineData("PAUSED", $"flow-run.report FlowRun {Run} ?{OfRun}")]
    [InlineData("COMPLETED", $"flow-run.report FlowRun {Run} ?{OfRun}")]
    [InlineData("cancelled", $"flow-run.report FlowRun {Run} ?{OfRun}")]
    public void State_SaysThePermission(string type, string demand)
        => Assert.Equal([demand], Demands("POST", $"/api/flow_runs/{Run}/set_state", $$"""{"state":{"type":"{{type}}","name":"x"},"force":true}"""));

    [Theory]
    [InlineData("GET", "/api/admin/version", null, "server.info unless-denied")]
    [InlineData("GET", $"/api/flows/{Other}", null, $"flow.read Flow {Other} ?flow,tag")]
    [InlineData("GET", "/api/deployments/name/etl/nightly", null, "deployment.read deployment=nightly flow=etl Deployment  ?workPool,workQueue,tag")]
    [InlineData("GET", "/api/work_pools/filter", null, "work-pool.read workPool=filter")]
    [InlineData("POST", "/api/flow_runs/bulk_set_state", """{"state":{"type":"CANCELLED"}}""", $"flow-run.cancel ?{OfRun}")]
    [InlineData("POST", "/api/flow_runs/filter", null, $"flow-run.read ?{OfRun}")]
    [InlineData("POST", "/api/flow_runs/filter", "null", $"flow-run.read ?{OfRun}")]
    [InlineData("POST", "/api/flow_runs/bulk_delete", "{}", $"flow-run.delete ?{OfRun}")]
    [InlineData("POST", "/api/flows/", """{"name":"etl","tags":["prod","eu"]}""", "flow.write flow=etl tag=prod|eu")]
    [InlineData("POST", "/api/flows/", """{"name":"etl"}""", "flow.write flow=etl tag=")]
    [InlineData("PATCH", $"/api/deployments/{Other}", """{"paused":true}""", $"deployment.pause Deployment {Other} ?{OfRun}")]
    [InlineData("PATCH", $"/api/deployments/{Other}", """{"paused":null}""", $"deployment.write Deployment {Other} ?{OfRun}")]
    [InlineData("PATCH", $"/api/deployments/{Other}/schedules/{Run}", """{"active":false}""", $"deployment.pause Deployment {Other} ?{OfRun}")]
    [InlineData("PATCH", $"/api/deployments/{Other}/schedules/{Run}", """{"active":false,"slug":"x"}""", $"deployment.write Deployment {Other} ?{OfRun}")]
    [InlineData("POST", $"/api/deployments/{Other}/resume_deployment", null, $"deployment.pause Deployment {Other} ?{OfRun}")]
    [InlineData("PATCH", "/api/work_pools/procs", """{"is_paused":true}""", "work-pool.pause workPool=procs")]
    [InlineData("PATCH", "/api/work_pools/procs", """{"is_paused":true,"base_job_template":{}}""", "work-pool.write workPool=procs")]
    [InlineData("PATCH", "/api/work_pools/procs/queues/high", """{"is_paused":false}""", "work-pool.pause workPool=procs workQueue=high")]
    [InlineData("PATCH", $"/api/work_queues/{Other}", """{"concurrency_limit":null}""", $"work-pool.write WorkQueue {Other} ?workPool,workQueue")]
    [InlineData("POST", "/api/work_pools/", """{"name":"procs","type":"process"}""", "work-pool.write workPool=procs")]
    [InlineData("POST", "/api/work_pools/procs/queues", """{"name":"high"}""", "work-pool.write workPool=procs workQueue=high")]
    [InlineData("POST", "/api/work_pools/procs/get_scheduled_flow_runs", """{"work_queue_names":[]}""", "work-pool.poll workPool=procs ?workQueue")]
    [InlineData("POST", "/api/work_pools/procs/get_scheduled_flow_runs", null, "work-pool.poll workPool=procs ?workQueue")]
    [InlineData("POST", "/api/work_pools/procs/workers/heartbeat", """{"name":"w1"}""", "worker.heartbeat workPool=procs")]
    [InlineData("PATCH", $"/api/automations/{Other}", """{"enabled":false}""", $"automation.pause Automation {Other}")]
    [InlineData("PATCH", $"/api/automations/{Other}", """{"enabled":false,"name":"x"}""", $"automation.write Automation {Other}")]
    [InlineData("POST", "/api/variables/", """{"name":"city","value":1,"tags":["eu"]}""", "variable.write tag=eu variable=city")]
    [InlineData("POST", "/api/block_types/", """{"name":"Secret","slug":"secret"}""", "block.write blockType=secret")]
    [InlineData("POST", "/api/block_documents/", $$$"""{"name":"db","block_type_id":"{{{Other}}}","block_schema_id":"{{{Run}}}","data":{"a":[1]}}""", $"block.write block=db BlockType {Other} ?blockType")]
    [InlineData("POST", "/api/task_runs/", $$"""{"flow_run_id":"{{Run}}","task_key":"k","dynamic_key":"0"}""", $"task-run.write FlowRun {Run} ?{OfRun}")]
    [InlineData("POST", "/api/task_runs/", """{"flow_run_id":null,"task_key":"k","dynamic_key":"0"}""", "task-run.write")]
    [InlineData("POST", "/api/artifacts/", $$"""{"key":"k","task_run_id":"{{Run}}"}""", $"artifact.write TaskRun {Run} ?{OfRun}")]
    [InlineData("GET", $"/api/flow_run_states/?flow_run_id={Run}", null, $"flow-run.read FlowRun {Run} ?{OfRun}")]
    [InlineData("POST", "/api/ui/flows/count-deployments", """{"flow_ids":[]}""", "deployment.read waived:workPool,workQueue,deployment,flow,tag")]
    [InlineData("POST", "/api/deployments/get_scheduled_flow_runs", """{"deployment_ids":[]}""", "work-pool.poll ?workPool,workQueue")]
    [InlineData("POST", "/api/logs/", "[]", "log.write waived:workPool,workQueue,deployment,flow,tag")]
    [InlineData("POST", "/api/events", """[{"event":"x","resource":{"prefect.resource.id":"a.1"}}]""", "event.write")]
    [InlineData("POST", "/api/ui/schemas/validate", """{"schema":{},"values":{"n":{"__prefect_kind":"none","value":1}}}""", "server.info unless-denied")]
    [InlineData("GET", "/api/block_documents/11111111-2222-3333-4444-555555555555?include_secrets=false&include_secrets=0", null, $"block.read BlockDocument {Other} ?blockType,block")]
    public void Read_OneDemand(string method, string target, string? body, string demand) => Assert.Equal([demand], Demands(method, target, body));

    [Fact]
    public void Read_DeploymentThatIsMade_IsAlsoTheOneThatItWritesOver() => Assert.Equal(
        [$"deployment.write workPool=procs deployment=nightly tag= Flow {Other} ?flow", $"deployment.write deployment=nightly DeploymentOfFlow {Other}/nightly ?{OfRun.Replace("deployment,", "", StringComparison.Ordinal)}"],
        Demands("POST", "/api/deployments/", $$"""{"name":"nightly","flow_id":"{{Other}}","work_pool_name":"procs"}"""));

    [Theory]
    [InlineData("""{}""", false)]
    [InlineData("""{"state":{"type":"SCHEDULED"},"parameters":{"a":{}},"tags":["x"],"job_variables":{},"work_queue_name":null,"enforce_parameter_schema":true,"context":{},"parent_task_run_id":null}""", false)]
    [InlineData("""{"state":null}""", false)]
    [InlineData("""{"state":{"type":"PENDING"}}""", false)]
    [InlineData("""{"state":{"type":"RUNNING"}}""", true)]
    [InlineData("""{"job_variables":{"image":"x"}}""", true)]
    [InlineData("""{"job_variables":[]}""", true)]
    [InlineData("""{"infrastructure_document_id":"11111111-2222-3333-4444-555555555555"}""", true)]
    [InlineData("""{"enforce_parameter_schema":false}""", true)]
    [InlineData("""{"enforce_parameter_schema":0}""", true)]
    [InlineData("""{"enforce_parameter_schema":"no"}""", true)]
    [InlineData("""{"enforce_parameter_schema":"true"}""", false)]
    [InlineData("""{"something_new":1}""", true)]
    public void DeploymentRun_ThatRunsElsewhere_NeedsOverride(string body, bool overrides)
    {
        string[] expected = overrides ? [$"deployment.run Deployment {Other} ?{OfRun}", $"deployment.override Deployment {Other} ?{OfRun}"] : [$"deployment.run Deployment {Other} ?{OfRun}"];
        Assert.Equal(expected, Demands("POST", $"/api/deployments/{Other}/create_flow_run", body));
        Assert.Equal(expected, Demands("POST", $"/api/deployments/{Other}/create_flow_run/bulk", $"[{{}},{body}]"));
    }

    [Fact]
    public void DeploymentRun_InAnotherQueue_NeedsOverrideThereToo() => Assert.Equal(
        [$"deployment.run Deployment {Other} ?{OfRun}", $"deployment.override Deployment {Other} ?{OfRun}", $"deployment.override workQueue=high Deployment {Other} ?workPool,deployment,flow,tag"],
        Demands("POST", $"/api/deployments/{Other}/create_flow_run", """{"work_queue_name":"high"}"""));

    [Fact]
    public void FlowRunCreate_NamesItsFlow_AndADeploymentIsOneMoreThing()
    {
        Assert.Equal([$"flow-run.start tag=a Flow {Other} ?flow"], Demands("POST", "/api/flow_runs/", $$$"""{"flow_id":"{{{Other}}}","tags":["a"],"state":{"type":"PENDING"},"job_variables":{}}"""));
        Assert.Equal(
            [$"flow-run.start tag= Flow {Other} ?flow", $"deployment.run Deployment {Run} ?{OfRun}", $"flow-run.start Deployment {Run} ?{OfRun}"],
            Demands("POST", "/api/flow_runs/", $$"""{"flow_id":"{{Other}}","deployment_id":"{{Run}}"}"""));
        Assert.Equal(
            [$"flow-run.start workPool=procs tag= Flow {Other} ?flow", $"deployment.override workPool=procs tag= Flow {Other} ?flow"],
            Demands("POST", "/api/flow_runs/", $$"""{"flow_id":"{{Other}}","work_pool_name":"procs"}"""));
        Assert.Equal(
            [$"flow-run.start tag= Flow {Other} ?flow", $"deployment.run Deployment {Run} ?{OfRun}", $"flow-run.start Deployment {Run} ?{OfRun}",
                $"deployment.override tag= Flow {Other} ?flow", $"deployment.override Deployment {Run} ?{OfRun}"],
            Demands("POST", "/api/flow_runs/", $$$"""{"flow_id":"{{{Other}}}","deployment_id":"{{{Run}}}","job_variables":{"a":1}}"""));
        Assert.Equal(
            [$"flow-run.start tag= Flow {Other} ?flow", $"flow-run.report tag= Flow {Other} ?flow"],
            Demands("POST", "/api/flow_runs/", $$$"""{"flow_id":"{{{Other}}}","state":{"type":"COMPLETED"}}"""));
    }

    [Fact]
    public void FlowRunUpdate_WithJobVariables_NeedsOverride()
    {
        Assert.Equal([$"flow-run.write FlowRun {Run} ?{OfRun}"], Demands("PATCH", $"/api/flow_runs/{Run}", """{"infrastructure_pid":"8501","job_variables":null}"""));
        Assert.Equal([$"flow-run.write FlowRun {Run} ?{OfRun}", $"deployment.override FlowRun {Run} ?{OfRun}"], Demands("PATCH", $"/api/flow_runs/{Run}", """{"job_variables":{}}"""));
    }

    // Whoever gives a thing another name or place must have the right to it there.
    [Fact]
    public void Changes_OfNamesAndPlaces_AreJudgedAsBefore_AndAsAfterwards()
    {
        Assert.Equal(
            [$"flow-run.write FlowRun {Run} ?{OfRun}", $"flow-run.write tag=prod FlowRun {Run} ?workPool,workQueue,deployment,flow"], Demands("PATCH", $"/api/flow_runs/{Run}", """{"tags":["prod"]}"""));
        Assert.Equal([$"flow.write Flow {Other} ?flow,tag", $"flow.write tag= Flow {Other} ?flow"], Demands("PATCH", $"/api/flows/{Other}", """{"tags":[]}"""));
        Assert.Equal(
            [$"deployment.write Deployment {Other} ?{OfRun}", $"deployment.write workPool=prod workQueue=q tag=a Deployment {Other} ?deployment,flow"],
            Demands("PATCH", $"/api/deployments/{Other}", """{"work_pool_name":"prod","work_queue_name":"q","tags":["a"],"paused":true}"""));
        Assert.Equal(
            ["variable.write variable=city Variable  ?tag", "variable.write variable=town Variable  ?tag"], Demands("PATCH", "/api/variables/name/city", """{"name":"town"}"""));
        Assert.Equal(
            ["work-pool.write workPool=procs workQueue=high", "work-pool.write workPool=procs workQueue=low"], Demands("PATCH", "/api/work_pools/procs/queues/high", """{"name":"low"}"""));
    }

    [Fact]
    public void Lists_OfThings_AreADemandEach()
    {
        Assert.Equal(
            ["work-pool.poll workPool=procs workQueue=a", "work-pool.poll workPool=procs workQueue=b"],
            Demands("POST", "/api/work_pools/procs/get_scheduled_flow_runs", """{"work_queue_names":["a","b","a"]}"""));
        Assert.Equal(
            [$"work-pool.poll Deployment {Other} ?workPool,workQueue", $"work-pool.poll Deployment {Run} ?workPool,workQueue"],
            Demands("POST", "/api/deployments/get_scheduled_flow_runs", $$"""{"deployment_ids":["{{Other}}","{{Run.ToUpperInvariant()}}","{{Run.Replace("-", "", StringComparison.Ordinal)}}","{{{Other}}}","urn:uuid:{{Other}}"]}"""));
        Assert.Equal(
            [$"task-run.read FlowRun {Other} ?{OfRun}", $"task-run.read FlowRun {Run} ?{OfRun}"], Demands("POST", "/api/ui/flow_runs/count-task-runs", $$"""{"flow_run_ids":["{{Other}}","{{Run}}"]}"""));
        Assert.Equal(
            [$"log.write FlowRun {Run} ?{OfRun}", $"log.write TaskRun {Other} ?{OfRun}", "log.write"],
            Demands("POST", "/api/logs/", $$"""[{"flow_run_id":"{{Run}}"},{"flow_run_id":"{{Run}}","task_run_id":"{{Other}}"},{"task_run_id":"{{Other}}","flow_run_id":null},{"message":"x"},{"message":"y"}]"""));
        Assert.Equal(
            [$"flow-run.read FlowRun {Run} ?{OfRun}", $"flow-run.read FlowRun {Other} ?{OfRun}"], Demands("GET", $"/api/flow_run_states/?flow_run_id={Run}&flow_run_id={Other}", null));
    }

    [Fact]
    public void Lists_LongerThanTheServers_AreRefused()
    {
        var ids = Enumerable.Range(0, 201).Select(i => $"\"{new Guid(i, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)}\"").ToArray();
        Assert.Equal(200, Demands("POST", "/api/ui/flows/next-runs", $$"""{"flow_ids":[{{string.Join(',', ids[1..])}}]}""").Length);
        Assert.NotNull(Read("POST", "/api/ui/flows/next-runs", $$"""{"flow_ids":[{{string.Join(',', ids)}}]}""").Refusal);
        Assert.NotNull(Read("POST", "/api/logs/", $"[{string.Join(',', Enumerable.Range(0, 202).Select(i => $$"""{"flow_run_id":"{{new Guid(i, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)}}"}"""))}]").Refusal);
    }

    [Theory]
    [InlineData("GET", $"/api/block_documents/{Other}?include_secrets=true", null)]
    [InlineData("GET", $"/api/block_documents/{Other}?include_secrets=1", null)]
    [InlineData("GET", $"/api/block_documents/{Other}?include_secrets=no", null)]
    [InlineData("GET", $"/api/block_documents/{Other}?include_secrets", null)]
    [InlineData("GET", $"/api/block_documents/{Other}?include%5Fsecrets=on", null)]
    [InlineData("GET", $"/api/block_documents/{Other}?include_secrets=false&include_secrets=true", null)]
    [InlineData("GET", $"/api/block_documents/{Other}?include_secrets=true&include_secrets=false", null)]
    [InlineData("GET", "/api/block_types/slug/secret/block_documents?include_secrets=true", null)]
    [InlineData("GET", "/api/block_types/slug/secret/block_documents/name/db?include_secrets=yes", null)]
    [InlineData("POST", "/api/block_documents/filter", """{"include_secrets":true}""")]
    [InlineData("POST", "/api/block_documents/filter", """{"include_secrets":"on"}""")]
    [InlineData("POST", "/api/block_documents/filter", """{"include_secrets":1}""")]
    [InlineData("POST", "/api/block_documents/filter", """{"include_secrets":1.0}""")]
    [InlineData("POST", "/api/block_documents/filter", """{"include_secrets":[]}""")]
    [InlineData("POST", "/api/block_documents/filter", """{"include\u005fsecrets":true}""")]
    public void Secrets_InClear_NeedTheirOwnPermission(string method, string target, string? body)
    {
        var demands = Demands(method, target, body);
        Assert.Equal([demands[0], demands[0].Replace("block.read", "secret.read", StringComparison.Ordinal)], demands);
    }

    [Theory]
    [InlineData("""{"include_secrets":false}""")]
    [InlineData("""{"include_secrets":"False"}""")]
    [InlineData("""{"include_secrets":0}""")]
    [InlineData("""{"include_secrets":null}""")]
    [InlineData("""{}""")]
    public void Secrets_PlainlyNotAskedFor_NeedNone(string body) => Assert.Equal(["block.read ?blockType,block"], Demands("POST", "/api/block_documents/filter", body));

    [Fact]
    public void Documents_ThatReferToOthers_NeedTheRightToRevealThem()
    {
        var data = $$$"""{"a":[{"$ref":{"block_document_id":"{{{Run}}}"}}],"b":{"$ref":"x"}}""";
        Assert.Equal(
            [$"block.write BlockDocument {Other} ?blockType,block", $"secret.read BlockDocument {Run} ?blockType,block", "secret.read ?blockType,block"],
            Demands("PATCH", $"/api/block_documents/{Other}", $$"""{"data":{{data}}}"""));
        Assert.Equal(3, Demands("POST", "/api/block_documents/", $$"""{"block_type_id":"{{Other}}","data":{{data}}}""").Length);
    }

    [Fact]
    public void Values_ThatStandForVariables_NeedTheRightToReadThem() => Assert.Equal(
        ["server.info unless-denied", "variable.read variable=city Variable  ?tag", "variable.read ?tag,variable"],
        Demands("POST", "/api/ui/schemas/validate", """
            {"schema":{},"values":{"a":[{"__prefect_kind":"json","value":{"__prefect_kind":"workspace_variable","variable_name":"city"}}],"b":{"__prefect_kind":"jinja","template":"{{ x }}"}}}
            """));

    [Fact]
    public void EventPage_IsReadAsTheFilterThatItIs()
    {
        var token = PrefectPageToken.Write("""{"filter":{"event":null},"count":1,"page_size":5,"offset":5}"""u8);
        Assert.Equal([$"event.read ?{OfRun}"], Demands("GET", $"/api/events/filter/next?page-token={token}", null));
        Assert.True(PrefectPath.TryRead($"/a?page-token={token}", out var path, out _));
        Assert.True(PrefectPageToken.TryRead(path.Query, out var document));
        Assert.Equal(JsonValueKind.Null, document!.RootElement.GetProperty("filter").GetProperty("event").ValueKind);
        document.Dispose();
        var recorded = PrefectFacts.Requests.Single(r => r.Route == "/api/events/filter/next" && r.Status == 200);
        Assert.Null(Read("GET", recorded.Target, null).Refusal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?page-token=bad")]
    [InlineData("?page-token=")]
    [InlineData("?page-token=ZXlKaElqb3hmUT09&page-token=ZXlKaElqb3hmUT09")]
    [InlineData("?page-token=ZXlKaElqb3hmUT0!9")]
    [InlineData("?page-token=ZXlKaElqb3hmUT0=")]
    [InlineData("?page-token=VzEwPQ==")]
    [InlineData("?page-token=ZXlKaElqb3hMQ0poSWpveWZRPT0=")]
    public void EventPage_ThatCantBeRead_IsRefused(string query) => Assert.NotNull(Read("GET", "/api/events/filter/next" + query, null).Refusal);

    [Theory]
    [InlineData("POST", "/api/flow_runs/filter", "[]")]
    [InlineData("POST", "/api/flow_runs/filter", "\"x\"")]
    [InlineData("POST", $"/api/flow_runs/{Run}/set_state", null)]
    [InlineData("POST", $"/api/flow_runs/{Run}/set_state", """{"state":"CANCELLED"}""")]
    [InlineData("POST", $"/api/flow_runs/{Run}/set_state", """{"state":{"type":["CANCELLED"]}}""")]
    [InlineData("POST", $"/api/flow_runs/{Run}/set_state", """{"state":{}}""")]
    [InlineData("POST", "/api/flow_runs/", """{"flow_id":1}""")]
    [InlineData("POST", "/api/flow_runs/", "{}")]
    [InlineData("POST", "/api/flows/", """{"name":1}""")]
    [InlineData("POST", "/api/flows/", """{"name":"a","tags":"x"}""")]
    [InlineData("POST", "/api/deployments/", """{"name":"a"}""")]
    [InlineData("POST", $"/api/deployments/{Other}/create_flow_run/bulk", "{}")]
    [InlineData("POST", $"/api/deployments/{Other}/create_flow_run/bulk", "[1]")]
    [InlineData("POST", $"/api/deployments/{Other}/create_flow_run/bulk", null)]
    [InlineData("POST", "/api/deployments/get_scheduled_flow_runs", "{}")]
    [InlineData("POST", "/api/deployments/get_scheduled_flow_runs", """{"deployment_ids":["x"]}""")]
    [InlineData("POST", "/api/work_pools/p/get_scheduled_flow_runs", """{"work_queue_names":"a"}""")]
    [InlineData("POST", "/api/work_pools/p/get_scheduled_flow_runs", """{"work_queue_names":[1]}""")]
    [InlineData("POST", "/api/work_pools/p/workers/heartbeat", "{}")]
    [InlineData("POST", "/api/logs/", """{"flow_run_id":null}""")]
    [InlineData("POST", "/api/logs/", """[{"flow_run_id":"x"}]""")]
    [InlineData("POST", "/api/events", "{}")]
    [InlineData("GET", "/api/flow_run_states/", null)]
    [InlineData("GET", $"/api/flow_run_states/?flow_run_id={Run}&flow_run_id=x", null)]
    public void Read_WhatTheServerWouldReadOtherwise_IsRefused(string method, string target, string? body)
    {
        var reading = Read(method, target, body);
        Assert.Null(reading.Operation);
        Assert.Equal(RefusalReason.Unreadable, reading.Refusal!.Reason);
    }

    // Every judged body that a stock client sent and the server took, with its server on every demand.
    [Fact]
    public void Read_EveryRecordedRequest_IsReadWhereTheServerTookIt()
    {
        var read = 0;
        foreach (var request in PrefectFacts.Requests.Where(r => r.Status is >= 200 and < 300 or 404 or 409))
        {
            if (!PrefectPath.TryRead(request.Target, out var path, out _) || PrefectCatalogue.Shared.Find(request.Method, path) is not { } match || !PrefectJson.IsJson(request.Type))
            {
                continue;
            }

            var reading = Read(request.Method, request.Target, match.Route.JudgesBody ? request.Body : null);
            Assert.True(reading.Refusal is null, $"{request}: {reading.Refusal?.Text}");
            Assert.All(Enumerable.Range(0, reading.Operation!.Count), i => Assert.Equal("main", reading.Operation[i].Prefect!.Server));
            read++;
        }

        Assert.InRange(read, 400, int.MaxValue);
    }

    // Nothing that a body says may ask for less than the operation does, but where it says pause and nothing else.
    [Fact]
    public void Read_EveryOperation_AsksForWhatItsRowSays()
    {
        foreach (var request in PrefectFacts.Requests.Where(r => r.Status is >= 200 and < 300))
        {
            if (!PrefectPath.TryRead(request.Target, out var path, out _) || PrefectCatalogue.Shared.Find(request.Method, path) is not { } match || !PrefectJson.IsJson(request.Type))
            {
                continue;
            }

            var operation = Read(request.Method, request.Target, match.Route.JudgesBody ? request.Body : null).Operation!;
            Permission[] known = [match.Route.Base, .. match.Route.Instead, .. match.Route.Implied];
            Assert.All(Enumerable.Range(0, operation.Count), i => Assert.Contains(operation[i].Permission, known));
            Assert.All(Enumerable.Range(0, operation.Count), i => Assert.Equal(Dimensions.None, operation[i].Unknown & ~PermissionDimensions.Of(operation[i].Permission)));
        }
    }

    internal static PrefectReading Read(string method, string target, string? body)
    {
        Assert.True(PrefectPath.TryRead(target, out var path, out var fault), fault);
        var match = PrefectCatalogue.Shared.Find(method, path);
        Assert.True(match is not null, target);
        Assert.True(PrefectJson.TryRead(Encoding.UTF8.GetBytes(body ?? ""), out var document, out fault), fault);
        using (document)
        {
            return PrefectReader.Read(match, path, document?.RootElement, "main");
        }
    }

    private static string[] Demands(string method, string target, string? body)
    {
        var reading = Read(method, target, body);
        Assert.True(reading.Refusal is null, reading.Refusal?.Text);
        return [.. Enumerable.Range(0, reading.Operation!.Count).Select(i => Write(reading.Operation[i]))];
    }

    private static string Write(Demand demand)
    {
        var names = demand.Prefect!;
        var text = new StringBuilder(demand.Permission.Name());
        foreach (var dimension in DimensionNames.All.Where(d => d != Dimensions.Server && names.NameIn(d) is not null))
        {
            var name = dimension == Dimensions.Tag ? names.Tags!.Trim(PrefectNames.TagMark).Replace(PrefectNames.TagMark, '|') : names.NameIn(dimension);
            text.Append(' ').Append(dimension.Name()).Append('=').Append(name);
        }

        text.Append(names.Object == PrefectObject.None ? "" : $" {names.Object} {names.ObjectId}");
        text.Append(demand.Unknown == Dimensions.None ? "" : $" ?{string.Join(',', demand.Unknown.Each().Select(d => d.Name()))}");
        text.Append(demand.Waived == Dimensions.None ? "" : $" waived:{string.Join(',', demand.Waived.Each().Select(d => d.Name()))}");
        return text.Append(demand.UnlessDenied ? " unless-denied" : "").ToString();
    }
}
