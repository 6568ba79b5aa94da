using Google.Protobuf.WellKnownTypes;
using Postern.Dev.Engine.Grpc;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Protocol.V1;
using Temporalio.Api.Update.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>A run's updates.</summary>
internal sealed class UpdateBook(WorkflowRun run)
{
    private readonly Dictionary<string, WorkflowUpdate> updates = new(StringComparer.Ordinal);
    private readonly List<WorkflowUpdate> inOrder = [];

    public bool HasUnsent => inOrder.Exists(u => u is { Stage: UpdateWorkflowExecutionLifecycleStage.Admitted, Sent: false });

    public WorkflowUpdate? Find(string id) => updates.GetValueOrDefault(id);

    /// <summary>Takes an update in; the same id means the same update.</summary>
    public WorkflowUpdate Admit(Request request)
    {
        if (Find(request.Meta.UpdateId) is { } known)
        {
            return known;
        }

        var update = new WorkflowUpdate(run, request);
        updates.Add(update.Id, update);
        inOrder.Add(update);
        if (run.Task.Pending is null && !run.InBackoff)
        {
            run.Task.Schedule(speculative: true);
        }

        return update;
    }

    public IEnumerable<Message> MessagesFor(PendingWorkflowTask task)
    {
        foreach (var update in inOrder.Where(u => u.Stage == UpdateWorkflowExecutionLifecycleStage.Admitted))
        {
            update.Sent = true;
            yield return new Message
            {
                Id = update.Id + "/request",
                ProtocolInstanceId = update.Id,
                EventId = task.StartedId - 1,
                Body = Any.Pack(update.Request),
            };
        }
    }

    /// <summary>The worker's failed task takes its updates back; they go out again with the next.</summary>
    public void SendAgain()
    {
        foreach (var update in inOrder)
        {
            update.Sent = false;
        }
    }

    /// <summary>Carries out one of the worker's messages. False when the message is about something else.</summary>
    public bool Handle(Message message)
    {
        if (Find(message.ProtocolInstanceId) is not { } update)
        {
            return false;
        }

        if (message.Body.TryUnpack(out Acceptance acceptance))
        {
            Accept(update, acceptance);
        }
        else if (message.Body.TryUnpack(out Rejection rejection))
        {
            Reject(update, rejection.Failure);
        }
        else if (message.Body.TryUnpack(out Response response))
        {
            Complete(update, response);
        }
        else
        {
            return false;
        }

        return true;
    }

    /// <summary>The worker's task is done: what it was given and said nothing about is rejected in its name.</summary>
    public void RejectUnanswered()
    {
        foreach (var update in inOrder.Where(u => u is { Sent: true, Stage: UpdateWorkflowExecutionLifecycleStage.Admitted }).ToArray())
        {
            Reject(update, new Failure
            {
                Message = "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the worker.",
                Source = "Server",
                ApplicationFailureInfo = new ApplicationFailureInfo { Type = "UnprocessedUpdate", NonRetryable = true },
            });
        }
    }

    /// <summary>The run ended: what it accepted fails, what it didn't is for its successor, if any.</summary>
    public void Abort()
    {
        foreach (var update in inOrder.ToArray())
        {
            if (update.Stage == UpdateWorkflowExecutionLifecycleStage.Accepted)
            {
                update.Complete(new Outcome
                {
                    Failure = new Failure
                    {
                        Message = "Workflow Update failed because the Workflow completed before the Update completed.",
                        Source = "Server",
                        ApplicationFailureInfo = new ApplicationFailureInfo { Type = "AcceptedUpdateCompletedWorkflow", NonRetryable = true },
                    },
                });
            }
            else if (update.Stage == UpdateWorkflowExecutionLifecycleStage.Admitted)
            {
                Forget(update);
                update.Abort(run.NewRunId.Length == 0
                    ? RunStore.Completed()
                    : new RpcException(StatusCode.ResourceExhausted, "workflow operation can not be applied because workflow is closing", new ResourceExhaustedFailure
                    {
                        Cause = ResourceExhaustedCause.BusyWorkflow,
                        Scope = ResourceExhaustedScope.Namespace,
                    }));
            }
        }
    }

    private void Accept(WorkflowUpdate update, Acceptance acceptance)
    {
        var accepted = run.Log.Append(EventType.WorkflowExecutionUpdateAccepted, e => e.WorkflowExecutionUpdateAcceptedEventAttributes =
            new WorkflowExecutionUpdateAcceptedEventAttributes
            {
                ProtocolInstanceId = update.Id,
                AcceptedRequestMessageId = acceptance.AcceptedRequestMessageId,
                AcceptedRequestSequencingEventId = acceptance.AcceptedRequestSequencingEventId,
                AcceptedRequest = acceptance.AcceptedRequest ?? update.Request,
            });
        update.Accept(accepted.EventId);
    }

    private void Reject(WorkflowUpdate update, Failure failure)
    {
        Forget(update);
        update.Complete(new Outcome { Failure = failure });
    }

    private void Complete(WorkflowUpdate update, Response response)
    {
        run.Log.Append(EventType.WorkflowExecutionUpdateCompleted, e => e.WorkflowExecutionUpdateCompletedEventAttributes =
            new WorkflowExecutionUpdateCompletedEventAttributes
            {
                Meta = response.Meta ?? update.Request.Meta,
                AcceptedEventId = update.AcceptedEventId,
                Outcome = response.Outcome,
            });
        update.Complete(response.Outcome);
    }

    private void Forget(WorkflowUpdate update)
    {
        updates.Remove(update.Id);
        inOrder.Remove(update);
    }
}
