using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Update.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>One update on its way: admitted, given to the worker, accepted, completed, or turned away.</summary>
internal sealed class WorkflowUpdate(WorkflowRun run, Request request)
{
    private TaskCompletionSource changed = New();

    public WorkflowRun Run { get; } = run;

    public Request Request { get; } = request;

    public string Id => Request.Meta.UpdateId;

    public UpdateWorkflowExecutionLifecycleStage Stage { get; private set; } = UpdateWorkflowExecutionLifecycleStage.Admitted;

    public Outcome? Outcome { get; private set; }

    public bool Sent { get; set; }

    public long AcceptedEventId { get; private set; }

    /// <summary>Why it will never be carried out, when that isn't for the worker to say.</summary>
    public RpcException? Aborted { get; private set; }

    public Task Changed => changed.Task;

    public void Accept(long eventId)
    {
        AcceptedEventId = eventId;
        Move(UpdateWorkflowExecutionLifecycleStage.Accepted);
    }

    public void Complete(Outcome outcome)
    {
        Outcome = outcome;
        Move(UpdateWorkflowExecutionLifecycleStage.Completed);
    }

    public void Abort(RpcException why)
    {
        Aborted = why;
        Move(Stage);
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Move(UpdateWorkflowExecutionLifecycleStage stage)
    {
        Stage = stage;
        var before = changed;
        changed = New();
        before.TrySetResult();
    }
}
