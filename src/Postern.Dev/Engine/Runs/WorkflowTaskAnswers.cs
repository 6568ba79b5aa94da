using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Query.V1;
using Temporalio.Api.TaskQueue.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>What a worker is told with a workflow task or a query.</summary>
internal static class WorkflowTaskAnswers
{
    public static PollWorkflowTaskQueueResponse Task(WorkflowRun run, PendingWorkflowTask task)
    {
        var answer = Common(run);
        answer.TaskToken = new TaskToken
        {
            NamespaceId = run.Start.Namespace.Id,
            WorkflowId = run.WorkflowId,
            RunId = run.RunId,
            ScheduledEventId = task.ScheduledId,
            Attempt = task.Attempt,
            StartedEventId = task.StartedId,
            StartedTime = task.StartedAt,
        }.ToBytes();
        answer.StartedEventId = task.StartedId;
        answer.Attempt = task.Attempt;
        answer.History = HistoryFrom(run, task.Sticky ? run.Task.LastStartedId + 1 : 1);
        answer.ScheduledTime = Timestamp.FromDateTimeOffset(task.ScheduledAt);
        answer.StartedTime = Timestamp.FromDateTimeOffset(task.StartedAt!.Value);
        if (task.Kind != WorkflowTaskKind.Normal)
        {
            answer.History.Events.Add(Unwritten(EventType.WorkflowTaskScheduled, task.ScheduledId, task.ScheduledAt, RunEvents.TaskScheduled(run, task)));
            answer.History.Events.Add(Unwritten(EventType.WorkflowTaskStarted, task.StartedId, task.StartedAt.Value, RunEvents.TaskStarted(run, task)));
        }

        answer.Messages.Add(run.Updates.MessagesFor(task));
        foreach (var (id, query) in run.Queries.AttachTo())
        {
            answer.Queries.Add(id, query);
        }

        return answer;
    }

    public static PollWorkflowTaskQueueResponse Query(WorkflowRun run, WorkflowQuery query, QueryToken token, bool sticky)
    {
        var answer = Common(run);
        answer.TaskToken = token.ToBytes();
        answer.Attempt = 1;
        answer.History = sticky ? new History() : HistoryFrom(run, 1);
        answer.Query = query;
        return answer;
    }

    private static PollWorkflowTaskQueueResponse Common(WorkflowRun run) => new()
    {
        WorkflowExecution = run.Execution,
        WorkflowType = new WorkflowType { Name = run.Start.Type },
        PreviousStartedEventId = run.Task.LastStartedId,
        WorkflowExecutionTaskQueue = new TaskQueue { Name = run.Start.TaskQueue, Kind = TaskQueueKind.Normal },
    };

    private static History HistoryFrom(WorkflowRun run, long firstId)
    {
        var history = new History();
        for (var i = (int)firstId - 1; i < run.Log.Events.Count; i++)
        {
            history.Events.Add(run.Log.Events[i]);
        }

        return history;
    }

    private static HistoryEvent Unwritten(EventType type, long id, DateTimeOffset time, Action<HistoryEvent> fill)
    {
        var e = new HistoryEvent { EventId = id, EventType = type, EventTime = Timestamp.FromDateTimeOffset(time) };
        fill(e);
        return e;
    }
}
