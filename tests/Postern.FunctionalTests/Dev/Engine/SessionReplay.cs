using Google.Protobuf;
using Postern.Dev.Engine;
using Postern.Dev.Engine.Runs;
using Postern.FunctionalTests.Infrastructure;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.OperatorService.V1;
using Temporalio.Api.Query.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Postern.FunctionalTests.Dev.Engine;

/// <summary>
/// Plays a recorded session, clients and worker, against the engine: every request as it was sent, with our ids in it, in the recorded order;
/// the worker's answers when their tasks have come. What the engine answers, and the histories at the end, must be the recorded ones.
/// </summary>
internal sealed class SessionReplay : IAsyncDisposable
{
    private readonly GrpcClient client;
    private readonly RunMap runs = new();
    private readonly NexusMap operations;
    private readonly TaskArrivals arrivals;
    private readonly List<RecordedCall> calls;
    private readonly List<string> differences = [];
    private readonly List<Task> waiting = [];
    private readonly Dictionary<ByteString, PollWorkflowTaskQueueResponse> recordedTasks = [];
    private readonly Dictionary<(string Namespace, string WorkflowId, string RunId), SortedDictionary<long, HistoryEvent>> recordedHistories = [];

    private SessionReplay(GrpcClient client, List<RecordedCall> calls)
    {
        this.client = client;
        this.calls = calls;
        operations = new NexusMap(runs);
        arrivals = new TaskArrivals(client, runs, operations);
    }

    /// <summary>Plays a recording; the differences, none if the engine did as the server.</summary>
    public static async Task<IReadOnlyList<string>> PlayAsync(string name, Func<RecordedCall, bool> wanted)
    {
        await using var engine = await EngineCalls.StartAsync(EngineCalls.Recorded with
        {
            CompletePollsOnShutdown = true,
            SignalWithStartFromWorkflow = !name.Contains("default_server", StringComparison.Ordinal),
        });
        using var caller = new GrpcClient(engine.Address.ToString());
        var recorded = Recording.Read(name).Where(c => c is { RequestTruncated: false } && (c.Path.StartsWith(GrpcClient.WorkflowService, StringComparison.Ordinal) || c.Operation == "CreateNexusEndpoint")).Where(wanted).ToList();
        await using var replay = new SessionReplay(caller, recorded);
        replay.ReadRecorded();
        foreach (var (recordedId, space) in replay.runs.Namespaces.ToList())
        {
            replay.runs.Namespaces[recordedId] =
                (await caller.OkAsync<DescribeNamespaceResponse>("DescribeNamespace", new DescribeNamespaceRequest { Namespace = space })).NamespaceInfo.Id;
        }

        foreach (var call in recorded)
        {
            await replay.PlayAsync(call);
        }

        await Task.WhenAll(replay.waiting);
        await replay.CompareHistoriesAsync();
        return replay.differences;
    }

    public ValueTask DisposeAsync() => arrivals.DisposeAsync();

    private static bool Waits(RecordedCall call) => call.Operation is "QueryWorkflow" or "UpdateWorkflowExecution" or "ExecuteMultiOperation"
        or "PollWorkflowExecutionUpdate" or "GetWorkflowExecutionHistory";

    // By the same method workers also get the server's commands to themselves, which this engine doesn't send.
    private static bool IsOperation(RecordedCall poll) =>
        PollNexusTaskQueueRequest.Parser.ParseFrom(GrpcFrame.Message(poll.RequestBody)).TaskQueue.Kind == TaskQueueKind.Normal;

    private static T? Answer<T>(RecordedCall call)
        where T : class, IMessage<T>, new()
    {
        if (!call.IsWhole || call.TrailersOnly || call.ResponseBody.Length == 0)
        {
            return null;
        }

        var answer = new T();
        answer.MergeFrom(GrpcFrame.Message(call.ResponseBody));
        return answer;
    }

