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

public sealed class TemporalReservedTests
{
    // Its grant would read temporal-system:<level>, which is the system's role on every namespace.
    [Theory]
    [InlineData("temporal-system", true)]
    [InlineData("temporal-system:admin", true)]
    [InlineData("temporal-systems", false)]
    [InlineData("payments", false)]
    public void Read_NamespaceOfTheSystemsName_DemandsTheCluster(string ns, bool admin)
    {
        AssertAdmin(admin, TemporalRequests.Read("DescribeNamespace", new DescribeNamespaceRequest { Namespace = ns }));
        AssertAdmin(admin, TemporalRequests.Read("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = ns }));
        var start = new StartWorkflowExecutionRequest { Namespace = ns, WorkflowId = "a", WorkflowType = new WorkflowType { Name = "A" }, TaskQueue = new TaskQueue { Name = "q" } };
        AssertAdmin(admin, TemporalRequests.Read("StartWorkflowExecution", start));
        var answer = new RespondWorkflowTaskCompletedRequest { Namespace = "payments" };
        answer.Commands.Add(new Command { SignalExternalWorkflowExecutionCommandAttributes = new() { Namespace = ns, Execution = new() { WorkflowId = "s" }, SignalName = "go" } });
        AssertAdmin(admin, TemporalRequests.Read("RespondWorkflowTaskCompleted", answer));
    }

    [Theory]
    [InlineData("/_sys/payroll/1", true)]
    [InlineData("temporal-sys-per-ns-tq", true)]
    [InlineData("payroll", false)]
    public void Read_LookAtASystemQueueOrAPartition_DemandsTheCluster(string queue, bool admin)
    {
        AssertAdmin(admin, TemporalRequests.Read("DescribeTaskQueue", new DescribeTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = queue } }));
        AssertAdmin(admin, TemporalRequests.Read("ListTaskQueuePartitions", new ListTaskQueuePartitionsRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = queue } }));
    }

    [Theory]
    [InlineData("temporal-sys-scheduler:nightly", true)]
    [InlineData("temporal-system", false)]
    [InlineData("nightly", false)]
    public void Read_ChangeToAWorkflowOfTheServer_DemandsTheClusterAndALookDoesNot(string id, bool admin)
    {
        var execution = new WorkflowExecution { WorkflowId = id };
        AssertAdmin(admin, TemporalRequests.Read("StartWorkflowExecution", new StartWorkflowExecutionRequest { Namespace = "payments", WorkflowId = id }));
        AssertAdmin(admin, TemporalRequests.Read("SignalWithStartWorkflowExecution", new SignalWithStartWorkflowExecutionRequest { Namespace = "payments", WorkflowId = id }));
        AssertAdmin(admin, TemporalRequests.Read("SignalWorkflowExecution", new SignalWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = execution }));
        AssertAdmin(admin, TemporalRequests.Read("UpdateWorkflowExecution", new UpdateWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = execution }));
        AssertAdmin(admin, TemporalRequests.Read("TerminateWorkflowExecution", new TerminateWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = execution }));
        AssertAdmin(admin, TemporalRequests.Read("RequestCancelWorkflowExecution", new RequestCancelWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = execution }));
        AssertAdmin(admin, TemporalRequests.Read("ResetWorkflowExecution", new ResetWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = execution }));
        AssertAdmin(admin, TemporalRequests.Read("DeleteWorkflowExecution", new DeleteWorkflowExecutionRequest { Namespace = "payments", WorkflowExecution = execution }));
        AssertAdmin(false, TemporalRequests.Read("DescribeWorkflowExecution", new DescribeWorkflowExecutionRequest { Namespace = "payments", Execution = execution }));
    }

    [Theory]
    [InlineData("temporal-sys/worker-commands/payments/k", false, false)]
    [InlineData("temporal-sys/worker-commands/payroll/k", true, true)]
    [InlineData("temporal-sys-per-ns-tq", true, true)]
    [InlineData("payroll", true, false)]
    [InlineData("", false, false)]
    public void Read_ControlQueue_IsTheWorkersOwnMailboxOrJudgedAsAQueue(string queue, bool judged, bool admin)
    {
        // By the field's number: the SDK's own messages may be older than it.
        Operation[] operations =
        [
            Read("PollWorkflowTaskQueue", new PollWorkflowTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = "q" } }, 9, queue),
            Read("PollActivityTaskQueue", new PollActivityTaskQueueRequest { Namespace = "payments", TaskQueue = new TaskQueue { Name = "q" } }, 9, queue),
            Read("RespondWorkflowTaskCompleted", new RespondWorkflowTaskCompletedRequest { Namespace = "payments" }, 20, queue),
        ];
        foreach (var operation in operations)
        {
            var onQueue = Enumerable.Range(1, operation.Count - 1).Select(i => operation[i]).Where(d => d.Permission == Permission.WorkerPoll);
            Assert.Equal(judged ? [("payments", queue)] : [], onQueue.Select(d => (d.Namespace!, d.TaskQueue!)));
            AssertAdmin(admin, operation);
        }

        var carriers = TemporalRequests.Methods.Where(m => m.Fields.Any(f => f.Path.EndsWith("worker_control_task_queue", StringComparison.Ordinal)));
        Assert.Equal(operations.Select(o => o.Method).Order(StringComparer.Ordinal), carriers.Select(m => m.Name).Order(StringComparer.Ordinal));
    }

    // Run by one of the server's own workers, it would run with that worker's rights.
    [Theory]
    [InlineData("temporal-sys-per-ns-tq", true)]
    [InlineData("/_sys/payroll/1", true)]
    [InlineData("temporal", false)]
    public void Read_TaskAnswerThatSendsWorkToASystemQueue_DemandsTheCluster(string queue, bool admin)
    {
        var to = new TaskQueue { Name = queue };
        Command[] commands =
        [
            new() { ScheduleActivityTaskCommandAttributes = new() { ActivityId = "a", TaskQueue = to } },
            new() { ContinueAsNewWorkflowExecutionCommandAttributes = new() { TaskQueue = to } },
            new() { StartChildWorkflowExecutionCommandAttributes = new() { WorkflowId = "c", TaskQueue = to } },
        ];
        foreach (var command in commands)
        {
            var answer = new RespondWorkflowTaskCompletedRequest { Namespace = "payments" };
            answer.Commands.Add(new Command { StartTimerCommandAttributes = new() { TimerId = "t" } });
            answer.Commands.Add(command);
            AssertAdmin(admin, TemporalRequests.Read("RespondWorkflowTaskCompleted", answer));
        }

        AssertAdmin(admin, TemporalRequests.Read("RespondWorkflowTaskCompleted", new RespondWorkflowTaskCompletedRequest { Namespace = "payments", StickyAttributes = new() { WorkerTaskQueue = to } }));
    }

    [Theory]
    [InlineData("temporal-sys-scheduler:nightly", true)]
    [InlineData("nightly", false)]
    public void Read_CommandOrBatchOnAWorkflowOfTheServer_DemandsTheCluster(string id, bool admin)
    {
        Command[] commands =
        [
            new() { StartChildWorkflowExecutionCommandAttributes = new() { WorkflowId = id } },
            new() { SignalExternalWorkflowExecutionCommandAttributes = new() { Execution = new() { WorkflowId = id }, SignalName = "go" } },
            new() { RequestCancelExternalWorkflowExecutionCommandAttributes = new() { WorkflowId = id } },
        ];
        foreach (var command in commands)
        {
            var answer = new RespondWorkflowTaskCompletedRequest { Namespace = "payments" };
            answer.Commands.Add(command);
            AssertAdmin(admin, TemporalRequests.Read("RespondWorkflowTaskCompleted", answer));
        }

        var batch = new StartBatchOperationRequest { Namespace = "payments", JobId = "j", TerminationOperation = new() };
        batch.Executions.Add(new WorkflowExecution { WorkflowId = "w" });
        batch.Executions.Add(new WorkflowExecution { WorkflowId = id });
        AssertAdmin(admin, TemporalRequests.Read("StartBatchOperation", batch));
    }

    // Without this attribute a query finds none of the server's own workflows.
    [Theory]
    [InlineData("`TemporalNamespaceDivision` = 'TemporalScheduler'", true)]
    [InlineData("WorkflowType = 'Refund'", false)]
    public void Read_BatchThatAsksForTheServersOwnWorkflows_DemandsTheClusterAndAListDoesNot(string query, bool admin)
    {
        AssertAdmin(admin, TemporalRequests.Read("StartBatchOperation", new StartBatchOperationRequest { Namespace = "payments", JobId = "j", VisibilityQuery = query, TerminationOperation = new() }));
        AssertAdmin(false, TemporalRequests.Read("ListWorkflowExecutions", new ListWorkflowExecutionsRequest { Namespace = "payments", Query = query }));
    }

    // A queue that the API adds somewhere is looked at there too.
    [Fact]
    public void Reading_EveryQueueAndEveryWorkflowThatIsWrittenTo_IsRead()
    {
        var missing = TemporalRequests.Methods.SelectMany(m => m.Fields
            .Where(f => f.Role is TemporalRole.TaskQueue || (f.Role is TemporalRole.WorkflowId && m.Row.Access != TemporalAccess.Read))
            .Where(f => !m.Reading.Contains(f.Path)).Select(f => $"{m.Name}: {f.Path}"));
        Assert.Empty(missing);
    }

    [Fact]
    public void Read_PollOfTheWorkersOwnMailboxForOtherTasks_DemandsTheCluster()
    {
        var mailbox = new TaskQueue { Name = "temporal-sys/worker-commands/payments/k" };
        AssertAdmin(true, TemporalRequests.Read("PollWorkflowTaskQueue", new PollWorkflowTaskQueueRequest { Namespace = "payments", TaskQueue = mailbox }));
        AssertAdmin(true, TemporalRequests.Read("PollActivityTaskQueue", new PollActivityTaskQueueRequest { Namespace = "payments", TaskQueue = mailbox }));
        AssertAdmin(false, TemporalRequests.Read("PollNexusTaskQueue", new PollNexusTaskQueueRequest { Namespace = "payments", TaskQueue = mailbox }));
    }

    [Theory]
    [InlineData("temporal-sys/worker-commands/payroll/4fb6e3a8-3c5e-4f55-8d4f-1a3c5b7d9e0f")]
    [InlineData("/_sys/payroll-0123456789abcdef0123456789abcdef/1")]
    public void Read_SystemQueueCalledSticky_DemandsTheClusterHoweverRandomItsName(string queue) =>
        AssertAdmin(true, TemporalRequests.Read("PollNexusTaskQueue", new PollNexusTaskQueueRequest
        {
            Namespace = "payments", TaskQueue = new TaskQueue { Name = queue, Kind = TaskQueueKind.Sticky, NormalName = "payments" },
        }));

    private static Operation Read(string method, IMessage message, int number, string text)
    {
        using var bytes = new MemoryStream();
        bytes.Write(message.ToByteArray());
        using (var to = new CodedOutputStream(bytes, leaveOpen: true))
        {
            to.WriteTag(number, WireFormat.WireType.LengthDelimited);
            to.WriteString(text);
        }

        return TemporalRequests.Read(method, bytes.ToArray());
    }

    private static void AssertAdmin(bool expected, Operation operation)
    {
        var demands = Enumerable.Range(0, operation.Count).Select(i => operation[i]).Where(d => d.Permission == Permission.ClusterAdmin).ToArray();
        Assert.Equal(expected ? 1 : 0, demands.Length);
        Assert.All(demands, d => Assert.True(d.ClusterScope));
    }
}
