using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Runs;
using Postern.Dev.Engine.Services;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Nexus;

/// <summary>What the endpoint of the system offers workflows: signal-with-start in their own namespace.</summary>
internal static class SystemOperations
{
    private const string Operation = "SignalWithStartWorkflowExecution";

    /// <summary>What is wrong with a command for this endpoint; null if nothing.</summary>
    public static string? Check(string service, string operation, int headers, Payload? input) =>
        service != EngineMethods.WorkflowService ? $"unknown service \"{service}\""
        : operation != Operation ? $"unknown operation \"{operation}\""
        : headers > 0 ? "NexusHeader is not supported for system operations"
        : Read(input) is null ? "input is not a SignalWithStartWorkflowExecutionRequest"
        : null;

    /// <summary>Does it; the answer as a payload with the link that the server puts on the event, or the failure.</summary>
    public static (Payload? Result, Link? Link, Temporalio.Api.Failure.V1.Failure? Failure) Call(EngineState state, WorkflowRun run, long scheduledId, NexusOperationScheduledEventAttributes scheduled)
    {
        var request = Read(scheduled.Input)!;
        request.Namespace = run.Start.Namespace.Name;
        request.RequestId = scheduled.RequestId;
        request.Links.Clear();
        request.Links.Add(Links.Event(run, scheduledId, EventType.NexusOperationScheduled));
        try
        {
            var answer = new StartService(state).SignalWithStart(run.Start.Namespace, request);
            answer.FirstExecutionRunId = "";
            var result = new Payload { Data = answer.ToByteString() };
            result.Metadata["encoding"] = ByteString.CopyFromUtf8("binary/protobuf");
            result.Metadata["messageType"] = ByteString.CopyFromUtf8(SignalWithStartWorkflowExecutionResponse.Descriptor.FullName);
            return (result, answer.SignalLink, null);
        }
        catch (RpcException error)
        {
            return (null, null, NexusFailures.Handler("BAD_REQUEST", error.Message));
        }
    }

    private static SignalWithStartWorkflowExecutionRequest? Read(Payload? input)
    {
        try
        {
            return input is null ? null : SignalWithStartWorkflowExecutionRequest.Parser.ParseFrom(input.Data);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
