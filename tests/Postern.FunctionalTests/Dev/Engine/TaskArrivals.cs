using System.Collections.Concurrent;
using Google.Protobuf;
using Postern.Dev.Engine.Runs;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Query.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>Polls that are always open, and the tasks that came by them: a recorded answer is played when its task has come.</summary>
internal sealed class TaskArrivals(GrpcClient client, RunMap runs, NexusMap operations) : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly CancellationTokenSource end = new();
    private readonly ConcurrentBag<Task> queries = [];
    private readonly ConcurrentDictionary<string, Task[]> loops = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<PollWorkflowTaskQueueResponse?>> arrived = new();
    private readonly ConcurrentDictionary<(string WorkflowId, string QueryType), ConcurrentQueue<WorkflowQueryResult>> answers = new();

    /// <summary>Opens polls as this recorded request does, four at a time, unless they are open.</summary>
    public void Open(string operation, IMessage poll)
    {
        var queue = poll.Descriptor.FindFieldByName("task_queue").Accessor.GetValue(poll)?.ToString();
        loops.GetOrAdd(operation + queue, _ => [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => PollAsync(operation, poll.ToByteArray())))]);
    }

    /// <summary>The worker stops: no more polls.</summary>
    public Task CloseAsync() => end.CancelAsync();

    public void Take(PollWorkflowTaskQueueResponse? task)
    {
        if (task is null || task.TaskToken.IsEmpty)
        {
            return;
        }

        runs.NoteOurs(task.WorkflowExecution.WorkflowId, task.WorkflowExecution.RunId);
        if (task.Query is not null)
        {
            queries.Add(AnswerAsync(task));
            return;
        }

        operations.NoteOurs(task);
        Slot(Key(TaskToken.Parse(task.TaskToken))).TrySetResult(task);
    }

    public void Take(PollActivityTaskQueueResponse? task)
    {
        if (task is not null && !task.TaskToken.IsEmpty)
        {
            runs.NoteOurs(task.WorkflowExecution.WorkflowId, task.WorkflowExecution.RunId);
            Slot(Key(TaskToken.Parse(task.TaskToken))).TrySetResult(null);
        }
    }

    /// <summary>The task of a token, once a poll has brought it.</summary>
    public async Task<PollWorkflowTaskQueueResponse?> TaskAsync(TaskToken token)
    {
        try
        {
            return await Slot(Key(token)).Task.WaitAsync(Deadline);
        }
        catch (TimeoutException late)
        {
            throw new InvalidOperationException($"No task {Key(token)}; there were {string.Join(", ", arrived.Where(a => a.Value.Task.IsCompleted).Select(a => a.Key))}", late);
        }
    }

    /// <summary>What the worker answered to a query then; its answers to the same query are given in their order.</summary>
    public void WillAnswer(string workflowId, string queryType, WorkflowQueryResult result) =>
        answers.GetOrAdd((workflowId, queryType), _ => new()).Enqueue(result);

    public WorkflowQueryResult AnswerTo(string workflowId, string queryType) =>
        answers.TryGetValue((workflowId, queryType), out var recorded) && recorded.TryDequeue(out var next)
            ? WorkflowQueryResult.Parser.ParseFrom(runs.Translate(next.ToByteArray()))
            : throw new InvalidOperationException($"No recorded answer is left to query {queryType} of {workflowId}");

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        await Task.WhenAll(loops.Values.SelectMany(l => l));
        await Task.WhenAll(queries);
        end.Dispose();
    }

    private static string Key(TaskToken token) => $"{token.WorkflowId} {token.RunId} {token.ScheduledEventId} {(token.ActivityId.Length > 0 ? "activity" : "task")} attempt {token.Attempt}";

    private async Task AnswerAsync(PollWorkflowTaskQueueResponse task)
    {
        var result = AnswerTo(task.WorkflowExecution.WorkflowId, task.Query.QueryType);
        await client.OkAsync<RespondQueryTaskCompletedResponse>("RespondQueryTaskCompleted", new RespondQueryTaskCompletedRequest
        {
            TaskToken = task.TaskToken,
            CompletedType = result.ResultType,
            QueryResult = result.Answer,
            ErrorMessage = result.ErrorMessage,
            Failure = result.Failure,
        });
    }

    private TaskCompletionSource<PollWorkflowTaskQueueResponse?> Slot(string key) =>
        arrived.GetOrAdd(key, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));

    private async Task PollAsync(string operation, byte[] request)
    {
        try
        {
            while (!end.IsCancellationRequested)
            {
                var answer = await client.CallAsync(operation, request, null, end.Token, ("grpc-timeout", "20S"));
                Assert.True(answer.Status == 0, answer.Message);
                if (operation == "PollWorkflowTaskQueue")
                {
                    Take(PollWorkflowTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body)));
                }
                else if (operation == "PollNexusTaskQueue")
                {
                    operations.NoteOurs(PollNexusTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body)));
                }
                else
                {
                    Take(PollActivityTaskQueueResponse.Parser.ParseFrom(GrpcFrame.Message(answer.Body)));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the session.
        }
    }
}
