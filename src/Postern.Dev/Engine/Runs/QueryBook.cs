using Postern.Dev.Engine.Grpc;
using Postern.Dev.Engine.Queues;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.ErrorDetails.V1;
using Temporalio.Api.Failure.V1;
using Temporalio.Api.Query.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.Dev.Engine.Runs;

/// <summary>One query, until someone answers it.</summary>
internal sealed class PendingQuery(WorkflowRun run, WorkflowQuery query)
{
    private readonly TaskCompletionSource<Payloads?> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public string Id { get; } = Guid.NewGuid().ToString();

    public WorkflowRun Run { get; } = run;

    public WorkflowQuery Query { get; } = query;

    public Task<Payloads?> Answer => answer.Task;

    /// <summary>Whoever asked doesn't wait any more, or has the answer.</summary>
    public bool Over { get; private set; }

    /// <summary>It went out with the workflow task that is with a worker now.</summary>
    public bool Attached { get; set; }

    public EngineTimers.Entry? Timer { get; set; }

    public void Succeed(Payloads? result)
    {
        End();
        answer.TrySetResult(result);
    }

    public void Fail(string message, Failure? failure)
    {
        End();
        answer.TrySetException(new RpcException(StatusCode.InvalidArgument, message, new QueryFailedFailure { Failure = failure }));
    }

    public void End()
    {
        Over = true;
        Timer?.Cancel();
    }
}

/// <summary>A run's queries. They see what the workflow has seen: behind a pending workflow task they go with it, otherwise straight to a worker.</summary>
internal sealed class QueryBook(EngineState state, WorkflowRun run)
{
    private static readonly TimeSpan StickyWait = TimeSpan.FromSeconds(5);
    private readonly List<PendingQuery> waiting = [];

    public PendingQuery Ask(WorkflowQuery query)
    {
        var asked = new PendingQuery(run, query);
        if (run.Running && (run.Task.Pending is not null || run.Task.LastStartedId == 0))
        {
            waiting.Add(asked);
        }
        else
        {
            Send(asked);
        }

        return asked;
    }

    public IEnumerable<(string Id, WorkflowQuery Query)> AttachTo()
    {
        waiting.RemoveAll(q => q.Over);
        foreach (var query in waiting)
        {
            query.Attached = true;
            yield return (query.Id, query.Query);
        }
    }

    /// <summary>The answers that came with a workflow task.</summary>
    public void Answered(IDictionary<string, WorkflowQueryResult> results)
    {
        foreach (var query in waiting.Where(q => q.Attached).ToArray())
        {
            query.Attached = false;
            if (!results.TryGetValue(query.Id, out var result))
            {
                continue;
            }

            waiting.Remove(query);
            if (result.ResultType == QueryResultType.Answered)
            {
                query.Succeed(result.Answer);
            }
            else
            {
                query.Fail(result.ErrorMessage, result.Failure);
            }
        }
    }

    /// <summary>No workflow task is pending any more: what waited for one goes on its own.</summary>
    public void SendWaiting()
    {
        if (run.Task.Pending is null)
        {
            var queries = waiting.ToArray();
            waiting.Clear();
            foreach (var query in queries.Where(q => !q.Over))
            {
                Send(query);
            }
        }
    }

    public void SendAgain()
    {
        foreach (var query in waiting)
        {
            query.Attached = false;
        }
    }

    public void RunClosed() => state.Defer(SendWaiting);

    private void Send(PendingQuery query)
    {
        var (queue, sticky) = run.Running ? run.Task.Queue() : (new() { Name = run.Start.TaskQueue }, false);
        SendTo(query, queue.Name, sticky);
        if (sticky)
        {
            query.Timer = state.Timers.After(StickyWait, () =>
            {
                if (!query.Over)
                {
                    SendTo(query, run.Start.TaskQueue, sticky: false);
                }
            });
        }
    }

    private void SendTo(PendingQuery query, string queue, bool sticky)
    {
        state.QueryTasks[query.Id] = query;
        state.Queues.Workflow(run.Start.Namespace.Id, queue).Offer(new QueryWork(query, queue, sticky));
    }
}

/// <summary>A query in a queue.</summary>
internal sealed class QueryWork(PendingQuery query, string queue, bool sticky) : IQueuedWork<PollWorkflowTaskQueueResponse>
{
    public bool Alive => !query.Over;

    public PollWorkflowTaskQueueResponse Start(Poller poller)
    {
        query.Timer?.Cancel();
        var token = new QueryToken(query.Run.Start.Namespace.Id, queue, query.Id);
        return WorkflowTaskAnswers.Query(query.Run, query.Query, token, sticky);
    }
}
