using Google.Protobuf.WellKnownTypes;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Protocol.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.Update.V1;
using Temporalio.Api.WorkflowService.V1;
using Operation = Temporalio.Api.WorkflowService.V1.ExecuteMultiOperationRequest.Types.Operation;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Update-with-start where it doesn't go: nothing is started, and each operation has its own status.</summary>
public sealed class UpdateWithStartTests
{
    [Theory]
    [InlineData("cron", 0, "CronSchedule is not allowed.")]
    [InlineData("eager", 0, "RequestEagerExecution is not supported.")]
    [InlineData("delay", 0, "WorkflowStartDelay is not supported.")]
    [InlineData("start elsewhere", 0, "Operation namespace did not match request's namespace.")]
    [InlineData("update elsewhere", 1, "Operation namespace did not match request's namespace.")]
    [InlineData("run", 1, "RunId is not allowed.")]
    [InlineData("first run", 1, "FirstExecutionRunId is not allowed.")]
    [InlineData("other workflow", 1, "WorkflowId is not consistent with previous operation(s)")]
    [InlineData("no name", 1, "Update name is not set on request.")]
    public async Task Operation_ThatIsNotAllowed_FailsBoth(string what, int failing, string why)
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var request = Request();
        Spoil(request, what);

        var answer = await client.AskAsync("ExecuteMultiOperation", request);

        Assert.Equal((3, "Update-with-Start could not be executed."), (answer.Status, answer.Message));
        var statuses = Statuses(answer.Details!);
        Assert.Equal((3, why), (statuses[failing].Code, statuses[failing].Message));
        Assert.Equal((10, "Operation was aborted."), (statuses[1 - failing].Code, statuses[1 - failing].Message));
        Assert.Equal(5, (await client.AskAsync("DescribeWorkflowExecution", new DescribeWorkflowExecutionRequest { Namespace = "payments", Execution = new WorkflowExecution { WorkflowId = "w" } })).Status);
    }

    [Fact]
    public async Task Start_IsAnsweredAsItWas_ThoughTheWorkflowEndsWithTheUpdate()
    {
        await using var engine = await EngineCalls.StartAsync();
        using var client = new GrpcClient(engine.Address.ToString());
        var both = client.OkAsync<ExecuteMultiOperationResponse>("ExecuteMultiOperation", Request());
        var task = await new EngineWorker(client, "payments").TaskAsync();
        var asked = Assert.Single(task.Messages);
        var accepted = new Acceptance { AcceptedRequestMessageId = asked.Id, AcceptedRequest = asked.Body.Unpack<Request>() };
        var done = new Response { Meta = accepted.AcceptedRequest.Meta, Outcome = new Outcome { Success = new Payloads { Payloads_ = { EngineWorker.Json("7") } } } };

        await client.OkAsync<RespondWorkflowTaskCompletedResponse>("RespondWorkflowTaskCompleted", new RespondWorkflowTaskCompletedRequest
        {
            TaskToken = task.TaskToken,
            Messages =
            {
                new Message { Id = "accept", ProtocolInstanceId = asked.ProtocolInstanceId, Body = Any.Pack(accepted) },
                new Message { Id = "done", ProtocolInstanceId = asked.ProtocolInstanceId, Body = Any.Pack(done) },
            },
            Commands = { Protocol("accept"), Protocol("done"), EngineWorker.Complete() },
        });

        var answers = (await both).Responses;
        Assert.Equal((true, WorkflowExecutionStatus.Running), (answers[0].StartWorkflow.Started, answers[0].StartWorkflow.Status));
        Assert.Equal("7", answers[1].UpdateWorkflow.Outcome.Success.Payloads_[0].Data.ToStringUtf8());
    }

    private static Command Protocol(string message) => new()
    {
        CommandType = CommandType.ProtocolMessage,
        ProtocolMessageCommandAttributes = new ProtocolMessageCommandAttributes { MessageId = message },
    };

    private static ExecuteMultiOperationRequest Request() => new()
    {
        Namespace = "payments",
        Operations =
        {
            new Operation
            {
                StartWorkflow = new StartWorkflowExecutionRequest
                {
                    Namespace = "payments",
                    WorkflowId = "w",
                    WorkflowType = new WorkflowType { Name = "Work" },
                    TaskQueue = new TaskQueue { Name = "q" },
                    WorkflowIdConflictPolicy = WorkflowIdConflictPolicy.UseExisting,
                },
            },
            new Operation
            {
                UpdateWorkflow = new UpdateWorkflowExecutionRequest
                {
                    Namespace = "payments",
                    WorkflowExecution = new WorkflowExecution { WorkflowId = "w" },
                    Request = new Request { Meta = new Meta { UpdateId = "u" }, Input = new Input { Name = "add" } },
                    WaitPolicy = new WaitPolicy { LifecycleStage = UpdateWorkflowExecutionLifecycleStage.Completed },
                },
            },
        },
    };

    private static void Spoil(ExecuteMultiOperationRequest request, string what)
    {
        var (start, update) = (request.Operations[0].StartWorkflow, request.Operations[1].UpdateWorkflow);
        switch (what)
        {
            case "cron":
                start.CronSchedule = "* * * * *";
                break;
            case "eager":
                start.RequestEagerExecution = true;
                break;
            case "delay":
                start.WorkflowStartDelay = Duration.FromTimeSpan(TimeSpan.FromSeconds(1));
                break;
            case "start elsewhere":
                start.Namespace = "payroll";
                break;
            case "update elsewhere":
                update.Namespace = "";
                break;
            case "run":
                update.WorkflowExecution.RunId = Guid.NewGuid().ToString();
                break;
            case "first run":
                update.FirstExecutionRunId = Guid.NewGuid().ToString();
                break;
            case "other workflow":
                update.WorkflowExecution.WorkflowId = "v";
                break;
            case "no name":
                update.Request.Input.Name = "";
                break;
        }
    }

    // google.rpc.Status: its third field holds the details.
    private static Google.Protobuf.Collections.RepeatedField<MultiOperationExecutionFailure.Types.OperationStatus> Statuses(string header)
    {
        var input = new Google.Protobuf.CodedInputStream(Convert.FromBase64String(header.PadRight((header.Length + 3) / 4 * 4, '=')));
        uint tag;
        while ((tag = input.ReadTag()) != 0)
        {
            if (tag == ((3 << 3) | 2))
            {
                return Any.Parser.ParseFrom(input.ReadBytes()).Unpack<MultiOperationExecutionFailure>().Statuses;
            }

            input.SkipLastField();
        }

        throw new InvalidOperationException("The answer has no details.");
    }
}