    // What the recording says of runs, tasks, queries and histories, before anything is played.
    private void ReadRecorded()
    {
        foreach (var call in calls)
        {
            switch (call.Operation)
            {
                case "PollWorkflowTaskQueue":
                    NoteTask(Space(call), Answer<PollWorkflowTaskQueueResponse>(call));
                    break;
                case "PollNexusTaskQueue" when Answer<PollNexusTaskQueueResponse>(call) is { TaskToken.IsEmpty: false } nexus && IsOperation(call):
                    operations.NoteRecorded(nexus);
                    runs.Namespaces[TaskToken.Parse(nexus.TaskToken).NamespaceId] = Space(call);
                    break;
                case "CreateNexusEndpoint" when Answer<CreateNexusEndpointResponse>(call) is { } created:
                    runs.NoteRecordedText(created.Endpoint.Id);
                    break;
                case "RespondQueryTaskCompleted":
                    NoteAnswer(RespondQueryTaskCompletedRequest.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody)));
                    break;
                case "StartWorkflowExecution" when Answer<StartWorkflowExecutionResponse>(call) is { } started:
                    runs.NoteRecorded(StartWorkflowExecutionRequest.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody)).WorkflowId, started.RunId);
                    NoteTask(Space(call), started.EagerWorkflowTask);
                    break;
                case "SignalWithStartWorkflowExecution" when Answer<SignalWithStartWorkflowExecutionResponse>(call) is { } started:
                    runs.NoteRecorded(SignalWithStartWorkflowExecutionRequest.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody)).WorkflowId, started.RunId);
                    break;
                case "ExecuteMultiOperation" when Answer<ExecuteMultiOperationResponse>(call) is { } multi:
                    runs.NoteRecorded(multi.Responses[1].UpdateWorkflow.UpdateRef.WorkflowExecution.WorkflowId, multi.Responses[0].StartWorkflow.RunId);
                    break;
                case "RespondWorkflowTaskCompleted":
                    NoteAnswers(RespondWorkflowTaskCompletedRequest.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody)));
                    NoteTask(Space(call), Answer<RespondWorkflowTaskCompletedResponse>(call)?.WorkflowTask);
                    break;
                case "GetWorkflowExecutionHistory" when Answer<GetWorkflowExecutionHistoryResponse>(call) is { } history:
                    var asked = GetWorkflowExecutionHistoryRequest.Parser.ParseFrom(GrpcFrame.Message(call.RequestBody));
                    if (asked.HistoryEventFilterType != HistoryEventFilterType.CloseEvent)
                    {
                        NoteHistory(Space(call), asked.Execution, history.History);
                    }

                    break;
            }
        }
    }

    private static string Space(RecordedCall call)
    {
        var request = EngineCalls.Type(call.Path, "Request").Parser.ParseFrom(GrpcFrame.Message(call.RequestBody));
        return (string)request.Descriptor.FindFieldByName("namespace").Accessor.GetValue(request);
    }

    // Whether a query goes with a workflow task or on its own depends on who was faster: its answer is given where it is asked.
    private void NoteAnswer(RespondQueryTaskCompletedRequest answer)
    {
        if (recordedTasks.TryGetValue(answer.TaskToken, out var task))
        {
            arrivals.WillAnswer(task.WorkflowExecution.WorkflowId, task.Query.QueryType, new WorkflowQueryResult
            {
                ResultType = answer.CompletedType,
                Answer = answer.QueryResult,
                ErrorMessage = answer.ErrorMessage,
                Failure = answer.Failure,
            });
        }
    }

    private void NoteAnswers(RespondWorkflowTaskCompletedRequest completed)
    {
        foreach (var (id, result) in completed.QueryResults)
        {
            var task = recordedTasks[completed.TaskToken];
            arrivals.WillAnswer(task.WorkflowExecution.WorkflowId, task.Queries[id].QueryType, result);
        }
    }

    private void NoteTask(string space, PollWorkflowTaskQueueResponse? task)
    {
        if (task is null || task.TaskToken.IsEmpty)
        {
            return;
        }

        runs.Namespaces[TaskToken.Parse(task.TaskToken).NamespaceId] = space;
        runs.NoteRecorded(task.WorkflowExecution.WorkflowId, task.WorkflowExecution.RunId);
        recordedTasks[task.TaskToken] = task;
        operations.NoteRecorded(task);
        NoteHistory(space, task.WorkflowExecution, task.History);
    }

    private void NoteHistory(string space, WorkflowExecution execution, History? history)
    {
        if (history is null || execution.RunId.Length == 0)
        {
            return;
        }

        var key = (space, execution.WorkflowId, execution.RunId);
        if (!recordedHistories.TryGetValue(key, out var events))
        {
            recordedHistories.Add(key, events = []);
        }

        // Events of a further attempt are shown to the worker without having been written: they carry no task id.
        foreach (var e in history.Events.Where(e => e.TaskId != 0))
        {
            events[e.EventId] = e;
        }
    }

    private async Task PlayAsync(RecordedCall call)
    {
        var request = EngineCalls.Type(call.Path, "Request").Parser.ParseFrom(GrpcFrame.Message(call.RequestBody));
        switch (call.Operation)
        {
            case "PollWorkflowTaskQueue" or "PollActivityTaskQueue" when Recorded(call).Status == 0:
                arrivals.Open(call.Operation, request);
                return;
            case "PollNexusTaskQueue" when IsOperation(call):
                arrivals.Open(call.Operation, request);
                return;
            case "RespondNexusTaskCompleted" or "RespondNexusTaskFailed" when !operations.Knows(request):
            case "PollNexusTaskQueue" or "RespondQueryTaskCompleted":
                return;
        }

        if (call.End != "ok")
        {
            return;
        }

        if (Waits(call))
        {
            waiting.Add(SendAsync(call, request));
            // Taken by the engine before what follows: a query of an unfinished run must not find it finished.
            for (var i = 0; i < 3; i++)
            {
                await client.AskAsync("GetSystemInfo");
            }

            return;
        }

        await SendAsync(call, request);
        if (call.Operation == "ShutdownWorker")
        {
            await arrivals.CloseAsync();
        }
    }

    private async Task SendAsync(RecordedCall call, IMessage recorded)
    {
        var request = recorded.Descriptor.Parser.ParseFrom(await runs.TranslateAsync(recorded.ToByteArray()));
        await PrepareAsync(call, recorded, request);
        var headers = call.RequestHeaders.Where(h => h.Name is "grpc-timeout" or "client-name" or "client-version" or "supported-features").ToArray();
        var result = await client.CallAsync(call.Path, request.ToByteArray(), null, default, headers);
        if (result.Status == 0)
        {
            Take(call, request, GrpcFrame.Message(result.Body));
        }

        Compare(call, result);
    }

    // Tokens and query ids are the engine's own: ours for the recorded ones.
    private async Task PrepareAsync(RecordedCall call, IMessage recorded, IMessage request)
    {
        var field = request.Descriptor.FindFieldByName("task_token");
        if (field?.Accessor.GetValue(request) is not ByteString { IsEmpty: false } bytes)
        {
            return;
        }

        if (request is RespondNexusTaskCompletedRequest or RespondNexusTaskFailedRequest)
        {
            field.Accessor.SetValue(request, await operations.TokenAsync((ByteString)field.Accessor.GetValue(recorded)));
            return;
        }

        if (Recorded(call).Message == "Error deserializing task token.")
        {
            return;
        }

        var token = TaskToken.Parse(bytes) with { StartedTime = null };
        field.Accessor.SetValue(request, token.ToBytes());
        if (Recorded(call).Status == 0)
        {
            var task = await arrivals.TaskAsync(token);
            if (request is RespondWorkflowTaskCompletedRequest completed)
            {
                completed.QueryResults.Clear();
                foreach (var (id, query) in task!.Queries)
                {
                    completed.QueryResults[id] = arrivals.AnswerTo(task.WorkflowExecution.WorkflowId, query.QueryType);
                }
            }
        }
    }

    private void Take(RecordedCall call, IMessage request, byte[] answer)
    {
        switch (call.Operation)
        {
            case "StartWorkflowExecution":
                var started = StartWorkflowExecutionResponse.Parser.ParseFrom(answer);
                runs.NoteOurs(((StartWorkflowExecutionRequest)request).WorkflowId, started.RunId);
                arrivals.Take(started.EagerWorkflowTask);
                break;
            case "CreateNexusEndpoint":
                runs.NoteOurText(Answer<CreateNexusEndpointResponse>(call)!.Endpoint.Id, CreateNexusEndpointResponse.Parser.ParseFrom(answer).Endpoint.Id);
                break;
            case "SignalWithStartWorkflowExecution":
                runs.NoteOurs(((SignalWithStartWorkflowExecutionRequest)request).WorkflowId, SignalWithStartWorkflowExecutionResponse.Parser.ParseFrom(answer).RunId);
                break;
            case "RespondWorkflowTaskCompleted":
                var completed = RespondWorkflowTaskCompletedResponse.Parser.ParseFrom(answer);
                arrivals.Take(completed.WorkflowTask);
                foreach (var activity in completed.ActivityTasks)
                {
                    arrivals.Take(activity);
                }

                break;
        }
    }

    private static (int Status, string Message, string? Details) Recorded(RecordedCall call)
    {
        var all = call.Trailers.Concat(call.ResponseHeaders).ToList();
        return (int.Parse(RawAnswer.Find(all, "grpc-status") ?? "0"), Uri.UnescapeDataString(RawAnswer.Find(all, "grpc-message") ?? ""), RawAnswer.Find(all, "grpc-status-details-bin"));
    }

    private void Compare(RecordedCall call, GrpcResult result)
    {
        var (status, message, details) = Recorded(call);
        if ((status, runs.Translate(message)) != (result.Status, result.Message))
        {
            differences.Add($"{call}: recorded {status} '{runs.Translate(message)}', ours {result.Status} '{result.Message}'");
        }
        else if (AnswerComparison.Details(runs, details) != AnswerComparison.Details(runs, result.Details))
        {
            differences.Add($"{call}: recorded details {AnswerComparison.Details(runs, details)}, ours {AnswerComparison.Details(runs, result.Details)}");
        }
        else if (status == 0 && AnswerComparison.Difference(runs, call, GrpcFrame.Message(result.Body)) is { } difference)
        {
            differences.Add($"{call}: {difference}");
        }
    }

    private async Task CompareHistoriesAsync()
    {
        foreach (var ((space, workflowId, runId), events) in recordedHistories)
        {
            var ours = await client.OkAsync<GetWorkflowExecutionHistoryResponse>("GetWorkflowExecutionHistory", new GetWorkflowExecutionHistoryRequest
            {
                Namespace = space,
                Execution = new WorkflowExecution { WorkflowId = runs.Translate(workflowId), RunId = await runs.OursAsync(runId) },
                MaximumPageSize = 1000,
            });
            differences.AddRange(events.Values
                .Select(e => AnswerComparison.Difference(runs, e, ours.History.Events.FirstOrDefault(o => o.EventId == e.EventId)))
                .Where(d => d is not null)
                .Select(d => $"history of {workflowId}: {d}; ours is {string.Join(' ', ours.History.Events.Select(o => $"{o.EventId}:{o.EventType}"))}"));
        }
    }
}
