using Google.Protobuf;
using Postern.Engines.Temporal;
using Postern.Model;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

// Fields that the API calls deprecated are what an attacker would still send.
#pragma warning disable CS0612

namespace Postern.Tests.Engines.Temporal;

public sealed class TemporalReaderTests
{
    private static readonly TemporalCatalogue s_catalogue = TemporalCatalogue.Load(null);

    [Fact]
    public void Read_Start_MakesOneDemandWithEveryName()
    {
        var operation = Read("StartWorkflowExecution", Start());
        Assert.Equal(1, operation.Count);
        ref readonly var demand = ref operation[0];
        Assert.Equal(Permission.WorkflowStart, demand.Permission);
        Assert.Equal(("payments", "payments-main", "Refund", "refund-1"), (demand.Namespace, demand.TaskQueue, demand.WorkflowType, demand.WorkflowId));
        Assert.Equal(Dimensions.None, demand.Unknown | demand.Waived);
        Assert.False(demand.ClusterScope);
    }

    [Fact]
    public void Read_ListsAndCounts_HandOutTheQueryThatCanBeNarrowed()
    {
        Assert.Equal("a = 1", Read("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments", Query = "a = 1" }).Query);
        Assert.Equal("", Read("ScanWorkflowExecutions", new ScanWorkflowExecutionsRequest { Namespace = "payments" }).Query);
        Assert.Equal("a = 1", Read("CountWorkflowExecutions", new CountWorkflowExecutionsRequest { Namespace = "payments", Query = "a = 1" }).Query);
        Assert.Null(Read("ListArchivedWorkflowExecutions", new ListArchivedWorkflowExecutionsRequest { Namespace = "payments", Query = "a = 1" }).Query);
        Assert.Null(Read("ListOpenWorkflowExecutions", new ListOpenWorkflowExecutionsRequest { Namespace = "payments" }).Query);
    }

    [Fact]
    public void Read_OldLists_AreOfTheTypeTheyFilterBy()
    {
        var open = Read("ListOpenWorkflowExecutions", new ListOpenWorkflowExecutionsRequest { Namespace = "payments", TypeFilter = new() { Name = "Report" } });
        Assert.Equal(("Report", Dimensions.None), (open[0].WorkflowType, open[0].Unknown));
        var byId = Read("ListClosedWorkflowExecutions", new ListClosedWorkflowExecutionsRequest { Namespace = "payments", ExecutionFilter = new() { WorkflowId = "w" } });
        Assert.Equal((null, Dimensions.WorkflowType), (byId[0].WorkflowType, byId[0].Unknown));
        // Of a oneof the last member counts: the type that stands before another filter filters nothing.
        var both = new ListOpenWorkflowExecutionsRequest { Namespace = "payments", TypeFilter = new() { Name = "Report" } }.ToByteArray()
            .Concat(new ListOpenWorkflowExecutionsRequest { ExecutionFilter = new() { WorkflowId = "w" } }.ToByteArray()).ToArray();
        Assert.Null(TemporalRequests.Read("ListOpenWorkflowExecutions", both)[0].WorkflowType);
    }

    [Fact]
    public void Read_Batch_HandsOutItsQueryWhereAllItDoesIsOnTheWorkflowsItFinds()
    {
        StartBatchOperationRequest Batch(string query) => new() { Namespace = "payments", VisibilityQuery = query, TerminationOperation = new() };
        Assert.Equal("a = 1", Read("StartBatchOperation", Batch("a = 1")).Query);
        Assert.Null(Read("StartBatchOperation", Batch("")).Query);
        Assert.Null(Read("StartBatchOperation", Batch(" \t")).Query);
        var named = Batch("a = 1");
        named.Executions.Add(new WorkflowExecution { WorkflowId = "w" });
        Assert.Null(Read("StartBatchOperation", named).Query);
        var empty = Batch("a = 1");
        empty.Executions.Add(new WorkflowExecution());
        Assert.Null(Read("StartBatchOperation", empty).Query);
        empty.VisibilityQuery = "";
        Assert.Equal([Permission.BatchRun, Permission.WorkflowTerminate], Permissions(Read("StartBatchOperation", empty)));
        Assert.Null(Read("StartBatchOperation", new StartBatchOperationRequest { Namespace = "payments", VisibilityQuery = "a = 1", CancelActivitiesOperation = new() }).Query);
        var targeted = Batch("a = 1");
        targeted.TargetExecutions.Add(new Execution { Type = ExecutionType.Workflow, BusinessId = "w" });
        Assert.Null(Read("StartBatchOperation", targeted).Query);
    }

    [Fact]
    public void Read_BatchThatListsWorkflows_DemandsAllOfItForEach()
    {
        var batch = new StartBatchOperationRequest { Namespace = "payments", SignalOperation = new() { Signal = "go" } };
        batch.Executions.Add(new WorkflowExecution { WorkflowId = "a", RunId = "1" });
        batch.Executions.Add(new WorkflowExecution { WorkflowId = "b" });
        var operation = Read("StartBatchOperation", batch);

        Assert.Equal(
            [(Permission.BatchRun, "a", "1"), (Permission.WorkflowSignal, "a", "1"), (Permission.BatchRun, "b", ""), (Permission.WorkflowSignal, "b", "")],
            Enumerable.Range(0, operation.Count).Select(i => (operation[i].Permission, operation[i].WorkflowId!, operation[i].RunId!)));
        Assert.Equal(("go", Dimensions.WorkflowType | Dimensions.TaskQueue), (operation[1].Signal, operation[1].Unknown));
        Assert.Null(operation.WorkflowId);
        Assert.Null(operation.With(demand => demand with { WorkflowType = "T" }).WorkflowType);
    }

    [Theory]
    [InlineData(100, 1, true)]
    [InlineData(101, 1, false)]
    [InlineData(100, 8, true)]
    [InlineData(100, 9, false)]
    public void Read_BatchThatListsTooMuch_IsOfAnyWorkflow(int executions, int signals, bool named)
    {
        var batch = new StartBatchOperationRequest { Namespace = "payments", ResetOperation = new() };
        batch.Executions.AddRange(Enumerable.Range(0, executions).Select(i => new WorkflowExecution { WorkflowId = "w" + i, RunId = "r" }));
        batch.ResetOperation.PostResetOperations.AddRange(Enumerable.Range(0, signals).Select(_ => new Temporalio.Api.Workflow.V1.PostResetOperation { SignalWorkflow = new() { SignalName = "s" } }));
        var operation = Read("StartBatchOperation", batch);

        Assert.Equal(named ? executions * (2 + signals) : 2 + signals, operation.Count);
        Assert.Equal(named, operation[0].RunId is not null);
        Assert.Equal(named, (operation[1].Unknown & Dimensions.WorkflowId) == Dimensions.None);
    }

    [Theory]
    [InlineData(4, 0)] // reuse policy TERMINATE_IF_RUNNING
    [InlineData(1, 3)] // conflict policy TERMINATE_EXISTING
    public void Read_StartThatMayEndTheRunningOne_DemandsTerminate(int reuse, int conflict)
    {
        var start = Start();
        start.WorkflowIdReusePolicy = (WorkflowIdReusePolicy)reuse;
        start.WorkflowIdConflictPolicy = (WorkflowIdConflictPolicy)conflict;
        var operation = Read("StartWorkflowExecution", start);
        Assert.Equal([Permission.WorkflowStart, Permission.WorkflowTerminate], Permissions(operation));
        Assert.Equal(Dimensions.WorkflowType | Dimensions.TaskQueue, operation[1].Unknown);
        Assert.Equal("refund-1", operation[1].WorkflowId);
    }

    [Fact]
    public void Read_EagerStart_DemandsToPollThatQueue()
    {
        var start = Start();
        start.RequestEagerExecution = true;
        var operation = Read("StartWorkflowExecution", start);
        Assert.Equal([Permission.WorkflowStart, Permission.WorkerPoll], Permissions(operation));
        Assert.Equal("payments-main", operation[1].TaskQueue);
    }

    [Fact]
    public void Read_SignalWithStart_DemandsBothHalves()
    {
        var operation = Read("SignalWithStartWorkflowExecution", new SignalWithStartWorkflowExecutionRequest
        {
            Namespace = "payments", WorkflowId = "refund-1", WorkflowType = new WorkflowType { Name = "Refund" }, TaskQueue = new TaskQueue { Name = "q" }, SignalName = "approve",
        });
        Assert.Equal([Permission.WorkflowStart, Permission.WorkflowSignal], Permissions(operation));
        Assert.Null(operation[0].Signal);
        Assert.Equal("approve", operation[1].Signal);
        Assert.Equal("approve", operation.Target);
        Assert.Equal(Dimensions.WorkflowType | Dimensions.TaskQueue, operation[1].Unknown);
    }

    [Fact]
    public void Read_UpdateWithStart_DemandsBothHalvesAndJudgesEachNamespace()
    {
        var request = new ExecuteMultiOperationRequest { Namespace = "payments" };
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = Start() });
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation
        {
            UpdateWorkflow = new UpdateWorkflowExecutionRequest
            {
                Namespace = "payroll", WorkflowExecution = new WorkflowExecution { WorkflowId = "refund-1" },
                Request = new Temporalio.Api.Update.V1.Request { Input = new Temporalio.Api.Update.V1.Input { Name = "raise" } },
            },
        });
        var operation = Read("ExecuteMultiOperation", request);
        Assert.Equal([Permission.WorkflowStart, Permission.WorkflowUpdate], Permissions(operation));
        Assert.Equal(("payroll", "raise", "refund-1"), (operation[1].Namespace, operation[1].Update, operation[1].WorkflowId));
        Assert.Equal("payroll", operation.MoreNamespaces);
    }

    [Fact]
    public void Read_TaskAnswerWithCommands_AsksForOtherNamespacesAndNexusAndForItsOwnUnlessDenied()
    {
        var request = new RespondWorkflowTaskCompletedRequest { Namespace = "payments" };
        request.Commands.Add(new Command { StartChildWorkflowExecutionCommandAttributes = new() { WorkflowId = "own", WorkflowType = new() { Name = "A" } } });
        request.Commands.Add(new Command { StartChildWorkflowExecutionCommandAttributes = new() { Namespace = "payments", WorkflowId = "own-too" } });
        request.Commands.Add(new Command { StartTimerCommandAttributes = new() { TimerId = "1" } });
        request.Commands.Add(new Command { StartChildWorkflowExecutionCommandAttributes = new() { Namespace = "payroll", WorkflowId = "c", WorkflowType = new() { Name = "Pay" }, TaskQueue = new() { Name = "pq" } } });
        request.Commands.Add(new Command { SignalExternalWorkflowExecutionCommandAttributes = new() { Namespace = "reports", Execution = new() { WorkflowId = "s" }, SignalName = "go" } });
        request.Commands.Add(new Command { RequestCancelExternalWorkflowExecutionCommandAttributes = new() { Namespace = "payroll", WorkflowId = "x" } });
        request.Commands.Add(new Command { ScheduleNexusOperationCommandAttributes = new() { Endpoint = "e", Service = "s", Operation = "o" } });
        var operation = Read("RespondWorkflowTaskCompleted", request);
        Assert.Equal(
            [Permission.WorkerComplete, Permission.WorkflowStart, Permission.WorkflowStart, Permission.WorkflowStart, Permission.WorkflowSignal, Permission.WorkflowCancel, Permission.NexusCall],
            Permissions(operation));
        Assert.Equal([false, true, true, false, false, false, false], Enumerable.Range(0, operation.Count).Select(i => operation[i].UnlessDenied));
        Assert.Equal(("payments", "own", "A"), (operation[1].Namespace, operation[1].WorkflowId, operation[1].WorkflowType));
        Assert.True(operation[0].Waived.HasFlag(Dimensions.TaskQueue | Dimensions.WorkflowType));
        Assert.Equal(("payroll", "Pay", "pq", "c"), (operation[3].Namespace, operation[3].WorkflowType, operation[3].TaskQueue, operation[3].WorkflowId));
        Assert.Equal(("reports", "go", "s"), (operation[4].Namespace, operation[4].Signal, operation[4].WorkflowId));
        Assert.Equal(("payments", "e", "s", "o"), (operation[6].Namespace, operation[6].NexusEndpoint, operation[6].NexusService, operation[6].NexusOperation));
        Assert.Equal("payroll,reports", operation.MoreNamespaces);
    }

    // The server finds the namespace in the task's token: whose commands these are can't be told here.
    [Fact]
    public void Read_TaskAnswerWithoutANamespace_LeavesThatOfItsCommandsOpen()
    {
        var request = new RespondWorkflowTaskCompletedRequest { TaskToken = ByteString.CopyFromUtf8("t") };
        request.Commands.Add(new Command { SignalExternalWorkflowExecutionCommandAttributes = new() { Execution = new() { WorkflowId = "s" }, SignalName = "go" } });
        request.Commands.Add(new Command { RequestCancelExternalWorkflowExecutionCommandAttributes = new() { Namespace = "payroll", WorkflowId = "x" } });
        var operation = Read("RespondWorkflowTaskCompleted", request);
        Assert.Equal([Permission.WorkerComplete, Permission.WorkflowSignal, Permission.WorkflowCancel], Permissions(operation));
        Assert.Equal((true, true), (operation[1].UnlessDenied, operation[1].Unknown.HasFlag(Dimensions.Namespace)));
        Assert.Equal((false, false, "payroll"), (operation[2].UnlessDenied, operation[2].Unknown.HasFlag(Dimensions.Namespace), operation[2].Namespace));
    }

    // The server refuses it; until then it is judged as what it would be.
    [Theory]
    [InlineData("", "payments")]
    [InlineData("payments", "payments")]
    [InlineData("payroll", "payroll")]
    public void Read_PartOfAMultiOperation_ActsInItsOwnNamespaceOrInTheOuterOne(string inner, string judged)
    {
        var request = new ExecuteMultiOperationRequest { Namespace = "payments" };
        var start = Start();
        start.Namespace = inner;
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { StartWorkflow = start });
        request.Operations.Add(new ExecuteMultiOperationRequest.Types.Operation { UpdateWorkflow = new UpdateWorkflowExecutionRequest { Namespace = inner } });
        var operation = Read("ExecuteMultiOperation", request);
        Assert.All(Enumerable.Range(0, operation.Count).Where(i => i > 0 || inner != "payroll"), i => Assert.Equal(judged, operation[i].Namespace));
        Assert.Contains(Permission.WorkflowStart, Permissions(operation));
        Assert.Contains(Permission.WorkflowUpdate, Permissions(operation));
    }

    [Fact]
    public void Read_FetchOfAWorkersConfiguration_DemandsWhatAWorkersReportDoes()
    {
        var operation = Read("FetchWorkerConfig", new FetchWorkerConfigRequest { Namespace = "payments" });
        Assert.Equal([Permission.WorkerHeartbeat], Permissions(operation));
        Assert.Equal(Dimensions.TaskQueue, operation[0].Unknown);
    }

    [Fact]
    public void Read_LastMemberOfAOneofWins_TheEarlierOneIsGone()
    {
        var child = new Command { StartChildWorkflowExecutionCommandAttributes = new() { Namespace = "payroll" } }.ToByteArray();
        var timer = new Command { StartTimerCommandAttributes = new() { TimerId = "1" } }.ToByteArray();
        var command = UnsafeByteOperations.UnsafeWrap((byte[])[.. child, .. timer]);
        var bytes = new MemoryStream();
        using (var to = new CodedOutputStream(bytes, leaveOpen: true))
        {
            to.WriteTag(2, WireFormat.WireType.LengthDelimited);
            to.WriteBytes(command);
            to.WriteTag(9, WireFormat.WireType.LengthDelimited);
            to.WriteString("payments");
        }

        Assert.Equal(1, Read("RespondWorkflowTaskCompleted", bytes.ToArray()).Count);
    }

    [Fact]
    public void Read_EmptyNamespace_IsRefusedWhereItIsNeededAndUnknownInAnswers()
    {
        Assert.Null(TemporalReader.Read(Method("StartWorkflowExecution"), new StartWorkflowExecutionRequest().ToByteArray(), out var refusal));
        Assert.Equal(RefusalReason.Unreadable, refusal?.Reason);
        Assert.StartsWith("Namespace not set on request.", refusal?.Text, StringComparison.Ordinal);
        Assert.Null(TemporalReader.Read(Method("RespondActivityTaskCompleted"), [], out refusal));
        Assert.Equal(RefusalReason.Unreadable, refusal?.Reason);
        Assert.True(Read("RespondActivityTaskCompleted", new RespondActivityTaskCompletedRequest { TaskToken = ByteString.CopyFromUtf8("t") }).First.Unknown.HasFlag(Dimensions.Namespace));
        Assert.True(Read("DescribeNamespace", new DescribeNamespaceRequest { Id = "4f" }).First.Unknown.HasFlag(Dimensions.Namespace));
        Assert.False(Read("DescribeNamespace", new DescribeNamespaceRequest { Id = "4f", Namespace = "a" }).First.Unknown.HasFlag(Dimensions.Namespace));
    }

    [Theory]
    [InlineData("temporal-sys/worker-commands/payments/k", "payments", null, false)]
    [InlineData("temporal-sys/worker-commands/payroll/k", "payments", "temporal-sys/worker-commands/payroll/k", true)]
    [InlineData("temporal-sys/worker-commands/payments2/k", "payments", "temporal-sys/worker-commands/payments2/k", true)]
    [InlineData("temporal-sys-per-ns-tq", "payments", "temporal-sys-per-ns-tq", true)]
    [InlineData("/_sys/payroll/1", "payments", "/_sys/payroll/1", true)]
    [InlineData("plain", "payments", "plain", false)]
    public void Read_PollOfASystemQueue_DemandsTheClusterUnlessItIsTheWorkersOwn(string queue, string ns, string? judged, bool admin)
    {
        var operation = Read("PollNexusTaskQueue", new PollNexusTaskQueueRequest { Namespace = ns, TaskQueue = new TaskQueue { Name = queue } });
        Assert.Equal(judged, operation[0].TaskQueue);
        Assert.Equal(judged is null ? Dimensions.TaskQueue : Dimensions.None, operation[0].Waived);
        Assert.Equal(admin ? [Permission.WorkerPoll, Permission.ClusterAdmin] : [Permission.WorkerPoll], Permissions(operation));
    }

    // The server knows a queue by its name alone: what is called sticky may be somebody's normal queue.
    [Theory]
    [InlineData("host:4fb6e3a8-3c5e-4f55-8d4f-1a3c5b7d9e0f", "payments", 1)]
    [InlineData("worker-0123456789abcdef0123456789abcdef", "payments", 1)]
    [InlineData("payroll", "payments", 2)]
    public void Read_StickyPoll_IsJudgedByTheNormalNameAndByAnyNameThatIsNotGenerated(string sticky, string normal, int demands)
    {
        var operation = Read("PollWorkflowTaskQueue", new PollWorkflowTaskQueueRequest
        {
            Namespace = "payments", TaskQueue = new TaskQueue { Name = sticky, Kind = TaskQueueKind.Sticky, NormalName = normal },
        });
        Assert.Equal(normal, operation[0].TaskQueue);
        Assert.Equal(demands, operation.Count);
        if (demands == 2)
        {
            Assert.Equal((Permission.WorkerPoll, sticky), (operation[1].Permission, operation[1].TaskQueue));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("foo")]
    [InlineData("foo:")]
    [InlineData(":7233")]
    public void Read_RemoteClusterWithoutHostAndPort_IsRefused(string address)
    {
        var bytes = new Temporalio.Api.OperatorService.V1.AddOrUpdateRemoteClusterRequest { FrontendAddress = address }.ToByteArray();
        Assert.Null(TemporalReader.Read(Method("AddOrUpdateRemoteCluster"), bytes, out var refusal));
        Assert.Equal(RefusalReason.Unreadable, refusal?.Reason);
    }

    private static StartWorkflowExecutionRequest Start() => new()
    {
        Namespace = "payments", WorkflowId = "refund-1", WorkflowType = new WorkflowType { Name = "Refund" }, TaskQueue = new TaskQueue { Name = "payments-main" },
    };

    private static TemporalMethod Method(string name) => s_catalogue.Methods.Single(m => string.Equals(m.Name, name, StringComparison.Ordinal));

    private static Operation Read(string method, IMessage message) => Read(method, message.ToByteArray());

    private static Operation Read(string method, byte[] message)
    {
        var operation = TemporalReader.Read(Method(method), message, out var refusal);
        Assert.Null(refusal);
        return Assert.IsType<Operation>(operation);
    }

    private static Permission[] Permissions(Operation operation) => [.. Enumerable.Range(0, operation.Count).Select(i => operation[i].Permission)];
}
