using System.Collections.Concurrent;
using System.Text.Json;
using Google.Protobuf;
using Temporalio.Api.Nexus.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>
/// Which Nexus operation of ours stands for which recorded one: the one that the same workflow scheduled with the same event. What the recorded server made up
/// for it (a request id, the callback's token) and its worker repeats is exchanged for ours.
/// </summary>
internal sealed class NexusMap(RunMap runs)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);
    private readonly Dictionary<ByteString, string> recordedTasks = [];
    private readonly Dictionary<string, string> recordedRequests = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> recordedCallbacks = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TaskCompletionSource<ByteString>> arrived = new();

    public void NoteRecorded(PollNexusTaskQueueResponse task)
    {
        var key = Key(task.Request.StartOperation);
        recordedTasks[task.TaskToken] = key;
        recordedRequests[key] = task.Request.StartOperation.RequestId;
        recordedCallbacks[key] = Callback(task.Request.StartOperation);
        runs.NoteRecordedText(recordedRequests[key]);
        runs.NoteRecordedText(recordedCallbacks[key]);
    }

    public void NoteRecorded(PollWorkflowTaskQueueResponse task)
    {
        foreach (var (key, request) in Scheduled(task))
        {
            recordedRequests[key] = request;
            runs.NoteRecordedText(request);
        }
    }

    public void NoteOurs(PollNexusTaskQueueResponse task)
    {
        if (task.TaskToken.IsEmpty)
        {
            return;
        }

        var key = Key(task.Request.StartOperation);
        runs.NoteOurText(recordedRequests[key], task.Request.StartOperation.RequestId);
        runs.NoteOurText(recordedCallbacks[key], Callback(task.Request.StartOperation));
        Slot(key).TrySetResult(task.TaskToken);
    }

    public void NoteOurs(PollWorkflowTaskQueueResponse task)
    {
        foreach (var (key, request) in Scheduled(task).Where(s => recordedRequests.ContainsKey(s.Key)))
        {
            runs.NoteOurText(recordedRequests[key], request);
        }
    }

    /// <summary>Whether a recorded answer is one to an operation.</summary>
    public bool Knows(IMessage answer) =>
        recordedTasks.ContainsKey((ByteString)answer.Descriptor.FindFieldByName("task_token").Accessor.GetValue(answer));

    /// <summary>Our token for a recorded one, once a poll has brought it.</summary>
    public Task<ByteString> TokenAsync(ByteString recorded) => Slot(recordedTasks[recorded]).Task.WaitAsync(Deadline);

    private TaskCompletionSource<ByteString> Slot(string key) => arrived.GetOrAdd(key, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));

    // The link names workflow, run and event; runs differ.
    private static string Key(StartOperationRequest start)
    {
        var url = new Uri(start.Links[0].Url);
        return $"{url.Segments[4]}{url.Query.Split('&')[0][1..]}";
    }

    private static string Callback(StartOperationRequest start)
    {
        using var token = JsonDocument.Parse(start.CallbackHeader["temporal-callback-token"]);
        return token.RootElement.GetProperty("d").GetString()!;
    }

    private static IEnumerable<(string Key, string Request)> Scheduled(PollWorkflowTaskQueueResponse task) => (task.History?.Events ?? [])
        .Where(e => e.NexusOperationScheduledEventAttributes is not null)
        .Select(e => ($"{task.WorkflowExecution.WorkflowId}/eventID={e.EventId}", e.NexusOperationScheduledEventAttributes.RequestId));
}
