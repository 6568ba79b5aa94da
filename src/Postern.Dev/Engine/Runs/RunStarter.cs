using Google.Protobuf;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>Makes runs, as the id policies allow. The first workflow task is the caller's to schedule.</summary>
internal static class RunStarter
{
    public static WorkflowRun Start(EngineState state, RunStart start)
    {
        var run = new WorkflowRun(state, start);
        state.Runs.Add(run);
        run.Begin();
        run.StateTransitions++;
        return run;
    }

    /// <summary>A child's start: null when its id is taken.</summary>
    public static WorkflowRun? TryStart(EngineState state, RunStart start, WorkflowIdReusePolicy reuse)
    {
        try
        {
            if (state.Runs.Current(start.Namespace.Id, start.WorkflowId) is { } current)
            {
                Allow(state, start, current, reuse, WorkflowIdConflictPolicy.Fail);
            }
        }
        catch (RpcException)
        {
            return null;
        }

        return Start(state, start);
    }

    /// <summary>Whether a workflow of this id may start now. Throws what the server answers when not; the run to use instead, if the policy says so.</summary>
    public static WorkflowRun? Allow(EngineState state, RunStart start, WorkflowRun current, WorkflowIdReusePolicy reuse, WorkflowIdConflictPolicy conflict)
    {
        if (current.Running)
        {
            if (reuse == TerminateIfRunning)
            {
                conflict = WorkflowIdConflictPolicy.TerminateExisting;
            }

            switch (conflict)
            {
                case WorkflowIdConflictPolicy.UseExisting:
                    return current;
                case WorkflowIdConflictPolicy.TerminateExisting:
                    var details = new Payloads();
                    details.Payloads_.Add(new Payload { Data = ByteString.CopyFromUtf8($"\"terminated by new runID: {start.RunId}\"") });
                    details.Payloads_[0].Metadata["encoding"] = ByteString.CopyFromUtf8("json/plain");
                    current.Terminate("TerminateIfRunning WorkflowIdReusePolicy", details, "history-service");
                    return null;
                default:
                    throw AlreadyStarted(current, $"Workflow execution is already running. WorkflowId: {current.WorkflowId}, RunId: {current.RunId}.");
            }
        }

        var refusal = reuse switch
        {
            WorkflowIdReusePolicy.RejectDuplicate => "reject duplicate workflow Id",
            WorkflowIdReusePolicy.AllowDuplicateFailedOnly when current.Status == WorkflowExecutionStatus.Completed => "allow duplicate workflow Id if last run failed",
            _ => null,
        };
        return refusal is null
            ? null
            : throw AlreadyStarted(current, $"Workflow execution already finished. WorkflowId: {current.WorkflowId}, RunId: {current.RunId}. Workflow Id reuse policy: {refusal}.");
    }

    // The API deprecates this policy's name; clients that still send its number are served as ever.
    private const WorkflowIdReusePolicy TerminateIfRunning = (WorkflowIdReusePolicy)4;

    private static RpcException AlreadyStarted(WorkflowRun current, string message) =>
        new(StatusCode.AlreadyExists, message, new WorkflowExecutionAlreadyStartedFailure
        {
            StartRequestId = current.Start.RequestId,
            RunId = current.RunId,
            FirstExecutionRunId = current.Start.FirstRunId,
        });
}
