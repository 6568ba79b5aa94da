using Google.Protobuf;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Infrastructure;

/// <summary>Ordinary requests, written by the official classes.</summary>
internal static class Requests
{
    public static byte[] Start(string @namespace = "payments", string type = "Refund", string queue = "payments", string id = "w-1", string payload = "\"order 7\"") =>
        new StartWorkflowExecutionRequest
        {
            Namespace = @namespace,
            WorkflowId = id,
            WorkflowType = new WorkflowType { Name = type },
            TaskQueue = new TaskQueue { Name = queue, Kind = TaskQueueKind.Normal },
            Input = new Payloads { Payloads_ = { new Payload { Metadata = { ["encoding"] = ByteString.CopyFromUtf8("json/plain") }, Data = ByteString.CopyFromUtf8(payload) } } },
            Identity = "4711@laptop",
            RequestId = "r-1",
        }.ToByteArray();

    public static byte[] Describe(string @namespace = "payments", string id = "w-1") =>
        new DescribeWorkflowExecutionRequest { Namespace = @namespace, Execution = new WorkflowExecution { WorkflowId = id } }.ToByteArray();

    public static byte[] Terminate(string @namespace = "payments", string id = "w-1") =>
        new TerminateWorkflowExecutionRequest { Namespace = @namespace, WorkflowExecution = new WorkflowExecution { WorkflowId = id }, Reason = "test" }.ToByteArray();

    public static byte[] Signal(string @namespace = "payments", string id = "w-1", string name = "go") =>
        new SignalWorkflowExecutionRequest { Namespace = @namespace, WorkflowExecution = new WorkflowExecution { WorkflowId = id }, SignalName = name }.ToByteArray();

    public static byte[] Poll(string @namespace = "payments", string queue = "payments") =>
        new PollWorkflowTaskQueueRequest { Namespace = @namespace, TaskQueue = new TaskQueue { Name = queue, Kind = TaskQueueKind.Normal }, Identity = "77@worker" }
            .ToByteArray();

    public static byte[] CompleteActivity(ByteString token, string @namespace = "payments") =>
        new RespondActivityTaskCompletedRequest { Namespace = @namespace, TaskToken = token, Identity = "77@worker" }.ToByteArray();

    /// <summary>One top-level string field by hand: to say it twice, or with another wire type.</summary>
    public static byte[] Field(int number, string value)
    {
        using var buffer = new MemoryStream();
        using (var to = new CodedOutputStream(buffer, leaveOpen: true))
        {
            to.WriteTag(number, WireFormat.WireType.LengthDelimited);
            to.WriteString(value);
        }

        return buffer.ToArray();
    }

    public static byte[] Field(int number, IMessage message)
    {
        using var buffer = new MemoryStream();
        using (var to = new CodedOutputStream(buffer, leaveOpen: true))
        {
            to.WriteTag(number, WireFormat.WireType.LengthDelimited);
            to.WriteMessage(message);
        }

        return buffer.ToArray();
    }
}
