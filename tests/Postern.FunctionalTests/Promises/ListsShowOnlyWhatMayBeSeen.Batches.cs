using Google.Protobuf;
using Postern.Dev.Engine;
using Postern.FunctionalTests.Dev.Engine;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Batch.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Promises;

// Batches: what they act on is a list, too.
public sealed partial class ListsShowOnlyWhatMayBeSeen
{
    private const string Batches = """
        roles:
          batcher: { with: [batch.run, workflow.terminate, workflow.signal, activity.cancel, cluster.info, namespace.read] }
        bindings:
          - { who: ["group:reports"], role: batcher, where: { temporal: payments, workflowType: [Report, Refund] } }
          - { who: ["group:payments"], role: batcher, where: { temporal: payments } }
        """;

    [Fact]
    public async Task Batch_ByQuery_IsNarrowedAndKeepsWhatItDoes()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { PolicyText = Batches });
        var request = new StartBatchOperationRequest
        {
            Namespace = "payments", JobId = "j", Reason = "r", VisibilityQuery = "WorkflowType = 'Secret' OR ExecutionStatus = 'Running'", SignalOperation = new BatchOperationSignal { Signal = "go" },
        };
        Assert.Equal(0, (await gate.Client.AskAsync("StartBatchOperation", request, gate.Issuer.Token("carol", "reports"))).Status);

        var arrived = StartBatchOperationRequest.Parser.ParseFrom(Assert.Single(gate.Engine.Calls).Message);
        Assert.Equal("(WorkflowType = 'Secret' OR ExecutionStatus = 'Running') AND (WorkflowType IN ('Refund', 'Report'))", arrived.VisibilityQuery);
        request.VisibilityQuery = arrived.VisibilityQuery;
        request.SignalOperation.Identity = "carol";
        Assert.Equal(request, arrived);
        var record = await new Watch(gate).RecordAsync(gate.Engine.Calls[0]);
        Assert.Equal("narrowed to workflow types: Refund, Report", record["detail"]);
    }

    [Fact]
    public async Task Batch_ThatCannotBeNarrowed_NeverReachesTheEngine()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { PolicyText = Batches });
        var token = gate.Issuer.Token("carol", "reports");
        StartBatchOperationRequest Batch(string query) => new() { Namespace = "payments", JobId = "j", VisibilityQuery = query, TerminationOperation = new BatchOperationTermination() };
        var named = Batch("");
        named.Executions.Add(new WorkflowExecution { WorkflowId = "secret-1" });
        var both = Batch("WorkflowType = 'Report'");
        both.Executions.Add(new WorkflowExecution { WorkflowId = "secret-1" });
        foreach (var (request, status) in new[]
        {
            (Batch("WorkflowType = 'Secret') OR (WorkflowType = 'Report'"), GrpcCode.InvalidArgument),
            // Without a query a batch is the engine's to refuse: narrowing would make it one on everything that may be seen.
            (Batch(""), GrpcCode.Unavailable),
            (Batch("  "), GrpcCode.Unavailable),
            (named, GrpcCode.Unavailable),
            (both, GrpcCode.Unavailable),
            (new StartBatchOperationRequest { Namespace = "payments", VisibilityQuery = "a = 1", CancelActivitiesOperation = new BatchOperationCancelActivities() }, GrpcCode.PermissionDenied),
        })
        {
            Assert.Equal(status, (await gate.Client.AskAsync("StartBatchOperation", request, token)).Status);
        }

        Assert.Empty(gate.Engine.Calls);
        Assert.Equal(0, (await gate.Client.AskAsync("StartBatchOperation", Batch("anything /* goes */"), gate.Issuer.Token("alice", "payments"))).Status);
        Assert.Equal("anything /* goes */", StartBatchOperationRequest.Parser.ParseFrom(Assert.Single(gate.Engine.Calls).Message).VisibilityQuery);
    }

    /// <summary>Each workflow that a batch lists is judged by its own type: refused with the first that may not be touched, or of which nothing is known.</summary>
    [Theory]
    [InlineData("report-1 refund-1", 0)]
    [InlineData("report-1 report-1", 0)]
    [InlineData("report-1 secret-1", GrpcCode.PermissionDenied)]
    [InlineData("secret-1 report-1", GrpcCode.PermissionDenied)]
    [InlineData("report-1 nowhere", GrpcCode.PermissionDenied)]
    [InlineData("report-1 unasked", GrpcCode.Unavailable)]
    [InlineData("unasked nowhere", GrpcCode.PermissionDenied)]
    public async Task Batch_OfListedWorkflows_IsJudgedByTheTypeOfEach(string ids, int status)
    {
        await using var gate = await Gate.StartAsync(new GateSetup { PolicyText = Batches, Script = TypeOf });
        foreach (var targets in new[] { false, true })
        {
            var request = Listing(ids.Split(' '), targets);
            var answer = await gate.Client.AskAsync("StartBatchOperation", request, gate.Issuer.Token("carol", "reports"));
            Assert.True(status == answer.Status, answer.Message);
            var arrived = gate.Engine.Calls.Where(c => c.Operation == "StartBatchOperation").ToList();
            Assert.Equal(status == 0 ? targets ? 2 : 1 : 0, arrived.Count);
            if (status == 0)
            {
                request.TerminationOperation.Identity = "carol";
                Assert.Equal(request, StartBatchOperationRequest.Parser.ParseFrom(arrived[^1].Message));
            }
        }

        // The run that was named is the run that was asked about, once.
        foreach (var asked in gate.Engine.Calls.Where(c => c.Operation == "DescribeWorkflowExecution").Select(c => DescribeWorkflowExecutionRequest.Parser.ParseFrom(c.Message).Execution))
        {
            Assert.Equal("run of " + asked.WorkflowId, asked.RunId);
        }
    }

    [Fact]
    public async Task Batch_OfTwoRunsOfOneId_IsJudgedByBoth()
    {
        await using var gate = await Gate.StartAsync(new GateSetup
        {
            PolicyText = Batches,
            Script = call => call.Operation == "DescribeWorkflowExecution" ? Run(DescribeWorkflowExecutionRequest.Parser.ParseFrom(call.Message).Execution.RunId) : StubAnswer.Ok(),
        });
        async Task<int> StatusAsync(params string[] types)
        {
            var request = Listing([], false);
            request.Executions.AddRange(types.Select(type => new WorkflowExecution { WorkflowId = "w", RunId = type }));
            return (await gate.Client.AskAsync("StartBatchOperation", request, gate.Issuer.Token("carol", "reports"))).Status;
        }

        Assert.Equal(0, await StatusAsync("Report", "Refund"));
        Assert.Equal(GrpcCode.PermissionDenied, await StatusAsync("Report", "Secret"));
        Assert.Equal(GrpcCode.PermissionDenied, await StatusAsync("Secret", "Report"));
    }

    [Fact]
    public async Task Batch_OfListedWorkflowsThatCannotBeJudgedEach_NeverReachesTheEngine()
    {
        await using var gate = await Gate.StartAsync(new GateSetup { PolicyText = Batches, Script = TypeOf });
        var many = Listing([.. Enumerable.Range(0, 101).Select(i => "report-" + i)], false);
        var withoutRun = Listing(["report-1"], false);
        withoutRun.Executions[0].RunId = "";
        var withQuery = Listing(["report-1"], true);
        withQuery.VisibilityQuery = "WorkflowType = 'Report'";
        var inBothLists = Listing(["report-1"], true);
        inBothLists.Executions.Add(new WorkflowExecution { WorkflowId = "report-1", RunId = "run of report-1" });
        var ofActivity = Listing(["report-1"], true);
        ofActivity.TargetExecutions[0].Type = ExecutionType.Activity;
        var withoutId = Listing(["report-1", ""], false);
        foreach (var request in new[] { many, withoutRun, withQuery, inBothLists, ofActivity, withoutId })
        {
            Assert.Equal(GrpcCode.Unavailable, (await gate.Client.AskAsync("StartBatchOperation", request, gate.Issuer.Token("carol", "reports"))).Status);
        }

        Assert.Empty(gate.Engine.Calls);
        // Without a condition nothing has to be known of them.
        Assert.Equal(0, (await gate.Client.AskAsync("StartBatchOperation", many, gate.Issuer.Token("alice", "payments"))).Status);
        Assert.Equal(0, (await gate.Client.AskAsync("StartBatchOperation", withoutRun, gate.Issuer.Token("alice", "payments"))).Status);
        Assert.Equal(["StartBatchOperation", "StartBatchOperation"], gate.Engine.Calls.Select(c => c.Operation));
    }

    private static StartBatchOperationRequest Listing(string[] ids, bool targets)
    {
        var request = new StartBatchOperationRequest { Namespace = "payments", JobId = "j", Reason = "r", TerminationOperation = new BatchOperationTermination() };
        foreach (var id in ids)
        {
            if (targets)
            {
                request.TargetExecutions.Add(new Execution { Type = ExecutionType.Workflow, BusinessId = id, RunId = "run of " + id });
            }
            else
            {
                request.Executions.Add(new WorkflowExecution { WorkflowId = id, RunId = "run of " + id });
            }
        }

        return request;
    }

    private static StubAnswer TypeOf(ArrivedCall call)
    {
        if (call.Operation != "DescribeWorkflowExecution")
        {
            return StubAnswer.Ok();
        }

        return DescribeWorkflowExecutionRequest.Parser.ParseFrom(call.Message).Execution.WorkflowId.Split('-')[0] switch
        {
            "report" => Run("Report"),
            "refund" => Run("Refund"),
            "secret" => Run("Secret"),
            "nowhere" => StubAnswer.Error(GrpcCode.NotFound, "workflow not found"),
            _ => StubAnswer.Error(GrpcCode.Unavailable, "shard moved"),
        };
    }

    private static StubAnswer Run(string type) =>
        StubAnswer.Ok(new DescribeWorkflowExecutionResponse { WorkflowExecutionInfo = new() { Type = new WorkflowType { Name = type }, TaskQueue = "q" } }.ToByteArray());
}
